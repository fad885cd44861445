"""The list in whose place another stands after a switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from directory.model import ClassRecord, GroupRecord, Place, Record, School
from directory.schema import list_
from directory.source import Format, Source
from directory.sources import NOW, CompleteSet, Reading
from directory.year_schema import past_list
from mailgate.directory_import import import_settings
from mailgate.directory_sources import import_sources
from mailgate.school_year.switching import switch
from tests.directory.academy import COLLEGE, MEF_6E, pupil
from tests.school_year.test_property import MEANS, empty

SOURCE = Source("aaf", Format.AAF)


def school(one: School, group: str, in_class: str = "6A") -> list[Record]:
    """A school with a class and a group, and the same twenty pupils whichever it is."""
    pupils = [pupil(number, in_class=in_class, groups=(Place("1", group),)) for number in range(20)]
    return [one, MEF_6E, ClassRecord("1", in_class, mefs=(MEF_6E.code,)), GroupRecord("1", group), *pupils]


def read(connection: Connection, records: Sequence[Record], school_year: int, *, held_for: int = NOW) -> None:
    reading = Reading(SOURCE, [CompleteSet("", records)], year=held_for)
    wanted = import_settings(MEANS.directory, MEANS.now.date(), force=True, school_year=school_year)
    import_sources(connection, [reading], wanted, MEANS.provisioning, MEANS.now)


def successors(connection: Connection, before: Sequence[Record], after: Sequence[Record]) -> dict[str, str | None]:
    """By the address of each list that a switch ends, that of the one in its place."""
    read(connection, before, 2025)
    read(connection, after, 2025, held_for=2026)
    switch(connection, MEANS, 2026, force=True)
    addresses = dict(connection.execute(select(list_.c.list_id, list_.c.address)).all())
    rows = connection.execute(select(past_list.c.list_id, past_list.c.successor_id))
    return {addresses[gone]: addresses.get(successor) for gone, successor in rows}


def test_a_group_that_is_written_otherwise_stands_in_the_place_of_the_old_one() -> None:
    with empty() as connection:
        found = successors(connection, school(COLLEGE, "6E LAT"), school(COLLEGE, "6E-Lat"))
    end = "@clg-jules-ferry.ent.example.org"
    assert found == {
        f"groupe-6e-lat.{audience}{end}": f"groupe-6e-lat-2.{audience}{end}" for audience in ("eleves", "tous")
    }


def test_lists_of_a_school_that_is_another_now_stand_in_the_place_of_those_of_before() -> None:
    """What has no namesake there has nobody in its place."""
    merged = replace(COLLEGE, uai="0131009B", name="ZOLA")
    with empty() as connection:
        found = successors(connection, school(COLLEGE, "6E LAT"), school(merged, "6E GRC", "6 A"))
    before, after = "@clg-jules-ferry.ent.example.org", "@clg-zola.ent.example.org"
    of_groups = {f"groupe-6e-lat.{audience}{before}": None for audience in ("eleves", "tous")}
    names = {f"{name}.{audience}" for name in ("niveau-6e",) for audience in ("eleves", "tous")} | {"eleves", "tous"}
    of_classes = {f"6a.{audience}{before}": f"6-a.{audience}{after}" for audience in ("eleves", "tous")}
    assert found == of_groups | of_classes | {f"{name}{before}": f"{name}{after}" for name in names}
