"""An AAF delta on what is held, then all of it combined: exactly what the ground truth says, or nothing."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from directory.importer import import_directory
from directory.model import DirectoryError, Pupil, Relative
from directory.opening import open_files
from directory.report import ImportReport
from directory.schema import metadata
from directory.source import Format, Source
from directory.sources import Taken, feeds, forget, held_sources, take_in
from tests.directory.academy import (
    AAF,
    DATA,
    DEMO,
    NEXT_SETTINGS,
    NEXT_YEAR,
    ROOT,
    SETTINGS,
    directory_in_memory,
    everything,
    expected,
    members,
)
from tests.directory.conftest import Transaction
from tests.directory.hostile_xml import SHAPES
from tests.directory.projection import unpacked
from tests.support.templates import Fill, filled_by

DELTA = DATA / "aaf-delta.tar.xz"
NOW = datetime.datetime(2025, 9, 23, 5, tzinfo=datetime.UTC)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass
class Outcome:
    """What was taken of a source, and what the directory made of it."""

    taken: Taken
    report: ImportReport


def read(connection: Connection, path: Path, *, force: bool = False, source: Source = AAF) -> Taken:
    """Hold what is at a path."""
    return take_in(connection, SETTINGS.academy, open_files(source, path, 2025), NOW, force=force)


def follow(connection: Connection, path: Path) -> Outcome:
    """Hold what is at a path and bring the directory to it."""
    taken = read(connection, path)
    return Outcome(taken, import_directory(connection, feeds(connection, SETTINGS.academy), SETTINGS))


def _held(connection: Connection) -> None:
    read(connection, DEMO)


def _followed(connection: Connection) -> None:
    follow(connection, DEMO)


FOLLOWED = filled_by(metadata.create_all, _followed)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the demo academy, held and followed."""
    return FOLLOWED


@pytest.fixture
def held() -> Iterator[Connection]:
    """The demo academy in memory, held, and nothing made of it."""
    with directory_in_memory(_held) as connection:
        yield connection


@pytest.fixture
def followed() -> Iterator[Connection]:
    """The demo academy in memory, held and followed."""
    with directory_in_memory(_followed) as connection:
        yield connection


def request(verb: str, number: int, inside: str = "", category: str = "Eleve") -> str:
    """One request of a delta."""
    return (
        f'<{verb}><operationalAttributes><attr name="categoriePersonne"><value>{category}</value></attr>'
        f"</operationalAttributes><identifier><id>{number}</id></identifier>{inside}</{verb}>"
    )


def modification(number: int, category: str = "Eleve", /, **attributes: Sequence[str]) -> str:
    """Attributes to be replaced."""
    found = "".join(
        f'<modification name="{name}" operation="replace">{"".join(f"<value>{one}</value>" for one in values)}'
        "</modification>"
        for name, values in attributes.items()
    )
    return request("modifyRequest", number, f"<modifications>{found}</modifications>", category)


def delta(folder: Path, *requests: str, day: str = "20250922", category: str = "Eleve", number: int = 0) -> Path:
    """A folder with one file of a delta more."""
    folder.mkdir(exist_ok=True)
    path = folder / f"ENT_X_Delta_{day}_{category}_{number:04d}.xml"
    path.write_text(f"{HEAD}<ficAlimMENESR>{''.join(requests)}</ficAlimMENESR>", encoding="utf-8")
    return folder


def pupils(connection: Connection) -> dict[str, Pupil]:
    """The pupils that are held."""
    ((_, records),) = feeds(connection, SETTINGS.academy)
    return {one.id: one for one in records if isinstance(one, Pupil)}


async def test_the_lists_after_the_delta_are_the_truth(transaction: Transaction) -> None:
    outcome = await transaction(lambda connection: follow(connection, DELTA))
    truth = expected("expected-delta.json", DELTA)
    lists = {name: set(found["members"]) for name, found in expected()["lists"].items()}
    for name in truth["removed"]:
        del lists[name]
    for name, change in truth["changed"].items():
        lists[name] = (lists[name] | set(change["added"])) - set(change["removed"])
    lists |= {name: set(found["members"]) for name, found in truth["created"].items()}
    assert await transaction(members) == lists
    change = outcome.report.added.total() - outcome.report.left.total()
    assert expected()["counts"]["accounts"] + change == truth["counts"]["accounts"]
    assert outcome.taken.read == ["delta 20250922"]
    assert sum(map(len, lists.values())) == truth["counts"]["memberships"]
    assert not outcome.taken.unknown
    again = await transaction(lambda connection: read(connection, DELTA, force=True))
    assert not again.change


async def test_the_next_school_year_after_the_delta(transaction: Transaction) -> None:
    await transaction(lambda connection: follow(connection, DELTA))

    def next_year(connection: Connection) -> ImportReport:
        read(connection, NEXT_YEAR)
        return import_directory(connection, feeds(connection, SETTINGS.academy), NEXT_SETTINGS)

    await transaction(next_year)
    truth = expected("expected-next.json")
    assert await transaction(members) == {name: set(found["members"]) for name, found in truth["lists"].items()}


