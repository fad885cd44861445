"""The demo academy as each format tells it, ready to be imported, and who is who in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from directory.names import folded
from directory.opening import READERS
from directory.readers.aaf import read_aaf
from directory.readers.plain_csv import read_csv
from directory.readers.sts import read_sts
from directory.schema import list_, list_member, person_source
from directory.source import Feed, Format, Source
from tests.directory.academy import AAF, DATA, DEMO
from tests.directory.civil import SIECLE_PUPIL, civil_of_pupils
from tests.directory.gepi_export import ELENOET, write_export
from tests.directory.projection import COLLEGE, LYCEE, SCHOOLS, unpacked
from tests.directory.scribe_tree import ldif

YEAR = 2025
LCS_FILES = {COLLEGE: "clg-frederic-mistral.ldif", LYCEE: "lyc-frederic-mistral.ldif"}
STS_STAFF = 1_000_000


@dataclass(frozen=True)
class DemoFiles:
    """The files of every format below one folder."""

    folder: Path

    @classmethod
    def write(cls, folder: Path, truth: dict[str, Any]) -> DemoFiles:
        """Unpack those that come with the demo, and make GEPI's and Scribe's."""
        sts, tables = unpacked(DATA / "sts.tar.xz", folder / "sts"), unpacked(DATA / "csv.tar.xz", folder / "csv")
        unpacked(DATA / "lcs.tar.xz", folder / "lcs")
        civil = civil_of_pupils(tables)
        people = list(read_csv(tables))
        for uai in SCHOOLS:
            gepi = folder / f"gepi-{uai}"
            gepi.mkdir()
            records = [*people, *read_sts(sts / f"sts_emp_{uai}_{YEAR}.xml", YEAR)]
            write_export(gepi, truth, records, uai, civil)
            (folder / f"scribe-{uai}.ldif").write_text(ldif(truth, uai, civil), encoding="utf-8")
        return cls(folder)

    def path(self, format_: Format, uai: str) -> Path:
        """What there is of one school in a format of one school."""
        match format_:
            case Format.SIECLE:
                return DATA / f"siecle-{uai}.tar.xz"
            case Format.STS:
                return self.folder / "sts" / f"sts_emp_{uai}_{YEAR}.xml"
            case Format.LCS:
                return self.folder / "lcs" / LCS_FILES[uai]
            case Format.SCRIBE:
                return self.folder / f"scribe-{uai}.ldif"
            case _:
                return self.folder / f"gepi-{uai}"

    def feeds(self, *formats: str) -> list[Feed]:
        """What these formats say, in this order."""
        return [feed for name in formats for feed in self._feeds(Format(name))]

    def _feeds(self, format_: Format) -> Iterator[Feed]:
        if format_ is Format.AAF:
            yield AAF, read_aaf(DEMO)
        elif format_ is Format.CSV:
            yield Source("csv", Format.CSV), read_csv(self.folder / "csv")
        else:
            for uai in SCHOOLS:
                source = Source(f"{format_}-{uai}", format_, uai)
                yield source, READERS[format_](self.path(format_, uai), YEAR, uai)


class WhoIsWho:
    """The true number of each record of any format."""

    def __init__(self, truth: dict[str, Any]) -> None:
        self._alias: dict[int, int] = {int(number): account for number, account in truth["aliases"].items()}
        self._accounts: dict[int, dict[str, Any]] = {one["id"]: one for one in truth["accounts"]}
        self._staff: dict[tuple[str, str], int] = {}
        for one in truth["accounts"]:
            if "functions" in one:
                for uai in one["schools"]:
                    self._staff.setdefault((uai, _name(one)), one["id"])

    def number(self, space: str, number: str) -> int:
        """The number of a person's account by that of a record."""
        found = self._of_record(space, number)
        return self._alias.get(found, found)

    def _of_record(self, space: str, number: str) -> int:
        format_, _, rest = space.partition(":")
        uai, _, kind = rest.partition("/")
        if format_ == "sts":
            return STS_STAFF + int(number.removeprefix("epp-").partition("/")[0])
        if format_ in ("siecle", "scribe") and kind == "pupil":
            return SIECLE_PUPIL + int(number)
        if format_ == "gepi" and kind == "pupil":
            return ELENOET + int(number)
        if format_ == "gepi" and kind == "staff":
            return self._staff[uai, number]
        if format_ == "gepi":
            pupil, _, name = number.partition("/")
            guardians: list[int] = self._accounts[ELENOET + int(pupil)]["guardians"]
            return next(one for one in guardians if _name(self._accounts[one]) == name)
        return int(number)


def _name(account: Mapping[str, str]) -> str:
    return f"{folded(account['given'])}/{folded(account['sn'])}"


def people_of(connection: Connection, who: WhoIsWho) -> dict[int, int]:
    """The true number of each person of the directory; two people in one fail."""
    found: dict[int, int] = {}
    for row in connection.execute(select(person_source)):
        number = who.number(row.source, row.source_id)
        assert found.setdefault(row.person_id, number) == number, "nobody is two people"
    return found


def lists_of(connection: Connection, people: Mapping[int, int]) -> dict[str, set[int]]:
    """The true numbers of the members of every list in use."""
    found: dict[str, set[int]] = {}
    rows = select(list_.c.address, list_member.c.person_id).join(list_member).where(list_.c.active)
    for address, person_id in connection.execute(rows):
        found.setdefault(address, set()).add(people[person_id])
    return found
