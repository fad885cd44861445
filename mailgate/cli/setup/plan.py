"""What is wished of a set-up, what a step came to, and the transactions in which steps are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Row, select

import directory.source
from directory.schema import school
from mailgate.cli.context import CommandFailed, apply, in_transaction, run
from mailgate.config import Settings
from mailgate.letters.formats import Format

T = TypeVar("T")


@dataclass(slots=True)
class Plan:
    """What the options, and the answers to questions, say; None is what nobody has said."""

    settings: Settings
    uai: str
    now: int
    domain: str | None = None
    source: Path | None = None
    source_format: directory.source.Format | None = None
    language: str | None = None
    contact: str | None = None
    administrators: list[str] = field(default_factory=list)
    letters: Path | None = None
    form: Format = Format.PDF
    dry_run: bool = False


class Status(StrEnum):
    """Where a step stands."""

    DONE = "done"
    """Just now."""
    BEFORE = "done before"
    SHOWN = "shown"
    """A step that only tells something."""
    WAITS = "waits"
    """Something that people must do or say first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to: for people, and as JSON has it."""

    status: Status
    said: list[str]
    facts: dict[str, object] = field(default_factory=dict)


class Acting(Protocol):
    """Batch work, each piece in one transaction."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Work that changes nothing."""
        ...

    def change(self, work: Callable[[Connection], T]) -> T:
        """Work that is done as a whole or not at all."""
        ...


class ForGood:
    """On the database of the settings, whose schema is made, or brought up to date, when this is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        apply(settings, lambda _: None, upgrade=True)

    def read(self, work: Callable[[Connection], T]) -> T:
        return run(in_transaction(self._settings, work))

    def change(self, work: Callable[[Connection], T]) -> T:
        return apply(self._settings, work)


class Rehearsal:
    """On one connection, whose transaction is taken back at the end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, work: Callable[[Connection], T]) -> T:
        return work(self._connection)

    def change(self, work: Callable[[Connection], T]) -> T:
        return work(self._connection)


def known_school(connection: Connection, uai: str) -> Row[int, str, str | None] | None:
    """Number, name and domain of a school that an import has brought."""
    return connection.execute(
        select(school.c.school_id, school.c.name, school.c.domain).where(school.c.uai == uai)
    ).first()


def the_school(connection: Connection, uai: str) -> tuple[int, str]:
    """Number and domain of the school. Raises CommandFailed when the directory has no pupils of it."""
    found = known_school(connection, uai)
    if found is None or found.domain is None:
        known = ", ".join(connection.scalars(select(school.c.uai).where(school.c.domain.is_not(None)))) or "none"
        raise CommandFailed(f"the sources know no pupils of the school {uai}; schools with pupils: {known}")
    return found.school_id, found.domain