_KILLED = """
import asyncio, os, pathlib, signal, sys
from sqlalchemy.ext.asyncio import create_async_engine
from directory import holding
from directory.importer import import_directory
from directory.sources import feeds
from tests.directory.academy import SETTINGS
from tests.directory.test_aaf_delta import read

_, url, path, at = sys.argv

def stop(step, count=0):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(holding.Holding):
    def put(self, items):
        change = super().put(items)
        stop("held")
        return change

    def remove(self, wanted):
        removed = super().remove(wanted)
        stop("removed")
        return removed

def work(connection):
    read(connection, pathlib.Path(path))
    import_directory(connection, feeds(connection, SETTINGS.academy), SETTINGS, progress=stop)

async def main():
    async with create_async_engine(url).begin() as connection:
        await connection.run_sync(work)

import directory.sources
directory.sources.Holding = Dying
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("path", "at"), [(NEXT_YEAR, "removed"), (DELTA, "held"), (DELTA, "lists")], ids=["complete", "delta", "follow"]
)
async def test_what_is_killed_in_the_middle_changes_nothing(
    transaction: Transaction, engine_url: str, path: Path, at: str
) -> None:
    before = await transaction(everything)
    words = [sys.executable, "-c", _KILLED, engine_url, str(path), at]
    killed = subprocess.run(words, cwd=ROOT, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert await transaction(everything) == before
    assert (await transaction(lambda connection: read(connection, DELTA))).change.added == 3


def test_a_complete_set_by_way_of_what_is_held_is_the_same(connection: Connection) -> None:
    follow(connection, DEMO)
    assert members(connection) == {name: set(found["members"]) for name, found in expected()["lists"].items()}
    (one,) = held_sources(connection, SETTINGS.academy)
    assert (one.source, one.records, one.day, one.how) == (AAF, 1236, "20250915", "complete")
    assert one.read_at == NOW.timestamp()


def test_attributes_are_replaced_whole_and_the_others_stay(held: Connection, tmp_path: Path) -> None:
    before = pupils(held)["10000001"]
    changes = modification(10000001, ENTEleveGroupes=["5001$A", "5001$B"]), modification(10000001, sn=["Œuvre"])
    taken = read(held, delta(tmp_path / "d", *changes))
    after = pupils(held)["10000001"]
    assert [group.name for group in after.groups] == ["A", "B"]
    assert after.sn == "Œuvre"
    keys = after.keys
    assert set(keys) - {keys[-1]} == set(before.keys) - {before.keys[-1]}
    assert replace(after, sn=before.sn, groups=before.groups, keys=before.keys) == before
    assert (taken.change.added, taken.change.changed, taken.change.removed) == (0, 1, 0)
    read(held, delta(tmp_path / "e", modification(10000001, ENTEleveGroupes=[""]), day="20250923"))
    assert pupils(held)["10000001"].groups == ()


def test_requests_are_done_in_their_order(held: Connection, tmp_path: Path) -> None:
    add = request("addRequest", 5, '<attributes><attr name="sn"><value>UN</value></attr></attributes>')
    folder = delta(tmp_path / "d", add, modification(5, sn=["DEUX"]), request("deleteRequest", 5), add)
    delta(folder, request("deleteRequest", 10000001), modification(5, givenName=["Zoé"]), number=1)
    taken = read(held, folder)
    found = pupils(held)
    assert (found["5"].sn, found["5"].given) == ("UN", "Zoé")
    assert "10000001" not in found
    assert (taken.change.added, taken.change.changed, taken.change.removed) == (1, 0, 1)


def test_a_deletion_done_already_is_no_matter_and_a_modification_of_nobody_is_told(
    held: Connection, tmp_path: Path
) -> None:
    taken = read(held, delta(tmp_path / "d", request("deleteRequest", 77), modification(78, sn=["X"])))
    assert not taken.change
    assert [(one.id, one.line) for one in taken.unknown] == [("78", 2)]


def test_several_deltas_are_taken_in_the_order_of_their_days(connection: Connection, tmp_path: Path) -> None:
    folder = unpacked(DEMO, tmp_path / "d")
    for day, name in (("20250930", "C"), ("20250916", "A"), ("20250922", "B"), ("20250914", "before")):
        delta(folder, modification(10000001, sn=[name]), day=day)
    taken = read(connection, folder)
    assert taken.read == ["complete 20250915", "delta 20250916", "delta 20250922", "delta 20250930"]
    assert taken.passed_over == ["20250914"]
    assert pupils(connection)["10000001"].sn == "C"
    delta(folder, modification(10000001, sn=["D"]), day="20251001")
    taken = read(connection, folder)
    assert taken.read == ["delta 20250930", "delta 20251001"]
    assert pupils(connection)["10000001"].sn == "D"
    assert read(connection, folder).read == []


def test_a_delta_without_a_complete_set_is_refused(connection: Connection) -> None:
    with pytest.raises(DirectoryError, match="nothing is held that it could change"):
        read(connection, DELTA)


def test_what_is_older_than_what_is_held_is_refused(held: Connection, tmp_path: Path) -> None:
    read(held, DELTA)
    old = delta(tmp_path / "d", modification(10000001, sn=["X"]), day="20250921")
    for path in (old, DEMO):
        with pytest.raises(DirectoryError, match="of 20250922, newer than what is given"):
            read(held, path)
    assert pupils(held)["10000001"].sn != "X"
    assert read(held, DEMO, force=True).change.changed


def test_relatives_that_the_delta_does_not_hold_are_found(followed: Connection, tmp_path: Path) -> None:
    link = modification(10000001, ENTElevePersRelEleve=["20000030$10$1$1$0$1"])
    report = follow(followed, delta(tmp_path / "d", link)).report
    assert report.changed["pupil"] == 1
    assert "unknown relative" not in report.suspicious


def test_a_delta_that_deletes_too_many_is_refused(followed: Connection, tmp_path: Path) -> None:
    gone = [request("deleteRequest", 10000000 + number) for number in range(1, 200)]
    with pytest.raises(DirectoryError, match="too many pupils and staff are missing"):
        follow(followed, delta(tmp_path / "d", *gone))


def test_a_missing_or_repeated_number_is_refused(held: Connection, tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"Eleve_0000\.xml is missing"):
        read(held, delta(tmp_path / "d", number=1))
    folder = delta(tmp_path / "e")
    (folder / "OTHER_Delta_20250922_Eleve_0000.xml").write_bytes(next(folder.iterdir()).read_bytes())
    with pytest.raises(DirectoryError, match="twice"):
        read(held, folder)


def test_the_name_of_the_archive_tells_when_those_of_the_files_do_not(held: Connection, tmp_path: Path) -> None:
    folder = delta(tmp_path / "ENT_Delta_20250924", modification(10000001, sn=["X"]))
    next(folder.iterdir()).rename(folder / "ENT_X_Eleve_0000.xml")
    assert read(held, folder).read == ["delta 20250924"]
    plain = delta(tmp_path / "ENT", modification(10000001, sn=["X"]))
    next(plain.iterdir()).rename(plain / "ENT_X_Eleve_0000.xml")
    with pytest.raises(DirectoryError, match="with Delta in its name"):
        read(held, plain)


GOOD = HEAD + f"<ficAlimMENESR>{modification(10000001, sn=['MARTIN'])}</ficAlimMENESR>"
BAD = {
    **{name: (make(GOOD), reason) for name, (make, reason) in SHAPES.items() if name != "attribute_injection"},
    "nested": (f"{HEAD}<ficAlimMENESR><a>{request('deleteRequest', 1)}</a></ficAlimMENESR>".encode(), "inside another"),
    "not_replace": (GOOD.replace('"replace"', '"delete"').encode(), "only replace is known"),
    "without_operation": (GOOD.replace('operation="replace"', "").encode(), "only replace is known"),
    "other_category": (GOOD.replace("Eleve<", "PersRelEleve<").encode(), "in a file of Eleve"),
    "no_identifier": (GOOD.replace("10000001", "").encode(), "no identifier"),
    "long_identifier": (GOOD.replace("10000001", "1" * 41).encode(), "no identifier"),
    "long_record": (
        GOOD.replace("<value>MARTIN</value>", f"<value>{'A' * 16_000}</value>" * 70).encode(),
        "a record is longer",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_delta_is_refused_and_changes_nothing(held: Connection, tmp_path: Path, name: str) -> None:
    content, reason = BAD[name]
    folder = delta(tmp_path / "d", category="PersRelEleve")
    (folder / "ENT_X_Delta_20250922_Eleve_0000.xml").write_bytes(content)
    before = everything(held)
    with held.begin_nested() as savepoint:
        with pytest.raises(DirectoryError) as refused:
            read(held, folder)
        savepoint.rollback()
    assert reason in refused.value.text
    assert refused.value.file == "ENT_X_Delta_20250922_Eleve_0000.xml"
    assert everything(held) == before


def test_a_source_keeps_its_format_until_it_is_forgotten(held: Connection) -> None:
    with pytest.raises(DirectoryError, match="was aaf until now"):
        read(held, DATA / "siecle-0131001T.tar.xz", source=Source("aaf", Format.SIECLE, "0131001T"))
    assert forget(held, SETTINGS.academy, "aaf") == 1236
    assert held_sources(held, SETTINGS.academy) == []
    with pytest.raises(DirectoryError, match="nothing is held"):
        forget(held, SETTINGS.academy, "aaf")
    read(held, DATA / "siecle-0131001T.tar.xz", source=Source("aaf", Format.SIECLE, "0131001T"))
    ((_, records),) = feeds(held, SETTINGS.academy)
    assert any(isinstance(record, Relative) for record in records)
