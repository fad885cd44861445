"""What an import writes is the same on SQLite and PostgreSQL, is all or nothing, and is stable."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Connection, select

from directory.local import add_person
from directory.model import DirectoryError, Record
from directory.readers.aaf import read_aaf
from directory.report import ImportReport, Kind
from directory.schema import LEFT, address, metadata, person
from directory.settings import ImportSettings
from tests.directory.academy import DEMO, NEXT_SETTINGS, NEXT_YEAR, ROOT, SETTINGS, everything, expected, members, take
from tests.directory.conftest import TABLES, Transaction
from tests.support.templates import Fill, filled_by


def _demo(connection: Connection) -> ImportReport:
    return take(connection, read_aaf(DEMO))


ACADEMY = filled_by(metadata.create_all, _demo)


@pytest.fixture
def database_content(request: pytest.FixtureRequest) -> Fill:
    """A fresh database has the tables, and for tests of an `academy` the demo academy in them."""
    return ACADEMY if "academy" in request.fixturenames else TABLES


@pytest.fixture
def academy(transaction: Transaction) -> Transaction:
    """The demo academy, on each engine in turn."""
    return transaction


def _addresses(connection: Connection) -> dict[int, str]:
    rows = connection.execute(
        select(person.c.source_id, address.c.address)
        .join(address, address.c.person_id == person.c.person_id)
        .where(address.c.is_primary)
    )
    return {int(source_id): text for source_id, text in rows}


async def test_lists_and_addresses_are_the_truth(academy: Transaction) -> None:
    truth = expected()
    assert await academy(members) == {name: set(found["members"]) for name, found in truth["lists"].items()}
    assert await academy(_addresses) == {one["id"]: one["address"] for one in truth["accounts"]}


async def test_the_same_set_again_changes_no_row(academy: Transaction) -> None:
    before = await academy(everything)
    report = await academy(_demo)
    assert await academy(everything) == before
    assert [*report.added, *report.changed, *report.left, *report.returned] == []
    assert (report.lists.members_added, report.lists.members_removed) == (0, 0)


async def test_a_dry_run_reports_and_changes_nothing(transaction: Transaction) -> None:
    rehearsed = await transaction(lambda connection: take(connection, read_aaf(DEMO), dry_run=True))
    assert not any((await transaction(everything)).values())
    done = await transaction(_demo)
    assert rehearsed.dry_run
    assert rehearsed.added == done.added
    assert rehearsed.suspicious == done.suspicious
    assert rehearsed.lists == done.lists


async def test_an_import_that_fails_leaves_nothing(transaction: Transaction) -> None:
    def broken() -> Iterator[Record]:
        for number, record in enumerate(read_aaf(DEMO)):
            if number == 1_200:
                raise DirectoryError("ENT_Eleve_0002.xml", 7, "the file is cut short")
            yield record

    with pytest.raises(DirectoryError, match="cut short"):
        await transaction(lambda connection: take(connection, broken()))
    assert not any((await transaction(everything)).values())
    assert (await transaction(_demo)).added.total() == 1115


_KILLED = """
import asyncio, os, signal, sys
from sqlalchemy.ext.asyncio import create_async_engine
from directory.importer import import_directory
from directory.readers.aaf import read_aaf
from tests.directory.academy import AAF, DEMO, SETTINGS

def stop(step, count):
    if step == "lists":
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with create_async_engine(sys.argv[1]).begin() as connection:
        await connection.run_sync(import_directory, [(AAF, read_aaf(DEMO))], SETTINGS, progress=stop)

asyncio.run(main())
"""


async def test_an_import_that_is_killed_leaves_nothing(transaction: Transaction, engine_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, engine_url], cwd=ROOT, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert not any((await transaction(everything)).values())


async def test_the_next_school_year(academy: Transaction) -> None:
    before = await academy(_addresses)
    printer = await academy(
        lambda connection: add_person(connection, given="Copieur", sn="Hall", address="copieur@ent.example.org")
    )
    report = await academy(lambda connection: take(connection, read_aaf(NEXT_YEAR), NEXT_SETTINGS))
    truth = expected("expected-next.json")
    assert await academy(members) == {name: set(found["members"]) for name, found in truth["lists"].items()}
    after = await academy(_addresses)
    assert before.items() <= after.items()
    now = {one["id"]: one["address"] for one in truth["accounts"]}
    # The truth keeps two guardians whose only child left: nothing in the files of the year names them any more.
    childless = {20000326, 20000659}
    left = await academy(lambda connection: _states(connection, LEFT))
    assert left == set(before) - set(now) | childless
    active = await academy(lambda connection: _states(connection, "active"))
    assert {number: after[number] for number in active - {printer}} == {
        number: text for number, text in now.items() if number not in childless
    }
    assert report.left.total() == len(left) == len(report.left_ids)
    assert [(one.who, one.what) for one in report.findings if one.kind is Kind.RENAMED] == [
        ("1000002 Anne-Gaelle Nouvelle-Epouse", "was Anne-Gaelle Aubert")
    ]


def _states(connection: Connection, state: str) -> set[int]:
    return {int(number) for number in connection.scalars(select(person.c.source_id).where(person.c.state == state))}


async def test_those_who_left_come_back_as_they_were(academy: Transaction) -> None:
    at_first = await academy(lambda connection: (everything(connection)["address"], members(connection)))
    gone = await academy(lambda connection: take(connection, read_aaf(NEXT_YEAR), NEXT_SETTINGS))
    back = replace(SETTINGS, school_year=2027, today=date(2027, 9, 1))
    report = await academy(lambda connection: take(connection, read_aaf(DEMO), back))
    assert sorted(report.returned_ids) == sorted(gone.left_ids)
    addresses, lists = at_first
    assert await academy(members) == lists
    assert set(addresses) <= set((await academy(everything))["address"])
    rows = await academy(lambda connection: connection.scalars(select(person.c.left_at)).all())
    assert sum(left_at is not None for left_at in rows) == report.left.total()


async def test_an_incomplete_set_is_refused_unless_forced(academy: Transaction) -> None:
    def without_staff() -> Iterator[Record]:
        return (record for record in read_aaf(DEMO) if type(record).__name__ != "Pupil")

    before = await academy(everything)
    with pytest.raises(DirectoryError, match=r"Frédéric-Mistral \(0131001T\): 209 of 241"):
        await academy(lambda connection: take(connection, without_staff()))
    assert await academy(everything) == before
    forced: ImportSettings = replace(SETTINGS, force=True)
    report = await academy(lambda connection: take(connection, without_staff(), forced))
    assert report.left["pupil"] == 455


async def test_a_set_without_schools_is_refused(transaction: Transaction) -> None:
    with pytest.raises(DirectoryError, match="no school"):
        await transaction(lambda connection: take(connection, []))
