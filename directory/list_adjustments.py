"""People added to a list and people excluded from it, by somebody, for a reason: no import undoes that.

Functions change rows, under the lock of the directory; `list_membership.follow` then brings members up to date.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, and_, delete, func, insert, literal, select

from directory.list_decisions import decisions
from directory.list_definitions import Author
from directory.list_graph import ListError
from directory.list_membership import OneList
from directory.list_schema import list_adjustment
from directory.merged import stands_for
from directory.queries import PERSON_BY_ADDRESS
from directory.schema import ACTIVE, Id, address, person
from directory.sql import lock

MAX_ADJUSTMENTS: Final = 5_000
"""People added to, and excluded from, one list."""
MAX_REASON: Final = 200


class Person(NamedTuple):
    """A person by an address: `active` unless gone."""

    person_id: int
    address: str
    active: bool


class Adjustment(NamedTuple):
    """Who was added or excluded, by whom, when and why; `state` is that of the person."""

    person_id: int
    person: str
    address: str
    state: str
    excluded: bool
    reason: str
    actor: str
    at: int


def find_person(connection: Connection, text: str) -> Person:
    """A person by any of his or her addresses. Raises ListError."""
    folded = text.strip().lower()
    row = connection.execute(PERSON_BY_ADDRESS, {"address": folded}).first()
    if row is None:
        raise ListError(f"there is no person {text}")
    return Person(row.person_id, folded, row.state == ACTIVE)


def adjustments(connection: Connection, list_id: int) -> list[Adjustment]:
    """Who was added to a list and who was excluded from it, by name."""
    table = decisions().subquery().c
    rows = connection.execute(
        select(person.c.person_id, person.c.display, address.c.address, person.c.state)
        .add_columns(table.excluded, table.reason, table.actor, table.at)
        .join(person, person.c.person_id == table.person_id)
        .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary.is_(True)))
        .where(table.list_id == list_id)
        .order_by(table.excluded, person.c.sn, person.c.given, person.c.person_id)
    )
    return [Adjustment(*row) for row in rows]


def add(connection: Connection, one: OneList, who: Sequence[Person], author: Author, reason: str = "") -> None:
    """Make people members whatever the directory says, for as long as they are not gone.

    Raises:
        ListError: somebody is gone, or excluded from the list; nothing may be kept then.
    """
    lock(connection)
    for each in who:
        if not each.active:
            raise ListError(f"{each.address} has left")
        before = _present(connection, one, each)
        if before is not None and before.excluded:
            raise ListError(
                f"{each.address} is excluded from {one.address} since {day(before.at)} by {before.actor}"
                f"{f': {before.reason}' if before.reason else ''}; `mailgate list include` ends that"
            )
        if before is None:
            _write(connection, one, each, author, reason, excluded=False)
    _check_number(connection, one)


def remove(connection: Connection, one: OneList, who: Sequence[Person]) -> None:
    """Take additions back. Raises ListError for who was not added."""
    lock(connection)
    for each in who:
        before = _present(connection, one, each)
        if before is None or before.excluded:
            raise ListError(f"{each.address} was not added to {one.address}; `mailgate list exclude` takes members out")
        _forget(connection, one, each)


def exclude(connection: Connection, one: OneList, who: Sequence[Person], author: Author, reason: str = "") -> None:
    """Let people not be members, whatever the directory says; an addition of theirs ends. Raises ListError."""
    lock(connection)
    for each in who:
        before = _present(connection, one, each)
        if before is None or not before.excluded:
            _forget(connection, one, each)
            _write(connection, one, each, author, reason, excluded=True)
    _check_number(connection, one)


def include(connection: Connection, one: OneList, who: Sequence[Person]) -> None:
    """Take exclusions back: the directory, the rule or a nested list decides again. Raises ListError."""
    lock(connection)
    for each in who:
        before = _present(connection, one, each)
        if before is None or not before.excluded:
            raise ListError(f"{each.address} is not excluded from {one.address}")
        _forget(connection, one, each)


def day(at: int) -> str:
    """The day of a time, UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _present(connection: Connection, one: OneList, who: Person) -> Row[bool, str, str, int] | None:
    table = list_adjustment.c
    rows = select(table.excluded, table.reason, table.actor, table.at).order_by(table.excluded.desc())
    return connection.execute(
        rows.where(table.list_id == one.list_id, stands_for(literal(who.person_id, Id), table.person_id))
    ).first()


def _write(connection: Connection, one: OneList, who: Person, author: Author, reason: str, *, excluded: bool) -> None:
    row = {"list_id": one.list_id, "person_id": who.person_id, "excluded": excluded, "reason": checked_reason(reason)}
    connection.execute(insert(list_adjustment).values(row | author._asdict()))


def _forget(connection: Connection, one: OneList, who: Person) -> None:
    table = list_adjustment.c
    connection.execute(
        delete(list_adjustment).where(
            table.list_id == one.list_id, stands_for(literal(who.person_id, Id), table.person_id)
        )
    )


def checked_reason(text: str) -> str:
    """A reason in one line, normalised. Raises ListError when it is too long or holds control characters."""
    normal = " ".join(unicodedata.normalize("NFC", text).split())
    if len(normal) > MAX_REASON or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in normal):
        raise ListError(f"a reason has at most {MAX_REASON} characters, and none of control")
    return normal


def _check_number(connection: Connection, one: OneList) -> None:
    count = select(func.count()).select_from(list_adjustment).where(list_adjustment.c.list_id == one.list_id)
    if (connection.scalar(count) or 0) > MAX_ADJUSTMENTS:
        raise ListError(f"{one.address} would have more than {MAX_ADJUSTMENTS} additions and exclusions; nest a list")
