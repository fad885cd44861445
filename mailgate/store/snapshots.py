"""A mailbox as the engine holds it in memory: the whole of it once, then what changed since (RFC 7162)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import LargeBinary, bindparam, func, literal, select, update

from imap.backend import Change, Changes, Entry, Snapshot
from imap.errors import MailboxNotFound
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import keywords
from mailgate.store.schema import entry, mailbox, tombstone

_of_mailbox = (entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == bindparam("mailbox_id"))
_NUMBERS: Final = msgspec.json.Decoder(list[int])
_HEAD: Final = Statement(
    select(
        mailbox.c.uidvalidity,
        mailbox.c.uidnext,
        mailbox.c.highestmodseq,
        mailbox.c.recent_from,
        mailbox.c.log_floor,
        mailbox.c.keywords,
    ).where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id"))
)
_ordered = select(entry.c.uid, entry.c.flags, entry.c.modseq).where(*_of_mailbox).order_by(entry.c.uid).subquery("log")
_BYTES: Final = Statement(
    select(
        *(func.string_agg(func.int8send(column, type_=LargeBinary), literal(b"", LargeBinary)) for column in _ordered.c)
    )
)
_JSON: Final = Statement(select(*(func.json_group_array(column) for column in _ordered.c)))
"""One row for the whole mailbox: a value a column takes a third of the time of a row a message.

PostgreSQL packs 8 octets a number in network order, SQLite writes a JSON array; both aggregate in the order of the
subquery.
"""

_CHANGED: Final = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.modseq)
    .where(*_of_mailbox, entry.c.modseq > bindparam("since"))
    .order_by(entry.c.uid)
)
_VANISHED: Final = Statement(
    select(tombstone.c.uid)
    .where(
        tombstone.c.account_id == bindparam("account_id"),
        tombstone.c.mailbox_id == bindparam("mailbox_id"),
        tombstone.c.modseq > bindparam("since"),
    )
    .order_by(tombstone.c.uid)
)
_ENTRIES: Final = Statement(
    select(entry.c.uid, entry.c.message_id, entry.c.internal_date, entry.c.size, entry.c.saved_at)
    .where(*_of_mailbox, member(entry.c.uid, "uids", dense=True))
    .order_by(entry.c.uid)
)
_RECENT: Final = Statement(
    select(mailbox.c.recent_from)
    .where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id"))
    .with_for_update()
)
_CLAIM: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(recent_from=bindparam("claimed"))
)


async def snapshot(tx: Tx, account_id: int, mailbox_id: int) -> Snapshot:
    """The whole mailbox. Raises MailboxNotFound."""
    uidvalidity, uidnext, highestmodseq, recent_from, _, table = await _head(tx, account_id, mailbox_id)
    uids, flags, modseqs = await _columns(tx, account_id, mailbox_id)
    return Snapshot(uidvalidity, uidnext, highestmodseq, recent_from, keywords.parse(table), uids, flags, modseqs)


async def _columns(tx: Tx, account_id: int, mailbox_id: int) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """UIDs, flags and modification sequences, ordered by UID."""
    if tx.engine == "postgresql":
        row = await tx.one(_BYTES, account_id=account_id, mailbox_id=mailbox_id)
        uids, flags, modseqs = map(_from_network_order, row or (b"", b"", b""))
    else:
        row = await tx.one(_JSON, account_id=account_id, mailbox_id=mailbox_id)
        uids, flags, modseqs = (array("q", _NUMBERS.decode(text)) for text in row or ("[]", "[]", "[]"))
    return uids, flags, modseqs


def _from_network_order(octets: bytes | None) -> array[int]:
    numbers = array("q", octets or b"")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


async def changes(tx: Tx, account_id: int, mailbox_id: int, since: int) -> Changes:
    """What happened after `since`. Raises MailboxNotFound."""
    _, uidnext, highestmodseq, _, log_floor, table = await _head(tx, account_id, mailbox_id)
    changed: list[Change] = []
    vanished: list[int] = []
    if highestmodseq > since:
        key = {"account_id": account_id, "mailbox_id": mailbox_id, "since": since}
        changed = [Change(*row) for row in await tx.all(_CHANGED, **key)]
        vanished = [row[0] for row in await tx.all(_VANISHED, **key)]
    return Changes(highestmodseq, uidnext, keywords.parse(table), changed, vanished, complete=since >= log_floor)


async def entries(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> Sequence[Entry]:
    """The entries of these UIDs, ordered by UID; those that are gone are left out."""
    rows = await tx.all(_ENTRIES, account_id=account_id, mailbox_id=mailbox_id, uids=uids)
    return list(map(Entry._make, rows))


async def claim_recent(tx: Tx, account_id: int, mailbox_id: int, uidnext: int) -> int:
    """Take ``\\Recent`` of all UIDs below `uidnext`; give the first of them. Raises MailboxNotFound."""
    row = await tx.one(_RECENT, account_id=account_id, mailbox_id=mailbox_id)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    recent_from: int = row[0]
    if recent_from < uidnext:
        await tx.run(_CLAIM, account=account_id, id=mailbox_id, claimed=uidnext)
    return recent_from


async def _head(tx: Tx, account_id: int, mailbox_id: int) -> Row:
    row = await tx.one(_HEAD, account_id=account_id, mailbox_id=mailbox_id)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    return row
