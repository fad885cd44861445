"""What people want to be told outside of what comes in here: their own choice, and where to."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, delete, select

from directory.nomenclature import Profile
from directory.schema import address, person
from mailgate.database.statement import insert
from mailgate.queue.listing import QueueError
from smtp.addresses import parse_addresses

metadata: Final = MetaData()

outside_wish: Final = Table(
    "outside_wish",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("notified_at", BigInteger, nullable=False),
    comment="A relative who wants to be told at an address outside that a message came; notified_at: when that was "
    "last",
    sqlite_with_rowid=False,
)


class WishView(msgspec.Struct, frozen=True):
    """A person's choice; `to` is None for who wants nothing outside."""

    person: str
    to: str | None


def choose(connection: Connection, text: str, to: str | None) -> WishView:
    """Have a relative told at `to`, or (None) nowhere. Raises QueueError."""
    found = connection.execute(
        select(person.c.person_id, person.c.profile)
        .join(address, address.c.person_id == person.c.person_id)
        .where(address.c.address == text.strip().lower())
    ).first()
    if found is None:
        raise QueueError(f"nobody has the address {text}")
    if found.profile != Profile.RELATIVE:
        raise QueueError(f"{text} is no relative: only relatives are told outside that a message came")
    connection.execute(delete(outside_wish).where(outside_wish.c.person_id == found.person_id))
    if to is not None:
        row = {"person_id": found.person_id, "address": _checked(to), "notified_at": 0}
        connection.execute(insert(outside_wish).values(row))
    return WishView(text, to)


def chosen(connection: Connection, text: str) -> WishView:
    """What a person chose."""
    to = connection.scalar(
        select(outside_wish.c.address)
        .join(address, address.c.person_id == outside_wish.c.person_id)
        .where(address.c.address == text.strip().lower())
    )
    return WishView(text, to)


def _checked(text: str) -> str:
    try:
        [found] = parse_addresses(text)
        found.encode("ascii")
    except ValueError as error:
        raise QueueError(f"{text!r} is no address") from error
    return found
