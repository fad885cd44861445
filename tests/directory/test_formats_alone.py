"""Each format alone, imported, makes exactly the lists of the ground truth that its facts make; SIECLE and STSWEB
together make them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, select

from directory.importer import import_directory
from directory.readers.lcs import read_lcs_ldif
from directory.readers.plain_csv import read_csv
from directory.readers.siecle import read_siecle
from directory.readers.sts import read_sts
from directory.schema import list_, list_member, person
from directory.source import Feed, Format, Source
from tests.directory.academy import DATA, SETTINGS, expected
from tests.directory.projection import COLLEGE, LYCEE, SCHOOLS, unpacked

LCS = {COLLEGE: "clg-frederic-mistral.ldif", LYCEE: "lyc-frederic-mistral.ldif"}
EVERYBODY = frozenset({"ELV", "TUT", "ENS", "DOC", "DIR", "EVS", "ETA", "ACA", "COL"})
PUPILS_AND_RELATIVES = frozenset({"ELV", "TUT"})
STAFF = EVERYBODY - PUPILS_AND_RELATIVES
OF_OFFICE = frozenset({"direction", "vie-scolaire", "documentation", "administration"})

Wanted: TypeAlias = Callable[[dict[str, Any]], bool]


def siecle(_folder: Path) -> list[Feed]:
    return [
        (Source(f"siecle-{uai}", Format.SIECLE, uai), read_siecle(DATA / f"siecle-{uai}.tar.xz", 2025, uai))
        for uai in SCHOOLS
    ]


def sts(folder: Path) -> list[Feed]:
    files = unpacked(DATA / "sts.tar.xz", folder / "sts")
    return [
        (Source(f"sts-{uai}", Format.STS, uai), read_sts(files / f"sts_emp_{uai}_2025.xml", 2025, uai))
        for uai in SCHOOLS
    ]


def tables(_folder: Path) -> list[Feed]:
    return [(Source("csv", Format.CSV), read_csv(DATA / "csv.tar.xz"))]


def lcs(folder: Path) -> list[Feed]:
    files = unpacked(DATA / "lcs.tar.xz", folder / "lcs")
    return [(Source(f"lcs-{uai}", Format.LCS, uai), read_lcs_ldif(files / LCS[uai], uai)) for uai in SCHOOLS]


def both(folder: Path) -> list[Feed]:
    return [*siecle(folder), *sts(folder)]


def of_schools(one: dict[str, Any]) -> bool:
    """No format but AAF and SDET tells a cité scolaire."""
    return bool(one["kind"] != "cite")


def of_staff(one: dict[str, Any]) -> bool:
    """A level is that of pupils."""
    return one["kind"] not in ("cite", "level")


def of_accounts(one: dict[str, Any]) -> bool:
    """LCS has no level, group, discipline, head teacher or function: the office is one."""
    return one["kind"] in ("class", "school") and one["audience"] not in OF_OFFICE | {"pp"}


@pytest.mark.parametrize(
    ("feeds", "known", "wanted"),
    [
        (siecle, PUPILS_AND_RELATIVES, of_schools),
        (sts, STAFF, of_staff),
        (tables, EVERYBODY, of_schools),
        (lcs, EVERYBODY - {"TUT"}, of_accounts),
        (both, EVERYBODY, of_schools),
    ],
    ids=["siecle", "sts", "csv", "lcs", "siecle and sts"],
)
def test_lists_are_those_of_the_truth(
    connection: Connection,
    tmp_path: Path,
    feeds: Callable[[Path], list[Feed]],
    known: frozenset[str],
    wanted: Wanted,
) -> None:
    truth = expected()
    settings = replace(SETTINGS, domains={one["uai"]: one["domain"] for one in truth["schools"]})
    import_directory(connection, feeds(tmp_path), settings)
    people = {one["id"] for one in truth["accounts"] if one["profile"] in known}
    part = {address: set(one["members"]) & people for address, one in truth["lists"].items() if wanted(one)}
    found = members(connection, truth)
    if feeds is lcs:
        # All who are not teachers are of the administration.
        found = {address: numbers for address, numbers in found.items() if not address.startswith("administration@")}
    assert found == {address: numbers for address, numbers in part.items() if numbers}


def members(connection: Connection, truth: dict[str, Any]) -> dict[str, set[int]]:
    """The true numbers of the members of every list in use."""
    alias = {int(number): account for number, account in truth["aliases"].items()}
    rows = connection.execute(
        select(list_.c.address, person.c.source_id, person.c.profile)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .join(person, person.c.person_id == list_member.c.person_id)
        .where(list_.c.active)
    )
    found: dict[str, set[int]] = {}
    for address, source_id, profile in rows:
        number = true_number(source_id, profile)
        found.setdefault(address, set()).add(alias.get(number, number))
    return found


def true_number(source_id: str, profile: str) -> int:
    """The number in the ground truth of a person who is known by a format's."""
    if source_id.startswith("epp-"):
        return 1_000_000 + int(source_id.removeprefix("epp-").partition("/")[0])
    number = int(source_id)
    return number - 700_000 + 10_000_000 if profile == "pupil" and number < 1_000_000 else number
