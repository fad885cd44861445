"""What people want to have outside of what comes in here: their own choice, where to, and what came back from there."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Row, Table, Text, delete, select, update

from directory.nomenclature import Profile
from directory.schema import address, person
from mailgate.database.statement import insert
from mailgate.queue.listing import QueueError
from smtp.addresses import parse_addresses


class Mode(StrEnum):
    """What goes there."""

    NOTIFICATION = "notification"
    """A word that a message came, once an hour at the most."""
    COPY = "copy"
    """The message itself, where the schools allow it; else a word."""


metadata: Final = MetaData()

outside_wish: Final = Table(
    "outside_wish",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("notified_at", BigInteger, nullable=False),
    Column("mode", Text, nullable=False, server_default=Mode.NOTIFICATION.value),
    Column("suspended_at", BigInteger, nullable=False, server_default="0"),
    comment="A relative who wants to be told at an address outside that a message came, or to have a copy of it; "
    "notified_at: when that was last; suspended_at: when too much had come back, 0 before",
    sqlite_with_rowid=False,
)

outside_failure: Final = Table(
    "outside_failure",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("queue_id", BigInteger, primary_key=True, autoincrement=False),
    Column("failed_at", BigInteger, nullable=False),
    comment="A message that the address of a wish refused for good",
    sqlite_with_rowid=False,
)


class WishView(msgspec.Struct, frozen=True):
    """A person's choice; `to` is None for who wants nothing outside."""

    person: str
    to: str | None
    mode: Mode = Mode.NOTIFICATION
    suspended_at: int = 0
    """When sending there ended, seconds since the epoch, as too much had come back; 0: it goes on."""


def choose(
    connection: Connection,
    text: str,
    to: str | None,
    mode: Mode = Mode.NOTIFICATION,
    holds: Callable[[str], bool] = lambda _: False,
) -> WishView:
    """Have a relative told, or sent copies, at `to`, or (None) nowhere. What came back before is forgotten.

    `holds` says whether an address is one of ours: there nobody is told. Raises QueueError.
    """
    found = _person(connection, text)
    if found.profile != Profile.RELATIVE:
        raise QueueError(f"{text} is no relative: only relatives are told outside that a message came")
    checked = None if to is None else _checked(to, holds)
    for table in (outside_wish, outside_failure):
        connection.execute(delete(table).where(table.c.person_id == found.person_id))
    if checked is None:
        return WishView(text, None)
    row = {"person_id": found.person_id, "address": checked, "notified_at": 0, "mode": mode.value}
    connection.execute(insert(outside_wish).values(row))
    return WishView(text, checked, mode)


def change_mode(connection: Connection, text: str, mode: Mode) -> WishView:
    """Have the same person told, or sent copies, at the same address. Raises QueueError."""
    number = _person(connection, text).person_id
    if not connection.execute(
        update(outside_wish).where(outside_wish.c.person_id == number).values(mode=mode.value)
    ).rowcount:
        raise QueueError(f"{text} has chosen no address outside: give one with --to")
    return chosen(connection, text)


def resume(connection: Connection, text: str) -> WishView:
    """Send again to an address that was suspended; what came back is forgotten. Raises QueueError."""
    number = _person(connection, text).person_id
    connection.execute(update(outside_wish).where(outside_wish.c.person_id == number).values(suspended_at=0))
    connection.execute(delete(outside_failure).where(outside_failure.c.person_id == number))
    return chosen(connection, text)


def chosen(connection: Connection, text: str) -> WishView:
    """What a person chose. Raises QueueError for an address that is nobody's."""
    found = connection.execute(
        select(outside_wish.c.address, outside_wish.c.mode, outside_wish.c.suspended_at).where(
            outside_wish.c.person_id == _person(connection, text).person_id
        )
    ).first()
    return WishView(text, None) if found is None else WishView(text, found[0], Mode(found[1]), found[2])


def _person(connection: Connection, text: str) -> Row[Any, Any]:
    found = connection.execute(
        select(person.c.person_id, person.c.profile)
        .join(address, address.c.person_id == person.c.person_id)
        .where(address.c.address == text.strip().lower())
    ).first()
    if found is None:
        raise QueueError(f"nobody has the address {text}")
    return found


def _checked(text: str, holds: Callable[[str], bool]) -> str:
    try:
        [found] = parse_addresses(text)
        found.encode("ascii")
    except ValueError as error:
        raise QueueError(f"{text!r} is no address") from error
    if holds(found):
        raise QueueError(f"{found} is an address of ours: messages are in a mailbox here already")
    return found
