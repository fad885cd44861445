"""School years: which one the directory is of, which are prepared, and of which one files say that they are.

A school year is called by the first of its two calendar years.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from directory.holding_schema import followed, held_record
from directory.holding_schema import source as held_source
from directory.keys import day_of
from directory.model import DirectoryError
from directory.opening import READERS
from directory.readers.aaf import deliveries
from directory.readers.heading import OtherYearError
from directory.schema import school
from directory.school_year import year_of
from directory.source import Format, Source
from directory.sources import NOW

_DATED: Final = frozenset({Format.SIECLE, Format.STS})
"""Formats whose heading says the year."""


def current_year(connection: Connection, academy: str) -> int | None:
    """The school year that the directory is of, or None while there is no school."""
    own = (school.c.academy == academy, school.c.active)
    year: int | None = connection.scalar(select(func.max(school.c.school_year)).where(*own))
    return year


def held_years(connection: Connection, academy: str) -> list[int]:
    """The years for which sources are held, the first first; `NOW` is among them."""
    return sorted(connection.scalars(select(held_source.c.year).distinct().where(held_source.c.academy == academy)))


def prepared_years(connection: Connection, academy: str) -> list[int]:
    """The years for which sources are held beside those that the directory is made of, the first first."""
    known = current_year(connection, academy) or NOW
    return [year for year in held_years(connection, academy) if year > known]


def year_ahead(connection: Connection, academy: str, source: Source, path: Path, current: int) -> int:
    """The later school year that files are of by what they say themselves, or `NOW`.

    The heading says it in SIECLE and STSWEB; an AAF delivery is of the year that its day falls in, but a delta changes
    what is held for that year, and where nothing is, what the directory is made of.

    Raises:
        DirectoryError: nothing there, or a damaged archive.
    """
    if source.format is Format.AAF:
        found = deliveries(path)
        day = day_of(found[-1].day)
        year = year_of(day) if day else current
        begins = any(not one.delta for one in found)
        return year if year > current and (begins or year in _held_years(connection, academy, source)) else NOW
    if source.format not in _DATED:
        return NOW
    try:
        next(READERS[source.format](path, current, source.school), None)
    except OtherYearError as error:
        return error.year if error.year > current else NOW
    except DirectoryError:
        pass  # reading says it again
    return NOW


def _held_years(connection: Connection, academy: str, source: Source) -> list[int]:
    own = (held_source.c.academy == academy, held_source.c.name == source.name)
    return list(connection.scalars(select(held_source.c.year).where(*own)))


def turn_holdings(connection: Connection, academy: str, before: int, after: int) -> None:
    """What is held for the year `after` is what the directory is made of, and what was so is held for `before`. Sources
    that are followed are compared whole at the next look, since what is held of them is of another time.
    """
    own = held_source.c.academy == academy
    over = select(held_source.c.source_id).where(own, held_source.c.year == before)
    connection.execute(delete(held_record).where(held_record.c.source_id.in_(over)))
    connection.execute(delete(held_source).where(own, held_source.c.year == before))
    connection.execute(update(held_source).where(own, held_source.c.year == NOW).values(year=before))
    connection.execute(update(held_source).where(own, held_source.c.year == after).values(year=NOW))
    connection.execute(update(followed).where(followed.c.academy == academy).values(position=None))
