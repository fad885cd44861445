"""A mailbox as the engine holds it in memory: the whole of it once, then what changed since (RFC 7162)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Subquery,
    Text,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union,
    union_all,
    update,
)

from imap.backend import Change, Changes, Entry, MailboxRef, Snapshot
from imap.errors import MailboxNotFound
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import keywords
from mailgate.store.access import Access
from mailgate.store.schema import entry, mailbox, seen_by, tombstone
from mailgate.store.seen import shown, shown_flags, shown_modseq

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
_to_owner = select(entry.c.uid, entry.c.flags, entry.c.modseq).where(*_of_mailbox)
_to_reader = (
    select(entry.c.uid, shown_flags.label("flags"), shown_modseq.label("modseq")).select_from(shown).where(*_of_mailbox)
)


def _whole(ordered: Subquery) -> dict[str, Statement]:
    """One row for the whole mailbox: a value a column takes a third of the time of a row a message.

    PostgreSQL packs 8 octets a number in network order, SQLite writes a JSON array; both aggregate in the order of the
    subquery.
    """
    packed = (func.int8send(column, type_=LargeBinary) for column in ordered.c)
    return {
        "postgresql": Statement(select(*(func.string_agg(column, literal(b"", LargeBinary)) for column in packed))),
        "sqlite": Statement(select(*(func.json_group_array(column) for column in ordered.c))),
    }


_WHOLE: Final = _whole(_to_owner.order_by(entry.c.uid).subquery("log"))
_WHOLE_TO_READER: Final = _whole(_to_reader.order_by(entry.c.uid).subquery("log"))
# The second condition, always true, is about a column that the primary key does not hold: for any `since`, PostgreSQL
# would else read the whole mailbox from that index alone, and not what changed from the index of sequences.
_changed = (entry.c.modseq > bindparam("since"), entry.c.saved_at >= literal_column("0"))
_changed_to_reader = union(
    _to_reader.where(*_changed),
    _to_reader.where(
        seen_by.c.account_id == bindparam("account_id"),
        seen_by.c.mailbox_id == bindparam("mailbox_id"),
        seen_by.c.modseq > bindparam("since"),
    ),
).subquery("changed")
_CHANGED_TO_READER: Final = Statement(select(_changed_to_reader).order_by(_changed_to_reader.c.uid))
_vanished = select(tombstone.c.uid).where(
    tombstone.c.account_id == bindparam("account_id"),
    tombstone.c.mailbox_id == bindparam("mailbox_id"),
    tombstone.c.modseq > bindparam("since"),
)
_VANISHED: Final = Statement(_vanished.order_by(tombstone.c.uid))
_HEAD_ROW, _CHANGED_ROW = 0, 1
_zero, _no_text = literal_column("0", BigInteger), literal_column("''", Text)
_log = union_all(
    select(
        literal_column(str(_HEAD_ROW), Integer).label("kind"),
        cast(mailbox.c.uidnext, BigInteger).label("uid"),
        mailbox.c.highestmodseq.label("flags"),
        mailbox.c.log_floor.label("modseq"),
        mailbox.c.keywords,
    ).where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id")),
    _to_owner.where(*_changed).with_only_columns(
        literal_column(str(_CHANGED_ROW), Integer), entry.c.uid, entry.c.flags, entry.c.modseq, _no_text
    ),
    _vanished.with_only_columns(literal_column("2", Integer), tombstone.c.uid, _zero, _zero, _no_text),
).subquery("log")
_LOG: Final = Statement(select(_log).order_by(_log.c.kind, _log.c.uid))
"""All that `changes` tells the owner, in one statement: it needs no transaction."""
_entries = select(entry.c.uid, entry.c.message_id, entry.c.internal_date, entry.c.size, entry.c.saved_at).where(
    *_of_mailbox
)
_ENTRIES: Final = Statement(_entries.where(member(entry.c.uid, "uids", dense=True)).order_by(entry.c.uid))
_ENTRIES_BETWEEN: Final = Statement(
    _entries.where(entry.c.uid.between(bindparam("first"), bindparam("last"))).order_by(entry.c.uid)
)
"""Of UIDs that nearly follow each other: a range takes half the time of a look for each."""
_DENSE: Final = 2
"""A range of so many UIDs for each that is asked for is read whole."""
_make_entry: Final[Callable[[Row], Entry]] = partial(tuple.__new__, Entry)
"""`Entry._make` without its count of the fields."""
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


async def snapshot(tx: Tx, access: Access, ref: MailboxRef) -> Snapshot:
    """The whole mailbox as the reader sees it. Raises MailboxNotFound."""
    uidvalidity, uidnext, highestmodseq, recent_from, _, table = await _head(tx, *ref)
    uids, flags, modseqs = await _columns(tx, access, ref)
    names = keywords.parse(table)
    return Snapshot(uidvalidity, uidnext, highestmodseq, recent_from, names, uids, flags, modseqs, access.rights)


async def _columns(tx: Tx, access: Access, ref: MailboxRef) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """UIDs, flags and modification sequences, ordered by UID."""
    statements = _WHOLE if access.own else _WHOLE_TO_READER
    row = await tx.one(statements[tx.engine], **_key(access, ref))
    if tx.engine == "postgresql":
        uids, flags, modseqs = map(_from_network_order, row or (b"", b"", b""))
    else:
        uids, flags, modseqs = (array("q", _NUMBERS.decode(text)) for text in row or ("[]", "[]", "[]"))
    return uids, flags, modseqs


def _key(access: Access, ref: MailboxRef) -> dict[str, int]:
    key = {"account_id": ref.account_id, "mailbox_id": ref.mailbox_id}
    return key if access.own else key | {"reader_id": access.reader_id, "base": access.base}


def _from_network_order(octets: bytes | None) -> array[int]:
    numbers = array("q", octets or b"")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


async def changes(tx: Tx, access: Access, ref: MailboxRef, since: int) -> Changes:
    """What happened after `since`. Raises MailboxNotFound."""
    if access.own:
        return await _changes_to_owner(tx, access, ref, since)
    _, uidnext, highestmodseq, _, log_floor, table = await _head(tx, *ref)
    changed: list[Change] = []
    vanished: list[int] = []
    if highestmodseq > since:
        changed = [Change(*row) for row in await tx.all(_CHANGED_TO_READER, **_key(access, ref), since=since)]
        gone = await tx.all(_VANISHED, account_id=ref.account_id, mailbox_id=ref.mailbox_id, since=since)
        vanished = [row[0] for row in gone]
    return Changes(
        highestmodseq,
        uidnext,
        keywords.parse(table),
        changed,
        vanished,
        complete=since >= log_floor,
        rights=access.rights,
    )


async def _changes_to_owner(tx: Tx, access: Access, ref: MailboxRef, since: int) -> Changes:
    rows = await tx.all(_LOG, **_key(access, ref), since=since)
    if not rows or rows[0][0] != _HEAD_ROW:
        raise MailboxNotFound("No such mailbox")
    _, uidnext, highestmodseq, log_floor, table = rows[0]
    changed: list[Change] = []
    vanished: list[int] = []
    for kind, uid, flags, modseq, _ in rows[1:]:
        if kind == _CHANGED_ROW:
            changed.append(Change(uid, flags, modseq))
        else:
            vanished.append(uid)
    complete = since >= log_floor
    names = keywords.parse(table)
    return Changes(highestmodseq, uidnext, names, changed, vanished, complete=complete, rights=access.rights)


async def entries(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> Sequence[Entry]:
    """The entries of these UIDs, each named once, ordered by UID; those that are gone are left out."""
    key = {"account_id": account_id, "mailbox_id": mailbox_id}
    first, last = min(uids, default=0), max(uids, default=0)
    if last - first < _DENSE * len(uids):
        rows = await tx.all(_ENTRIES_BETWEEN, **key, first=first, last=last)
        if len(rows) > len(uids):
            wanted = frozenset(uids)
            rows = [row for row in rows if row[0] in wanted]
    else:
        rows = await tx.all(_ENTRIES, **key, uids=uids)
    return list(map(_make_entry, rows))


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
