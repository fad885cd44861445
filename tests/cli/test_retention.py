"""Mail of leavers is archived and purged when its time is over, all or nothing, with proof; a hold keeps it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, select, update

from mailgate.config import load
from mailgate.database import open_database
from mailgate.database.batch import batch_transaction
from mailgate.migrations.tables import METADATA
from mailgate.retention.purging import PURGED
from mailgate.retention.schema import leaver, retention_lease
from mailgate.store import MailStore, collector
from mailgate.store.schema import message
from tests.cli.command import Command
from tests.cli.test_leavers import leave, leavers, state
from tests.directory.academy import DEMO, ROOT
from tests.store.messages import message as letter

T = TypeVar("T")
DAY = 86_400
YEARS = 3 * 365 * DAY

_KILLED = """
import importlib, os, signal, sys

def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

module, _, name = sys.argv.pop(1).partition(".")
setattr(importlib.import_module(f"mailgate.retention.{module}"), name, stop)
from mailgate.cli import main
main()
"""


def on(command: Command, work: Callable[[Connection], T]) -> T:
    async def done() -> T:
        async with batch_transaction(load(command.config, {}).database.url) as connection:
            return await connection.run_sync(work)

    return asyncio.run(done())


def number(command: Command, address: str) -> int:
    found: int = command.good("account", "show", address, "--json").json["account"]
    return found


def deliver(command: Command, *to: int, subject: str) -> None:
    async def done() -> None:
        database = await open_database(load(command.config, {}).database.url)
        await MailStore(database).deliver(letter(subject), to)
        await database.close()

    asyncio.run(done())


def contents(command: Command) -> int:
    """How many contents there are, once what nobody holds was collected."""

    async def done() -> int:
        database = await open_database(load(command.config, {}).database.url)
        await collector.collect(database, now=int(time.time()) + 10 * DAY)
        await database.close()
        return 0

    asyncio.run(done())
    return len(on(command, lambda connection: connection.scalars(select(message.c.message_id)).all()))


def rows_of(command: Command, account_id: int) -> dict[str, int]:
    """How much there is of somebody in the tables that a purge is to empty."""

    def work(connection: Connection) -> dict[str, int]:
        found = {}
        for table in (table for metadata in METADATA for table in metadata.sorted_tables if table.name in PURGED):
            keys = {"account_id", "person_id", "reader_id", "grantee_id"} & {column.name for column in table.columns}
            found[table.name] = sum(
                len(connection.execute(select(table).where(table.c[key] == account_id)).all()) for key in keys
            )
        return {name: count for name, count in found.items() if count}

    return on(command, work)


def gone_for(command: Command, seconds: int, *ids: int) -> None:
    """Let these have left so long ago."""
    then = {"left_at": leaver.c.left_at - seconds, "reads_until": leaver.c.reads_until - seconds}
    on(
        command,
        lambda connection: connection.execute(update(leaver).where(leaver.c.account_id.in_(ids)).values(then)) and None,
    )


def killed(command: Command, at: str, *words: str, **environment: str) -> None:
    arguments = [sys.executable, "-c", _KILLED, at, "--config", str(command.config), *words]
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    # Two minutes without a sign of life.
    on(command, lambda connection: connection.execute(update(retention_lease).values(until=0)) and None)


def archived(folder: Path) -> dict[str, Any]:
    """Each archive, and the digest of its list of checksums, which is true."""
    found = {}
    for one in sorted(folder.iterdir()):
        sums = one / "SHA256SUMS"
        for line in sums.read_text().splitlines():
            digest, name = line.split("  ", 1)
            assert hashlib.sha256((one / name).read_bytes()).hexdigest() == digest
        found[one.name] = hashlib.sha256(sums.read_bytes()).hexdigest()
    return found


def test_mail_is_purged_with_proof_and_the_address_stays_taken(either: Command, tmp_path: Path) -> None:
    people = leavers()
    employee, pupil, relative = (number(either, people[one]) for one in ("staff", "pupil", "relative"))
    before = contents(either)
    deliver(either, employee, pupil, subject="of both")
    deliver(either, employee, subject="of one")
    leave(either)
    gone_for(either, YEARS, employee, pupil, relative)
    either.good("retention", "hold", people["pupil"], "--reason", "Procédure 2026-14")
    due = {one["address"]: one for one in either.good("retention", "due", "--days", "0", "--json").json}
    assert {one: (due[people[one]]["next"], due[people[one]]["hold"]) for one in people} == {
        "staff": ("purge", None), "relative": ("purge", None), "pupil": ("purge", "Procédure 2026-14"),
    }  # fmt: skip
    folder = tmp_path / "archives"
    settings = {"MAILGATE_RETENTION__ARCHIVE": "maildir", "MAILGATE_RETENTION__ARCHIVE_FOLDER": str(folder)}
    looked = either.good("retention", "run", "--dry-run", "--json", **settings).json
    assert {one["address"]: one["messages"] for one in looked} == {people["staff"]: 2, people["relative"]: 0}
    assert not folder.exists()
    done = either.good("retention", "run", "--json", **settings).json
    assert {one["address"] for one in done["purged"]} == {people["staff"], people["relative"]}
    assert state(either, people["staff"]) == "purged"
    assert rows_of(either, employee) == {}
    assert contents(either) == before + 1
    (proof,) = either.good("retention", "proof", people["staff"], "--json").json
    assert (proof["messages"], proof["mailboxes"], proof["account_id"]) == (2, 6, employee)
    assert proof["digest"] == archived(folder)[Path(proof["archive"]).name]
    assert len(list(Path(proof["archive"]).glob("cur/*"))) == 2
    month = time.strftime("%Y-%m", time.gmtime())
    assert len(either.good("retention", "proof", "--month", month, "--json").json) == 2
    assert either("account", "add", people["staff"], "--name", "Somebody").code == 1
    either.good("retention", "release", people["pupil"])
    assert either.good("retention", "run", "--json").json["purged"][0]["account_id"] == pupil
    assert contents(either) == before
    either.good("directory", "import", DEMO, "--force")
    assert state(either, people["staff"]) == state(either, people["pupil"]) == "active"
    assert either.good("account", "show", people["staff"], "--json").json["used"] == 0


def test_what_is_killed_is_whole_and_goes_on(either: Command, tmp_path: Path) -> None:
    address = leavers()["staff"]
    employee = number(either, address)
    deliver(either, employee, subject="one")
    leave(either)
    gone_for(either, YEARS, employee)
    folder = tmp_path / "archives"
    settings = {"MAILGATE_RETENTION__ARCHIVE": "mbox", "MAILGATE_RETENTION__ARCHIVE_FOLDER": str(folder)}
    whole = rows_of(either, employee)
    # Before the archive, before the purge, amid its transaction, at its end, after it.
    for at in ("running.archive", "running.purge", "purging.let_go", "purging.record", "running.Purged"):
        assert either.good("retention", "proof", address, "--json").json == []
        assert {**rows_of(either, employee), "account": 1} == whole
        killed(either, at, "retention", "run", **settings)
    assert rows_of(either, employee) == {}
    (proof,) = either.good("retention", "proof", address, "--json").json
    assert list(archived(folder).values()) == [proof["digest"]]
    assert either.good("retention", "run", "--json", **settings).json["purged"] == []


def test_one_run_at_a_time(academy: Command) -> None:
    academy.good("retention", "run")
    on(academy, lambda connection: connection.execute(update(retention_lease).values(until=2**40)) and None)
    assert "under way already" in academy.refused(1, "retention", "run")


def test_a_hold_that_is_not_there_and_a_month_that_is_none(academy: Command) -> None:
    address = leavers()["staff"]
    assert academy.refused(1, "retention", "release", address) == f"{address} is not held"
    assert "is no month" in academy.refused(1, "retention", "proof", "--month", "October")
    assert academy.refused(1, "retention", "proof") == "give an address, or --month"
