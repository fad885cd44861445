"""Whatever two school years say: the preview is what the switch does, and the undo gives the directory of before."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, event

from directory.model import Record
from directory.report import ImportReport
from directory.schema import list_
from directory.source import Format, Source
from directory.sources import NOW, CompleteSet, Reading
from mailgate.config import Directory
from mailgate.directory_import import Provisioning, import_settings
from mailgate.directory_sources import import_sources
from mailgate.migrations.tables import METADATA
from mailgate.school_year.switching import Means, Turn, preview, switch, undo
from tests.directory.academy import COLLEGE, everything, guardian_of, members, pupil, relative, small, teacher

SOURCE = Source("table", Format.CSV, COLLEGE.uai, academic=True)
MEANS = Means(
    Directory(academy="EXEMPLE", domain="ent.example.org"),
    Provisioning(),
    datetime.datetime(2026, 8, 28, 6, tzinfo=datetime.UTC),
)
LEFT_OVER = {
    *("address", "person", "person_source", "former_school", "list"),
    *("class", "teaching_group", "school_level", "level", "mef"),
}
"""Tables in which what a switch added stays after an undo: nothing there is in use."""
CLASSES = ("", "6A", "6B", "5A", "5B")

years = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from(CLASSES), st.sets(st.integers(100, 104), max_size=2)),
    unique_by=lambda one: one[0],
    min_size=1,
    max_size=10,
)
teams = st.dictionaries(st.integers(200, 202), st.sets(st.sampled_from(CLASSES[1:]), max_size=3), max_size=3)
Year = tuple[Sequence[tuple[int, str, set[int]]], dict[int, set[str]]]


@functools.cache
def _engine() -> Engine:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    return engine


@contextmanager
def empty() -> Iterator[Connection]:
    """A database without a row; what was written is taken back at the end."""
    with _engine().connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def records(year: Year) -> list[Record]:
    """What the source says in a year."""
    pupils, team = year
    named = sorted({one for _, _, guardians in pupils for one in guardians})
    return small(
        *(pupil(n, in_class=in_, links=tuple(map(guardian_of, sorted(its)))) for n, in_, its in pupils),
        *(relative(number, f"Parent Numéro{number}") for number in named),
        *(teacher(number, f"Prof Numéro{number}", *sorted(classes)) for number, classes in team.items()),
    )


def read(connection: Connection, year: Year, school_year: int, *, held_for: int = NOW) -> ImportReport:
    """Import a year, or hold it for later."""
    reading = Reading(SOURCE, [CompleteSet("", records(year))], year=held_for)
    wanted = import_settings(MEANS.directory, MEANS.now.date(), force=True, school_year=school_year)
    return import_sources(connection, [reading], wanted, MEANS.provisioning, MEANS.now).directory


def told(turn: Turn) -> dict[str, Any]:
    return {key: value for key, value in turn.to_json().items() if key != "doubts"}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(years, teams), st.tuples(years, teams))
def test_a_preview_is_the_switch_and_an_undo_is_the_year_before(this: Year, following: Year) -> None:
    with empty() as connection:
        read(connection, this, 2025)
        directly = connection.begin_nested()
        read(connection, following, 2026)
        truth = members(connection)
        directly.rollback()
        read(connection, following, 2025, held_for=2026)
        before = everything(connection)
        shown = preview(connection, MEANS, 2026)
        assert everything(connection) == before
        made = switch(connection, MEANS, 2026, force=True)
        assert told(made) == told(shown)
        assert members(connection) == truth
        assert made.changes.addresses == []
        undo(connection, MEANS)
        after = everything(connection)
        after.pop("year_switch")
        for name, rows in after.items():
            if name in LEFT_OVER:
                assert set(before[name]) <= set(rows), name
            else:
                assert rows == before[name], name
        active = list(list_.c.keys()).index("active")
        assert {row for row in after["list"] if row[active]} == {row for row in before["list"] if row[active]}
