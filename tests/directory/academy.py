"""The demo academy and a small school made of records, for the tests of the directory."""

from __future__ import annotations

import functools
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select

import directory.holding_schema  # noqa: F401 - its tables
from directory.importer import import_directory
from directory.model import ClassRecord, Link, Mef, Place, Pupil, Record, Relative, School, Service, Staff
from directory.report import ImportReport
from directory.schema import list_, list_member, metadata, person
from directory.settings import ImportSettings
from directory.source import Format, Source

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "mailgate" / "demo_academy.tar.xz"
NEXT_YEAR = DATA / "aaf-next.tar.xz"

AAF = Source("aaf", Format.AAF)
SETTINGS = ImportSettings(academy="EXEMPLE", ent_domain="ent.example.org", school_year=2025, today=date(2025, 9, 15))
NEXT_SETTINGS = replace(SETTINGS, school_year=2026, today=date(2026, 9, 1))


@functools.cache
def _directory(fill: Callable[[Connection], object] | None) -> Engine:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        metadata.create_all(connection)
        if fill is not None:
            fill(connection)
    return engine


@contextmanager
def directory_in_memory(fill: Callable[[Connection], object] | None = None) -> Iterator[Connection]:
    """A directory in memory, empty or as `fill` made it, once. What was written is taken back at the end: its
    statements need no other compiler run, and its tables are there already, the next time.
    """
    with _directory(fill).connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def empty_directory() -> AbstractContextManager[Connection]:
    """An empty directory in memory, as `directory_in_memory` has it."""
    return directory_in_memory()


def expected(name: str = "expected.json", packed: Path = DATA / "expected.tar.xz") -> dict[str, Any]:
    """The ground truth that comes with the academy."""
    with tarfile.open(packed) as archive:
        content = archive.extractfile(name)
        assert content is not None
        found: dict[str, Any] = json.load(content)
        return found


def members(connection: Connection) -> dict[str, set[int]]:
    """The record numbers of the members of every list in use."""
    found: dict[str, set[int]] = {}
    rows = connection.execute(
        select(list_.c.address, person.c.source_id)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .join(person, person.c.person_id == list_member.c.person_id)
        .where(list_.c.active)
    )
    for address, source_id in rows:
        found.setdefault(address, set()).add(int(source_id))
    return found


def everything(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the directory."""
    return {
        name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for name, table in metadata.tables.items()
    }


def take(
    connection: Connection, records: Iterable[Record], settings: ImportSettings = SETTINGS, *, dry_run: bool = False
) -> ImportReport:
    """Import records."""
    return import_directory(connection, [(AAF, records)], settings, dry_run=dry_run)


COLLEGE = School("1", "0131001T", "", "COLLEGE", "JULES FERRY")
MEF_6E = Mef("10010012110", "6EME", "21110010012")


def pupil(
    number: int,
    name: str = "",
    *,
    links: tuple[Link, ...] = (),
    in_class: str = "6A",
    groups: tuple[Place, ...] = (),
    mef: str = MEF_6E.code,
) -> Pupil:
    """A pupil of the small school."""
    given, _, sn = (name or f"Élève Numéro{number}").partition(" ")
    classes = (Place("1", in_class),) if in_class else ()
    return Pupil(str(number), sn, given, "", "1", mef, "", classes, groups, links)


def relative(
    number: int, name: str, *, title: str = "", mail: str = "", mobiles: tuple[str, ...] = (), postal: str = ""
) -> Relative:
    """A related person."""
    given, _, sn = name.partition(" ")
    return Relative(str(number), str(number), sn, given, title, mail, mobiles, postal)


def guardian_of(number: int) -> Link:
    """The link to a legal guardian."""
    return Link(str(number), 10, 1)


def teacher(number: int, name: str, *classes: str) -> Staff:
    """A teacher of classes of the small school."""
    given, _, sn = name.partition(" ")
    services = tuple(Service(Place("1", one), "020700") for one in classes)
    return Staff(id=str(number), sn=sn, given=given, title="", classes=services, before_pupils=True)


def small(*people: Record) -> list[Record]:
    """A college with its people."""
    return [COLLEGE, MEF_6E, ClassRecord("1", "6A", mefs=(MEF_6E.code,)), *people]
