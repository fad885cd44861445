"""Who may write to whom, lists, and the emergency stop: what they cost with the 17,321 people of ten schools.

Run from the root of the tree: ``python -m benchmarks.policy [--only sqlite]``.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, get_args

import psutil
import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert, select

from benchmarks.clients.smtp import SmtpClient, SmtpError
from benchmarks.peers.mailgate import mailgate
from benchmarks.peers.peer import Peer
from benchmarks.school_people import PEOPLE, school_people
from directory.schema import list_, list_member, person
from directory.settings import ImportSettings
from directory.source import Format, Source
from mailgate import migrations
from mailgate.database import Database, Statement, Tx, open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery.recipients import reached
from mailgate.directory_import import Provisioning, import_and_provision
from mailgate.policy.matrix import list_key
from mailgate.policy.sending import standing_of
from mailgate.policy.stops import stop_of
from mailgate.policy.targets import ListTarget, PersonTarget, Target
from mailgate.policy.writing import may_write
from mailgate.store.provisioning import create_accounts
from tests.support.postgresql import PostgresqlServer

Store = Literal["sqlite", "postgresql"]
Case = tuple[int, Target]
"""A writer and a recipient."""

PAIRS: Final = 3_000
LARGE_LIST: Final = 20_000
STOPS: Final = 5
CLIENTS: Final = 8
"""Connections that send without a pause while the stop comes."""

_PEOPLE: Final = Statement(select(person.c.person_id, person.c.profile))
_LISTS: Final = Statement(
    select(list_.c.list_id, list_.c.kind, list_.c.audience, list_.c.target_id, list_.c.school_id).where(list_.c.active)
)
_SETTINGS: Final = ImportSettings(
    academy="EXEMPLE", ent_domain="ent.example.org", school_year=2026, today=datetime.date(2026, 9, 15)
)
_MESSAGE: Final = b"From: <%s>\r\nTo: <%s>\r\nSubject: Essai\r\n\r\n" + b"Bonjour.\r\n" * 100


def main() -> None:
    """Measure each store, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=get_args(Store))
    chosen = parser.parse_args().only
    stores: Sequence[Store] = [chosen] if chosen else get_args(Store)
    results = {store: measured(store) for store in stores}
    table = Table("", *stores)
    for row in results[stores[0]]:
        table.add_row(row, *(results[store][row] for store in stores))
    Console(soft_wrap=True).print(table)


def measured(store: Store) -> dict[str, str]:
    """All figures of one store."""
    with academy(store) as (url, server):
        figures = uvloop.run(policy_figures(url, server))
    with mailgate(CLIENTS, store) as peer:
        return figures | stop_figures(peer)


@contextmanager
def academy(store: Store) -> Iterator[tuple[str, psutil.Process | None]]:
    """The URL of a database with the ten schools, and the server's first process."""
    with tempfile.TemporaryDirectory() as folder:
        if store == "sqlite":
            url = f"sqlite:///{folder}/mailgate.db"
            asyncio.run(fill(url))
            yield url, None
        else:
            with PostgresqlServer() as server:
                url = server.create_database()
                asyncio.run(fill(url))
                yield url, psutil.Process(server.pid)


async def fill(url: str) -> None:
    """Import the ten schools."""

    def work(connection: Connection) -> None:
        report = import_and_provision(
            connection, [(Source("benchmark", Format.AAF), school_people())], _SETTINGS, Provisioning()
        )
        if len(report.added_ids) != PEOPLE:
            raise RuntimeError(f"{len(report.added_ids)} people instead of {PEOPLE}")

    async with batch_engine(url, create=True) as engine:
        await migrations.upgrade(engine)
        async with engine.begin() as connection:
            await connection.run_sync(work)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("ANALYZE")


async def policy_figures(url: str, server: psutil.Process | None) -> dict[str, str]:
    """What one check costs, through the database seam as the gateway calls it."""
    database = await open_database(url)
    people = [(row[0], row[1]) for row in await database.read(lambda tx: tx.all(_PEOPLE))]
    lists = await database.read(lambda tx: tx.all(_LISTS))
    chance = random.Random(2024)  # noqa: S311 - no secret
    senders = [number for number, profile in people if profile != "shared"]
    to_people: list[Case] = [(chance.choice(senders), PersonTarget(*chance.choice(people))) for _ in range(PAIRS)]
    to_lists: list[Case] = [
        (chance.choice(senders), ListTarget(row[1], row[3], row[4], list_key(row[1], row[2]), row[0]))
        for row in chance.choices(lists, k=PAIRS)
    ]
    figures = {
        "May a person write to a person": await each(database, server, to_people, _may_write),
        "May a person write to a list": await each(database, server, to_lists, _may_write),
        "Is there a stop (none holds)": await each(database, server, to_people, _stop),
        "Profile, limits, what was sent this hour": await each(database, server, to_people, _standing),
    }
    await database.close()
    list_id = await make_large_list(url)
    database = await open_database(url)
    figures[f"Members of a list of {LARGE_LIST:,}"] = await each(
        database, server, to_people[:30], lambda _: lambda tx: _expand(tx, list_id)
    )
    await database.close()
    return figures


