"""What sources say is taken in, and the directory and its mail accounts follow, in one transaction."""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, text

from directory.holding_schema import combination
from directory.importer import Progress
from directory.model import DirectoryError
from directory.report import ImportReport, Kind
from directory.school_year import year_label
from directory.settings import ImportSettings
from directory.sources import NOW, Reading, Taken, feeds, forget, take_in
from directory.sql import lock
from mailgate.directory_import import Provisioning, import_and_provision
from mailgate.policy import schools

_ONLY_CHECKS: Final = ("today", "force", "max_departures", "max_list_departures")
"""Settings that say whether an import is accepted, not what it makes."""


@dataclass(slots=True)
class SourcesReport:
    """What was read of each source, and what the directory made of it; `unchanged` when there was nothing to make."""

    taken: list[Taken]
    unchanged: bool
    directory: ImportReport
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values: those of the directory's report, and the sources."""
        return {
            **self.directory.to_json(),
            "seconds": round(self.seconds, 2),
            "unchanged": self.unchanged,
            "sources": [_taken(one) for one in self.taken],
        }

    def to_text(self) -> str:
        """A short text for people."""
        lines = [_line(one) for one in self.taken]
        if self.taken and (ahead := sorted({one.year for one in self.taken if one.year})) and self.unchanged:
            see = " and ".join(f"`mailgate year preview {year}`" for year in ahead)
            return "\n".join([*lines, f"Nothing changes today: {see} shows what will."])
        if self.unchanged:
            return "\n".join([*lines, "Nothing has changed: there is nothing to do."])
        return "\n".join([*lines, self.directory.to_text()])


