"""The demo academy from several sources is its ground truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from directory.importer import import_directory
from directory.readers.aaf import read_aaf
from directory.readers.siecle import read_siecle
from directory.readers.sts import read_sts
from directory.report import ImportReport, Kind
from directory.schema import class_service, list_, list_member, person, person_source
from directory.source import Feed, Format, Source
from tests.directory.academy import AAF, DATA, DEMO, SETTINGS, empty_directory, expected, members
from tests.directory.projection import COLLEGE, LYCEE, SCHOOLS, unpacked

NAMED = replace(
    SETTINGS,
    domains={COLLEGE: "clg-frederic-mistral.ent.example.org", LYCEE: "lyc-frederic-mistral.ent.example.org"},
)
"""Without AAF nothing says what a school is called before STSWEB does; its domain never changes."""


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(DATA / "sts.tar.xz", tmp_path_factory.mktemp("sts"))


def feeds(sts: Path, *formats: str) -> Iterator[Feed]:
    """The demo academy in these formats."""
    if "aaf" in formats:
        yield AAF, read_aaf(DEMO)
    for uai in SCHOOLS:
        if "siecle" in formats:
            archive = DATA / f"siecle-{uai}.tar.xz"
            yield Source(f"siecle-{uai}", Format.SIECLE, uai), read_siecle(archive, 2025, uai)
        if "sts" in formats:
            yield Source(f"sts-{uai}", Format.STS, uai), read_sts(sts / f"sts_emp_{uai}_2025.xml", 2025, uai)


def bring(connection: Connection, sts: Path, *formats: str) -> ImportReport:
    return import_directory(connection, list(feeds(sts, *formats))[::-1], NAMED)


@pytest.mark.parametrize("formats", ["aaf siecle", "aaf sts", "aaf siecle sts"])
def test_aaf_with_others_is_the_truth(connection: Connection, sts: Path, formats: str) -> None:
    report = bring(connection, sts, *formats.split())
    assert members(connection) == {name: set(found["members"]) for name, found in expected()["lists"].items()}
    assert report.added.total() == 1115
    for kind in (Kind.OTHER_PUPILS, Kind.OTHER_TEACHERS, Kind.OTHER_STRUCTURES, Kind.UNCLEAR_PERSON):
        assert not report.suspicious[kind]
    own = {"aaf"} if formats == "aaf siecle" else {f"sts-{uai}" for uai in SCHOOLS}
    assert set(connection.scalars(select(class_service.c.said_by))) == own


def test_siecle_and_sts_give_all_but_the_cite(sts: Path) -> None:
    """No source tells that the two schools are one site, and one guardian of pupils of both has neither mail nor mobile
    by which to see that she is one person.
    """
    with empty_directory() as connection:
        bring(connection, sts, "aaf", "siecle", "sts")
        who = {row.person_id: int(row.source_id) for row in connection.execute(select(person))}
        truth = {(row.source, row.source_id): who[row.person_id] for row in connection.execute(select(person_source))}
    with empty_directory() as connection:
        report = bring(connection, sts, "siecle", "sts")
        found: dict[int, set[int]] = {}
        for row in connection.execute(select(person_source)):
            found.setdefault(row.person_id, set()).add(truth[row.source, row.source_id])
        assert all(len(people) == 1 for people in found.values()), "nobody is two people"
        twice = Counter(one for people in found.values() for one in people)
        assert [one for one, accounts in twice.items() if accounts > 1] == [20000121]
        lists: dict[str, set[int]] = {}
        rows = select(list_.c.address, list_member.c.person_id).join(list_member).where(list_.c.active)
        for address, person_id in connection.execute(rows):
            lists.setdefault(address, set()).update(found[person_id])
        wanted = {name: set(one["members"]) for name, one in expected()["lists"].items() if "@cite-" not in name}
        assert lists == wanted
        assert report.added.total() == 1116
