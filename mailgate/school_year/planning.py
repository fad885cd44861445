"""Switches that are to be made at a time: planned, cancelled, carried out once, however many gateways there are."""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from directory.model import DirectoryError
from directory.school_year import year_label
from directory.sql import lock
from directory.year_schema import year_switch
from mailgate.config import Settings
from mailgate.database.batch import batch_engine
from mailgate.database.open import IMMEDIATE
from mailgate.policy.audit import operator, record
from mailgate.school_year import past
from mailgate.school_year.switching import Means, must_be_prepared, switch, told

log = structlog.stdlib.get_logger("mailgate.school_year")

_YEAR: Final = "the school year"
_OPEN: Final = (year_switch.c.due_at.is_not(None), year_switch.c.done_at.is_(None))


class Planned(NamedTuple):
    """A switch that is planned or was made; times in seconds since the epoch, UTC; `refusal` is why it was not made."""

    school_year: int
    due_at: int | None
    done_at: int | None
    undone_at: int | None
    forced: bool
    actor: str
    refusal: str


def plan(connection: Connection, means: Means, year: int, at: datetime.datetime, *, force: bool = False) -> None:
    """Have a switch made at a time; one that was planned for the same year is replaced.

    Raises:
        DirectoryError: the year is not prepared, or the time is over.
    """
    lock(connection)
    academy = means.directory.academy
    must_be_prepared(connection, academy, year)
    if at <= means.now:
        raise DirectoryError(_YEAR, None, f"{at:%Y-%m-%d %H:%M} is over; without --at the switch is made now")
    connection.execute(delete(year_switch).where(*_of(academy, year)))
    row = {"academy": academy, "school_year": year, "due_at": int(at.timestamp()), "forced": force, "refusal": ""}
    connection.execute(insert(year_switch).values(**row, actor=operator()))
    record(connection, "year plan", year_label(year), f"at {at.isoformat(timespec='minutes')}")


def cancel(connection: Connection, means: Means, year: int) -> None:
    """Take a planned switch back. Raises DirectoryError when none is."""
    own = _of(means.directory.academy, year)
    if not connection.execute(delete(year_switch).where(*own, *_OPEN)).rowcount:
        raise DirectoryError(_YEAR, None, f"no switch to {year_label(year)} is planned")
    record(connection, "year cancel", year_label(year))


def planned(connection: Connection, academy: str) -> list[Planned]:
    """Every switch that is planned or was made, the last first."""
    columns = (year_switch.c[name] for name in Planned._fields)
    rows = select(*columns).where(year_switch.c.academy == academy).order_by(year_switch.c.school_year.desc())
    return [Planned(*row) for row in connection.execute(rows)]


async def carry_out(settings: Settings, now: datetime.datetime) -> list[str]:
    """Make the switches that are due, and forget last year's lists when their time is over; what was done, in words.

    A switch that is refused stays undone, and says why, until it is planned anew. A crash leaves it due.
    """
    means = Means.of(settings, now)
    done = []
    async with batch_engine(settings.database.url) as engine:
        beginning = engine.execution_options(**{IMMEDIATE: True})
        async with beginning.begin() as connection:
            due = await connection.run_sync(_due, means)
        for one in due:
            label = year_label(one.school_year)
            try:
                async with beginning.begin() as connection:
                    text = await connection.run_sync(_switch, means, one)
                log.info("the school year was switched", school_year=label, changes=text)
                done.append(f"{label}: {text}")
            except DirectoryError as error:
                async with beginning.begin() as connection:
                    await connection.run_sync(_refuse, means, one, error.text)
                log.warning("the switch of the school year was refused", school_year=label, reason=error.text)
                done.append(f"{label}: refused: {error.text}")
        async with beginning.begin() as connection:
            if forgotten := await connection.run_sync(past.forget_over, means.directory, now.date()):
                done.append(f"{year_label(forgotten)}: its lists are not readable any more")
    return done


def _due(connection: Connection, means: Means) -> list[Planned]:
    at = int(means.now.timestamp())
    every = planned(connection, means.directory.academy)
    open_ = (one for one in every if one.due_at is not None and one.done_at is None and not one.refusal)
    return [one for one in open_ if one.due_at is not None and one.due_at <= at]


def _switch(connection: Connection, means: Means, one: Planned) -> str:
    """Make one switch, unless somebody else did so or took it back meanwhile."""
    lock(connection)
    if one.school_year not in (each.school_year for each in _due(connection, means)):
        return "made or taken back by somebody else"
    return told(switch(connection, means, one.school_year, force=one.forced, actor=f"plan of {one.actor}"))


def _refuse(connection: Connection, means: Means, one: Planned, reason: str) -> None:
    own = _of(means.directory.academy, one.school_year)
    connection.execute(update(year_switch).where(*own, *_OPEN).values(refusal=reason))
    record(connection, "year refused", year_label(one.school_year), reason, actor=f"plan of {one.actor}")


def _of(academy: str, year: int) -> tuple[ColumnElement[bool], ...]:
    return year_switch.c.academy == academy, year_switch.c.school_year == year