def import_sources(
    connection: Connection,
    readings: Sequence[Reading],
    settings: ImportSettings,
    provisioning: Provisioning,
    now: datetime.datetime,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> SourcesReport:
    """Take in what sources say now, and bring the directory to what all the sources of the academy say together.

    Nothing more is done when nothing that is held has changed, nor the settings. The caller's transaction holds it all;
    `dry_run` takes it back.

    Raises:
        DirectoryError: a source is refused; the transaction is to be rolled back.
    """
    started = time.monotonic()
    lock(connection)
    if connection.dialect.name == "postgresql":
        # Each of the import's large statements runs once: compiling it takes longer than running it.
        connection.execute(text("SET LOCAL jit = off"))
    savepoint = connection.begin_nested() if dry_run else None
    taken = []
    for reading in readings:
        if progress is not None:
            progress(f"read {reading.source.name}", 0)
        taken.append(take_in(connection, settings.academy, reading, now, force=settings.force))
    if taken and all(one.year for one in taken):
        done = SourcesReport(taken, unchanged=True, directory=ImportReport(dry_run=dry_run))
        _tell(taken, done.directory)
    else:
        done = combine(connection, taken, settings, provisioning, dry_run=dry_run, progress=progress)
    if savepoint is not None:
        savepoint.rollback()
    done.seconds = time.monotonic() - started
    return done


def forget_source(
    connection: Connection,
    name: str,
    settings: ImportSettings,
    provisioning: Provisioning,
    *,
    held_for: int = NOW,
    dry_run: bool = False,
) -> SourcesReport:
    """Hold nothing of a source any more, and bring the directory to what the others say. One that is `held_for` another
    school year changes nothing today.

    Raises:
        DirectoryError: nothing is held of it, or people whom it alone names would leave.
    """
    lock(connection)
    savepoint = connection.begin_nested() if dry_run else None
    forget(connection, settings.academy, name, held_for)
    if held_for:
        done = SourcesReport([], unchanged=True, directory=ImportReport(dry_run=dry_run))
    else:
        if not settings.force:
            _require_others(connection, name, settings, provisioning)
        done = combine(connection, [], settings, provisioning, dry_run=dry_run, progress=None, anew=True)
    if savepoint is not None:
        savepoint.rollback()
    return done


def _require_others(connection: Connection, name: str, settings: ImportSettings, provisioning: Provisioning) -> None:
    """Refuse to forget a source while people are in no other: who has left is recognised by the numbers of this source
    alone, and would be somebody else, with another address, in the source that takes its place.
    """
    looked = combine(
        connection, [], replace(settings, force=True), provisioning, dry_run=True, progress=None, anew=True
    )
    if leavers := looked.directory.left.total():
        text = (
            f"{leavers} people are in no other source, and would leave; a source that comes later would not know them "
            "again. Import the one that takes its place first, then forget this one; --force if they are to leave"
        )
        raise DirectoryError(name, None, text)


def combine(
    connection: Connection,
    taken: list[Taken],
    settings: ImportSettings,
    provisioning: Provisioning,
    *,
    dry_run: bool,
    progress: Progress | None,
    anew: bool = False,
) -> SourcesReport:
    """Bring the directory to what all sources that it is made of say together, when any changed or `anew`."""
    wanted = _digest(connection, settings, {"quota": provisioning.quota, "shared": provisioning.shared})
    before = connection.scalar(select(combination.c.settings).where(combination.c.academy == settings.academy))
    if before == wanted and not (anew or settings.force or any(one.change for one in taken if one.year == NOW)):
        report = ImportReport(dry_run=dry_run)
        _tell(taken, report)
        return SourcesReport(taken, unchanged=True, directory=report)
    every = feeds(connection, settings.academy)
    if not every:
        raise DirectoryError("the set", None, "no source is left that says who there is; import one first")
    report = import_and_provision(connection, every, settings, provisioning, dry_run=dry_run, progress=progress)
    connection.execute(delete(combination).where(combination.c.academy == settings.academy))
    connection.execute(insert(combination).values(academy=settings.academy, settings=wanted))
    _tell(taken, report)
    return SourcesReport(taken, unchanged=False, directory=report)


def _digest(connection: Connection, settings: ImportSettings, more: Mapping[str, object]) -> str:
    """What stands for all that an import depends on beside the sources, the program included."""
    settings = replace(settings, mail_schools=sorted(schools.that_want(connection, "outside_directory")))
    said = {one.name: getattr(settings, one.name) for one in fields(settings)}
    said = {name: value for name, value in said.items() if not name.startswith(_ONLY_CHECKS)}
    content = msgspec.json.encode([version("mailgate"), said, more], order="sorted")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _tell(taken: Sequence[Taken], report: ImportReport) -> None:
    """Findings of the files themselves."""
    for one in taken:
        for _ in range(one.change.repeated):
            report.found(Kind.REPEATED_RECORD, one.source.name, "a person comes twice", "the last record was taken")
        for request in one.unknown:
            where = f"{request.file}, line {request.line}, record {request.id}"
            why = "no such record is held: a delivery was missed, import a complete set"
            report.found(Kind.REJECTED_VALUE, where, request.verb, why)


def _taken(one: Taken) -> dict[str, Any]:
    change = {name: getattr(one.change, name) for name in ("added", "changed", "removed")}
    return {
        "name": one.source.name,
        "format": str(one.source.format),
        "read": one.read,
        "passed_over": one.passed_over,
        "records": one.records,
        "year": one.year or None,
        **change,
    }


def _line(one: Taken) -> str:
    if not one.read:
        return f"{one.source.name}: the same files as the last time ({one.records:,} records){_held_for(one)}"
    change = one.change
    over = f"; older and passed over: {', '.join(one.passed_over)}" if one.passed_over else ""
    return (
        f"{one.source.name}: {', '.join(one.read)}: {one.records:,} records, {change.added:,} new, "
        f"{change.changed:,} changed, {change.removed:,} removed{over}{_held_for(one)}"
    )


def _held_for(one: Taken) -> str:
    return f"; held for the school year {year_label(one.year)}" if one.year else ""
