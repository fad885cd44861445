"""What was sent: a row for each message and one for each of its contents, in the transaction that delivers them.

So a message is found again by its Message-ID, by the id that the client was told, or by its sender and the time; and
who got it is known after lists have changed and mailboxes were tidied. Neither Subject nor text is kept here.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import BigInteger, FromClause, Insert, LargeBinary, Text, bindparam, cast, delete, or_, select

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store.parcels import PreparedParcel
from mailgate.store.schema import dispatch, dispatch_copy, names, withdrawal

HISTORY: Final = 400 * 24 * 3600
"""Seconds that it is known what was sent, unless the configuration says otherwise."""
LONGEST_ID: Final = 500
"""Characters of a Message-ID that are kept: an index of PostgreSQL takes no more than 2,700 octets."""
_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A message that is sent, or was."""

    dispatch_id: str
    """As the reply to the client and the Received field have it."""
    sender_id: int
    """The account that signed in."""
    author_id: int
    """The account whose address is in From: another one when a shared mailbox speaks."""
    author: str
    internet_id: str
    """Its Message-ID, with angle brackets."""
    at: int


@dataclass(frozen=True, slots=True)
class DispatchCopy:
    """A content of a message that was sent, and who got it."""

    list_id: int
    """0 for people named."""
    content_id: bytes
    account_ids: frozenset[int]


_VALUES: Final = tuple(bindparam(name, type_=dispatch.c[name].type) for name in names(dispatch))
_COPY: Final = (
    bindparam("of", type_=Text),
    bindparam("list_id", type_=BigInteger),
    bindparam("content", type_=LargeBinary),
    bindparam("accounts", type_=LargeBinary),
)


def noting(*tables: FromClause) -> tuple[Insert, Insert]:
    """What notes a message, and one copy of it, if `tables` have a row."""
    message = insert(dispatch).from_select(names(dispatch), select(*_VALUES).select_from(*tables))
    copy = insert(dispatch_copy).from_select(names(dispatch_copy), select(*_COPY).select_from(*tables))
    # A part of the recipients may have had to wait: the same message goes out again, to others.
    more = copy.on_conflict_do_update(
        index_elements=[dispatch_copy.c.dispatch_id, dispatch_copy.c.list_id, dispatch_copy.c.message_id],
        set_={"accounts": cast(dispatch_copy.c.accounts.op("||")(copy.excluded.accounts), LargeBinary)},
    )
    return message.on_conflict_do_nothing(), more


_message, _copy = noting()
_NOTE: Final = Statement(_message)
_NOTE_COPY: Final = Statement(_copy)
_NOTE_BOTH: Final = Statement(_copy.add_cte(_message.cte("noted")))
"""A message and its first copy, for PostgreSQL."""

_DISPATCHES = select(*dispatch.columns)
BY_NAME: Final = Statement(
    _DISPATCHES.where(or_(dispatch.c.internet_id == bindparam("name"), dispatch.c.dispatch_id == bindparam("id")))
    .order_by(dispatch.c.at, dispatch.c.dispatch_id)
)  # fmt: skip
_in_time = dispatch.c.at.between(bindparam("since"), bindparam("until"))
_as_sender = _DISPATCHES.where(dispatch.c.sender_id == bindparam("account"), _in_time)
_as_author = _DISPATCHES.where(dispatch.c.author_id == bindparam("account"), _in_time)
_either = _as_sender.union(_as_author).subquery()
BY_TIME: Final = Statement(select(_either).order_by(_either.c.at, _either.c.dispatch_id))
"""A look at each of two indexes: no engine does both for one condition with OR and the time."""
_COPIES: Final = Statement(
    select(dispatch_copy.c.list_id, dispatch_copy.c.message_id, dispatch_copy.c.accounts)
    .where(dispatch_copy.c.dispatch_id == bindparam("id"))
    .order_by(dispatch_copy.c.list_id)
)
_OLD: Final = Statement(select(dispatch.c.dispatch_id).where(dispatch.c.at < bindparam("cutoff")).limit(_BATCH))
_FORGET: Final = tuple(
    Statement(delete(table).where(member(table.c.dispatch_id, "ids")))
    for table in (withdrawal, dispatch_copy, dispatch)
)


async def record(tx: Tx, sent: Dispatch, parcels: Sequence[PreparedParcel]) -> None:
    """Note a message with those parcels that are copies of it: a statement for each and one more on SQLite."""
    row = row_of(sent)
    copies = [copy_of(sent, parcel) for parcel in parcels if parcel.list_id is not None]
    if tx.engine == "postgresql" and copies:
        first, *copies = copies
        await tx.run(_NOTE_BOTH, **row, **first)
    else:
        await tx.run(_NOTE, **row)
    for copy in copies:
        await tx.run(_NOTE_COPY, **copy)


def row_of(sent: Dispatch) -> dict[str, object]:
    """The parameters of the first statement of `noting`."""
    return {
        "dispatch_id": sent.dispatch_id,
        "sender_id": sent.sender_id,
        "author_id": sent.author_id,
        "author": _storable(sent.author),
        "internet_id": _storable(sent.internet_id),
        "at": sent.at,
    }


def copy_of(sent: Dispatch, parcel: PreparedParcel) -> dict[str, object]:
    """Those of the second."""
    return {
        "of": sent.dispatch_id,
        "list_id": parcel.list_id,
        "content": parcel.content.message_id,
        "accounts": _packed(parcel.account_ids),
    }


async def find(tx: Tx, name: str) -> list[Dispatch]:
    """The messages of this Message-ID, brackets or not, or of this id, oldest first.

    A Message-ID is its writer's to choose: several may have one.
    """
    text = _storable(name.strip())
    bracketed = text if text.startswith("<") else _storable(f"<{text}>")
    return [Dispatch(*row) for row in await tx.all(BY_NAME, name=bracketed, id=text)]


async def sent_by(tx: Tx, account_id: int, since: int, until: int) -> list[Dispatch]:
    """What an account sent between two times, or others in its name, oldest first."""
    return [Dispatch(*row) for row in await tx.all(BY_TIME, account=account_id, since=since, until=until)]


async def copies_of(tx: Tx, dispatch_id: str) -> list[DispatchCopy]:
    """The contents of a message that was sent, people's first."""
    rows = await tx.all(_COPIES, id=dispatch_id)
    return [DispatchCopy(list_id, content, _unpacked(accounts)) for list_id, content, accounts in rows]


async def forget_old(database: Database, history: int = HISTORY, now: int | None = None) -> int:
    """Forget what was sent more than `history` seconds ago, and what was taken back of it; give the number."""
    cutoff = (int(time.time()) if now is None else now) - history
    forgotten = 0
    while ids := [row[0] for row in await database.read(lambda tx: tx.all(_OLD, cutoff=cutoff))]:
        await database.write(partial(_forget, ids=ids))
        forgotten += len(ids)
    return forgotten


async def _forget(tx: Tx, ids: list[str]) -> None:
    for statement in _FORGET:
        await tx.run(statement, ids=ids)


def _storable(text: str) -> str:
    return text.replace("\0", "")[:LONGEST_ID]


def _packed(account_ids: Collection[int]) -> bytes:
    """8 octets for each, the least first: a tenth of what a row of a table takes."""
    return struct.pack(f"<{len(account_ids)}q", *sorted(account_ids))


def _unpacked(octets: bytes) -> frozenset[int]:
    return frozenset(number for (number,) in struct.iter_unpack("<q", octets))
