"""What people want to have outside of what comes in here: their own choice, where to, and what came back from there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    MetaData,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from directory.family_schema import person_merge, relative_mail
from directory.merged import current
from directory.nomenclature import Profile
from directory.schema import address, person, person_source
from mailgate.database.statement import insert
from mailgate.queue.listing import QueueError
from smtp.addresses import parse_addresses

DIRECTORY: Final = "directory"
"""In the place of an address: the one that the directory has of the person, whatever it is at the time."""


class Mode(StrEnum):
    """What goes there."""

    NOTIFICATION = "notification"
    """A word that a message came, once an hour at the most."""
    COPY = "copy"
    """The message itself, where the schools allow it; else a word."""


metadata: Final = MetaData()

IS_UNTOLD: Final = literal_column("suspended_at > 0 AND suspended_at <> told_of", Boolean)
"""Nobody but its owner was told of a suspension."""

outside_wish: Final = Table(
    "outside_wish",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("notified_at", BigInteger, nullable=False),
    Column("mode", Text, nullable=False, server_default=Mode.NOTIFICATION.value),
    Column("suspended_at", BigInteger, nullable=False, server_default="0"),
    Column("from_directory", BigInteger, nullable=False, server_default="0"),
    Column("owner_id", BigInteger),
    Column("told_of", BigInteger, nullable=False, server_default="0"),
    Index("ix_outside_wish_untold", "suspended_at", postgresql_where=IS_UNTOLD, sqlite_where=IS_UNTOLD),
    comment="A relative who wants to be told at an address outside that a message came, or to have a copy of it; "
    "notified_at: when that was last; suspended_at: when too much had come back, 0 before; from_directory: 1 "
    "where the address is the one that the directory has, empty while it has none; owner_id: whose wish it "
    "is, of somebody who was merged into this person; told_of: the suspended_at of which who manages lists was told",
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
    """A person's choice; `to` is None for who wants nothing outside, and `DIRECTORY` instead of the directory's
    address, which is nobody's to see.
    """

    person: str
    to: str | None
    mode: Mode = Mode.NOTIFICATION
    suspended_at: int = 0
    """When sending there ended, seconds since the epoch, as too much had come back; 0: it goes on."""
    known: bool = True
    """False where the directory has no address: nothing goes out until it has one."""


def choose(
    connection: Connection,
    text: str,
    to: str | None,
    mode: Mode = Mode.NOTIFICATION,
    holds: Callable[[str], bool] = lambda _: False,
) -> WishView:
    """Have a relative told, or sent copies, at `to`, which may be `DIRECTORY`, or (None) nowhere. What came back before
    is forgotten.

    `holds` says whether an address is one of ours: there nobody is told. Raises QueueError.
    """
    found = _person(connection, text)
    if found.profile != Profile.RELATIVE:
        raise QueueError(f"{text} is no relative: only relatives are told outside that a message came")
    checked = None if to is None else "" if to == DIRECTORY else _checked(to, holds)
    for table in (outside_wish, outside_failure):
        connection.execute(delete(table).where(table.c.person_id == found.person_id))
    if checked is None:
        return WishView(text, None)
    row = {
        "person_id": found.person_id, "address": checked, "notified_at": 0, "mode": mode.value,
        "from_directory": int(to == DIRECTORY),
    }  # fmt: skip
    connection.execute(insert(outside_wish).values(row))
    follow_directory(connection, [found.person_id])
    return chosen(connection, text)


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
        select(outside_wish).where(outside_wish.c.person_id == _person(connection, text).person_id)
    ).first()
    if found is None:
        return WishView(text, None)
    to = DIRECTORY if found.from_directory else found.address
    return WishView(text, to, Mode(found.mode), found.suspended_at, bool(found.address))


def follow_directory(connection: Connection, people: Collection[int] | None = None) -> None:
    """Bring the addresses up to date that are the directory's: of all, or of these people. What came back from a former
    one is forgotten.
    """
    keys = ("source", "academy", "source_id")
    own = case((and_(*(person.c[name] == person_source.c[name] for name in keys)), 0), else_=1)
    rows = (
        select(outside_wish.c.person_id, outside_wish.c.address, relative_mail.c.mail)
        .join(person, person.c.person_id == outside_wish.c.person_id)
        .outerjoin(person_source, person_source.c.person_id == outside_wish.c.person_id)
        .outerjoin(relative_mail, and_(*(relative_mail.c[name] == person_source.c[name] for name in keys)))
        .where(outside_wish.c.from_directory == 1)
        .order_by(outside_wish.c.person_id, own, func.length(person_source.c.source_id), person_source.c.source_id)
    )
    if people is not None:
        rows = rows.where(outside_wish.c.person_id.in_(people))
    changes = []
    for person_id, of_person in groupby(connection.execute(rows).all(), key=lambda row: row.person_id):
        those = list(of_person)
        mail = next((row.mail for row in those if row.mail and _usable(row.mail)), "")
        if mail != those[0].address:
            changes.append({"person": person_id, "mail": mail})
    if changes:
        mine = outside_wish.c.person_id == bindparam("person")
        connection.execute(update(outside_wish).where(mine).values(address=bindparam("mail"), suspended_at=0), changes)
        connection.execute(
            delete(outside_failure).where(outside_failure.c.person_id == bindparam("person")),
            [{"person": one["person"]} for one in changes],
        )


def follow_merges(connection: Connection, people: Collection[int]) -> None:
    """Let wishes be where these people are after a merge, or its undoing: a person who has none takes over that of
    somebody who was merged into him or her, the last one's first, and gives it back.
    """
    table = outside_wish.c
    owner = func.coalesce(table.owner_id, table.person_id)
    merged = select(person_merge.c.dropped_id).where(person_merge.c.root_id.in_(people))
    concerned = or_(table.person_id.in_(people), table.person_id.in_(merged))
    rows = connection.execute(select(table.person_id, owner, current(owner)).where(concerned)).all()
    found = sorted(rows, key=lambda row: (row[0] not in people, row[1]))
    has_one = {holder for holder, _, root in found if holder == root}
    for holder, own, root in found:
        to = holder if holder == root else own if root in has_one else root
        if to != holder:
            _move(connection, holder, to, own)
        has_one.add(to)
    follow_directory(connection, people)


def _move(connection: Connection, holder: int, to: int, owner: int) -> None:
    connection.execute(delete(outside_failure).where(outside_failure.c.person_id == to))
    connection.execute(update(outside_failure).where(outside_failure.c.person_id == holder).values(person_id=to))
    values = {"person_id": to, "owner_id": None if to == owner else owner}
    connection.execute(update(outside_wish).where(outside_wish.c.person_id == holder).values(values))


def _person(connection: Connection, text: str) -> Row[Any, Any]:
    found = connection.execute(
        select(person.c.person_id, person.c.profile)
        .join(address, address.c.person_id == person.c.person_id)
        .where(address.c.address == text.strip().lower())
    ).first()
    if found is None:
        raise QueueError(f"nobody has the address {text}")
    return found


def _checked(text: str, holds: Callable[[str], bool] = lambda _: False) -> str:
    """One address that mail can go to, which is none of ours. Raises QueueError."""
    try:
        [found] = parse_addresses(text)
        found.encode("ascii")
    except ValueError as error:
        raise QueueError(f"{text!r} is no address") from error
    if holds(found):
        raise QueueError(f"{found} is an address of ours: messages are in a mailbox here already")
    return found


def _usable(text: str) -> bool:
    """Whether what a source says is an address at all."""
    try:
        return _checked(text) == text
    except QueueError:
        return False