def _may_write(case: Case) -> Callable[[Tx], object]:
    return lambda tx: may_write(tx, *case)


def _stop(case: Case) -> Callable[[Tx], object]:
    return lambda tx: stop_of(tx, case[0])


def _standing(case: Case) -> Callable[[Tx], object]:
    return lambda tx: standing_of(tx, case[0])


async def _expand(tx: Tx, list_id: int) -> None:
    found = await reached(tx, [], [list_id])
    if len(found[list_id]) != LARGE_LIST:
        raise RuntimeError(f"{len(found[list_id])} members")


async def each(
    database: Database,
    server: psutil.Process | None,
    cases: Sequence[Case],
    work: Callable[[Case], Callable[[Tx], object]],
) -> str:
    """Median and 99th percentile of one after the other, once the statement is prepared; processor of both sides."""
    for case in cases[:20]:
        await database.read(work(case))  # type: ignore[arg-type]
    times, before = [], processor(server)
    for case in cases:
        begun = time.perf_counter()
        await database.read(work(case))  # type: ignore[arg-type]
        times.append((time.perf_counter() - begun) * 1000)
    spent = (processor(server) - before) * 1000 / len(cases)
    times.sort()
    return f"{statistics.median(times):.2f} / {times[len(times) * 99 // 100]:.2f} ms, {spent:.2f} ms of processor"


def processor(server: psutil.Process | None) -> float:
    """Seconds of processor that this process and the database server have used."""
    processes = [psutil.Process(), *([] if server is None else [server, *server.children(recursive=True)])]
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def make_large_list(url: str) -> int:
    """A list of everybody and as many more as are missing; its number."""

    def work(connection: Connection) -> int:
        people = [row[0] for row in connection.execute(select(person.c.person_id).where(person.c.profile != "shared"))]
        more = list(range(1, LARGE_LIST - len(people) + 1))
        named = dict.fromkeys(("source", "academy", "sdet", "sn", "given", "title", "display"), "")
        connection.execute(
            insert(person),
            [{**named, "person_id": one, "source_id": str(one), "profile": "other", "state": "active"} for one in more],
        )
        create_accounts(connection, more)
        row = {"address": "tous@ent.example.org", "kind": "manual", "audience": "", "ref": "", "label": "Tous"}
        connection.execute(insert(list_).values(**row, list_id=1, target_id=1, active=True))
        connection.execute(insert(list_member), [{"list_id": 1, "person_id": one} for one in (*people, *more)])
        return 1

    async with batch_engine(url) as engine:
        async with engine.begin() as connection:
            made = await connection.run_sync(work)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("ANALYZE")
    return made


def stop_figures(peer: Peer) -> dict[str, str]:
    """Stops under load: what the command takes, and when each connection is refused."""
    rounds = [uvloop.run(stopped(peer)) for _ in range(STOPS)]
    columns = list(zip(*rounds, strict=True))
    command, spent, work, start, first, last, late = ([value * 1000 for value in column] for column in columns)
    return {
        "Stop: the whole command": f"{statistics.median(command):,.0f} ms",
        "Stop: the command's processor": f"{statistics.median(spent):,.0f} ms",
        "Stop: from the command's start to the first refusal": f"{statistics.median(start):,.0f} ms",
        "Stop: messages accepted each second before": f"{statistics.median(work) / 1000:,.0f}",
        "Stop: from the command's end to the first refusal": f"{statistics.median(first):,.1f} ms",
        "Stop: from the command's end until all connections are refused": f"{max(last):,.1f} ms",
        "Stop: messages begun after the command's end and accepted": f"{sum(late) / 1000:.0f}",
    }


async def stopped(peer: Peer) -> tuple[float, ...]:
    """One stop; times in seconds, negative before the command has ended."""
    accepted: list[tuple[float, float]] = []
    refused: list[float] = []

    async def client() -> None:
        connection = await SmtpClient.connect(peer.smtps, peer.tls, peer.sender.address, peer.sender.password)
        address = peer.sender.address.encode()
        try:
            while True:
                begun = time.perf_counter()
                await connection.send(peer.sender.address, [peer.sender.address], _MESSAGE % (address, address))
                accepted.append((begun, time.perf_counter()))
        except SmtpError:
            refused.append(time.perf_counter())
        finally:
            connection.close()

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await asyncio.sleep(2)
    before, begun = os.times(), time.perf_counter()
    await run(peer, "stop", "add", "--profile", "management", "--hours", "1")
    ended, after = time.perf_counter(), os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    await asyncio.gather(*clients)
    await run(peer, "stop", "lift", "--all")
    speed = len([one for one in accepted if one[1] < begun]) / 2
    late = [one for one in accepted if one[0] > ended]
    first = min(refused)
    return ended - begun, spent, speed, first - begun, first - ended, max(refused) - ended, float(len(late))


async def run(peer: Peer, *arguments: str) -> None:
    """A command of `mailgate`, in a process of its own."""
    config = Path(peer.ca).parents[1] / "mailgate.toml"
    command = [sys.executable, "-m", "mailgate", "--config", str(config), *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError(f"{arguments} failed")


if __name__ == "__main__":
    main()
