"""The switch to a prepared school year, its rehearsal, and the way back within a day: each in one transaction."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from sqlalchemy import Connection, delete, insert, select, update

from directory.model import DirectoryError
from directory.report import ImportReport
from directory.school_year import year_label
from directory.sources import held_sources
from directory.sql import lock
from directory.year_schema import year_switch
from directory.years import current_year, prepared_years, turn_holdings
from mailgate.config import Directory, Retention, Settings
from mailgate.config.retention import Leavers, StaffLeavers
from mailgate.directory_import import Provisioning, import_settings
from mailgate.directory_sources import combine
from mailgate.policy.audit import operator, record
from mailgate.school_year import past
from mailgate.school_year.changes import Changes, noted
from mailgate.school_year.doubts import find_doubts, not_prepared, taught, warnings

UNDO_SECONDS: Final = 24 * 3600
"""How long a switch can be undone."""
_YEAR: Final = "the school year"
_NO_GRACE: Final = Retention(Leavers(0), Leavers(0), StaffLeavers(0))
"""Who came with a switch that is undone was never there."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a turn needs of the settings, and the time now."""

    directory: Directory
    provisioning: Provisioning
    now: datetime.datetime

    @classmethod
    def of(cls, settings: Settings, now: datetime.datetime) -> Self:
        """What these settings say."""
        return cls(settings.directory, Provisioning.of(settings), now)


@dataclass(slots=True)
class Turn:
    """The turn from one school year to another, made or only looked at. `doubts` are why it is, or would be, refused
    unless it is forced.
    """

    before: int
    after: int
    changes: Changes
    doubts: list[str]
    warnings: list[str]
    report: ImportReport
    gone: int = 0
    """Lists that were in use and are not any more."""

    def to_json(self, uai: str = "") -> dict[str, Any]:
        """Plain values, of one school when `uai` says which."""
        changes = self.changes.of(uai) if uai else self.changes
        return {
            "from": self.before,
            "to": self.after,
            "doubts": self.doubts,
            "warnings": self.warnings,
            **changes.to_json(),
        }


def preview(connection: Connection, means: Means, year: int) -> Turn:
    """What a switch would do, and why it would be refused; all of it is taken back.

    Raises:
        DirectoryError: the year is not prepared, or what is held of it cannot be imported.
    """
    lock(connection)
    savepoint = connection.begin_nested()
    refusal = ""
    try:
        with connection.begin_nested():
            turn = _turn(connection, means, year, force=False)
    except DirectoryError as error:
        refusal = error.text
        with connection.begin_nested():
            turn = _turn(connection, means, year, force=True)
    if refusal:
        turn.doubts.insert(0, refusal)
    savepoint.rollback()
    return turn


def switch(connection: Connection, means: Means, year: int, *, force: bool = False, actor: str = "") -> Turn:
    """Bring the directory to what is held for a school year; the caller's transaction holds it all.

    Raises:
        DirectoryError: the year is not prepared, or the switch changes too much or too little and is not forced.
    """
    lock(connection)
    turn = _turn(connection, means, year, force=force)
    if turn.doubts and not force:
        raise DirectoryError(
            _YEAR, None, f"{'; '.join(turn.doubts)}. Look at it with `mailgate year preview`; --force if it is right"
        )
    academy, at = means.directory.academy, int(means.now.timestamp())
    connection.execute(delete(year_switch).where(year_switch.c.academy == academy, year_switch.c.school_year == year))
    row = {"academy": academy, "school_year": year, "done_at": at, "forced": force, "refusal": ""}
    connection.execute(insert(year_switch).values(**row, actor=actor or operator()))
    record(connection, "year switch", year_label(year), told(turn), actor=actor or None)
    return turn


def undo(connection: Connection, means: Means) -> Turn:
    """Back to the directory of before the last switch. Who came with it is suspended; no mail is lost.

    Raises:
        DirectoryError: there was no switch, or not within the last day, or it cannot be undone.
    """
    lock(connection)
    academy = means.directory.academy
    year = current_year(connection, academy)
    own = (year_switch.c.academy == academy, year_switch.c.school_year == year)
    done = connection.execute(
        select(year_switch.c.done_at).where(*own, year_switch.c.done_at.is_not(None), year_switch.c.undone_at.is_(None))
    ).first()
    if year is None or done is None:
        raise DirectoryError(_YEAR, None, "no switch was made that could be undone")
    if means.now.timestamp() > done.done_at + UNDO_SECONDS:
        when = datetime.datetime.fromtimestamp(done.done_at).astimezone()
        text = f"the switch was made on {when:%Y-%m-%d %H:%M}; it can be undone for a day, and people rely on it since"
        raise DirectoryError(_YEAR, None, text)
    before = year - 1
    if not held_sources(connection, academy, before):
        raise DirectoryError(_YEAR, None, f"nothing is held of {year_label(before)}: import its sources again instead")
    past.forget(connection, academy)
    turn_holdings(connection, academy, year, before)
    back = replace(means, provisioning=replace(means.provisioning, retention=_NO_GRACE))
    turn = _compared(connection, back, year, before, force=True)
    connection.execute(update(year_switch).where(*own).values(undone_at=int(means.now.timestamp())))
    record(connection, "year undo", year_label(year), told(turn))
    return turn


def must_be_prepared(connection: Connection, academy: str, year: int) -> int:
    """The school year that the directory is of. Raises DirectoryError when `year` is not prepared beside it."""
    current = current_year(connection, academy)
    if current is None or year not in prepared_years(connection, academy):
        text = f"nothing is held for {year_label(year)}: prepare it with `mailgate directory import PATH --year {year}`"
        raise DirectoryError(_YEAR, None, text)
    return current


def told(turn: Turn) -> str:
    """A turn in one line, for the log."""
    counts = {
        "arrivals": len(turn.changes.arrivals),
        "leavers": len(turn.changes.leavers),
        "class changes": len(turn.changes.moves),
        "lists changed": len(turn.changes.lists),
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _turn(connection: Connection, means: Means, year: int, *, force: bool) -> Turn:
    academy = means.directory.academy
    current = must_be_prepared(connection, academy, year)
    missing = [
        f"{name} is not held for {year_label(year)}: what it alone says would be gone"
        for name in not_prepared(connection, academy, year)
    ]
    in_use = past.keep(connection, academy, current)
    turn_holdings(connection, academy, current, year)
    turn = _compared(connection, means, current, year, force=force)
    turn.doubts[:0] = missing
    turn.gone = past.note_gone(connection, current, in_use)
    return turn


def _compared(connection: Connection, means: Means, before: int, after: int, *, force: bool) -> Turn:
    settings = import_settings(means.directory, means.now.date(), force=force, school_year=after)
    taught_before = taught(connection)
    with noted(connection) as state:
        done = combine(connection, [], settings, means.provisioning, dry_run=False, progress=None, anew=True)
        changes = state.compare(done.directory)
    return Turn(
        before,
        after,
        changes,
        find_doubts(connection, changes, taught_before),
        warnings(connection, changes, done.directory),
        done.directory,
    )
