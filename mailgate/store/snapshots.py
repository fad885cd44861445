"""A mailbox as the engine holds it in memory: the whole of it at once, and the entries of its messages."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import LargeBinary, Subquery, bindparam, func, literal, select, update

from imap.backend import Entry, MailboxRef, Snapshot
from imap.errors import MailboxNotFound
from imap.flags import SEEN
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import flag_log, keywords, seen
from mailgate.store.access import Access
from mailgate.store.flag_log import Changed
from mailgate.store.schema import entry, mailbox

_of_mailbox = (entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == bindparam("mailbox_id"))
_NUMBERS: Final = msgspec.json.Decoder(list[int])
_HEAD: Final = Statement(
    select(
        mailbox.c.uidvalidity,
        mailbox.c.uidnext,
        mailbox.c.highestmodseq,
        mailbox.c.recent_from,
        mailbox.c.keywords,
        mailbox.c.stamp,
        mailbox.c.settled,
        mailbox.c.backlog,
    ).where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id"))
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


_WHOLE: Final = _whole(
    select(entry.c.uid, entry.c.flags, entry.c.modseq).where(*_of_mailbox).order_by(entry.c.uid).subquery("columns")
)
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
    key = {"account_id": ref.account_id, "mailbox_id": ref.mailbox_id}
    head = await tx.one(_HEAD, **key)
    if head is None:
        raise MailboxNotFound("No such mailbox")
    uidvalidity, uidnext, highestmodseq, recent_from, table, stamp, settled, backlog = head
    columns = await _columns(tx, key)
    if backlog:
        for changed in await flag_log.beyond(tx, ref, settled):
            _take_in(columns, changed)
    if not access.own:
        _show_as(access, columns, await seen.marks_of(tx, ref, access.reader_id))
    names = keywords.parse(table)
    return Snapshot(uidvalidity, uidnext, highestmodseq, recent_from, names, *columns, access.rights, stamp)


async def _columns(tx: Tx, key: dict[str, int]) -> Changed:
    """UIDs, flags and modification sequences of the entries, ordered by UID."""
    row = await tx.one(_WHOLE[tx.engine], **key)
    if tx.engine == "postgresql":
        uids, flags, modseqs = map(_from_network_order, row or (b"", b"", b""))
    else:
        uids, flags, modseqs = (array("q", _NUMBERS.decode(text)) for text in row or ("[]", "[]", "[]"))
    return uids, flags, modseqs


def _take_in(columns: Changed, changed: Changed) -> None:
    """Put a row of the log into the columns; messages that are gone are left out."""
    uids, flags, modseqs = columns
    start, count = bisect_left(uids, changed[0][0]) if changed[0] else 0, len(changed[0])
    if uids[start : start + count] == changed[0]:
        flags[start : start + count] = changed[1]
        modseqs[start : start + count] = array("q", changed[2])
        return
    for uid, mask, modseq in zip(*changed, strict=True):
        place = bisect_left(uids, uid)
        if place < len(uids) and uids[place] == uid:
            flags[place], modseqs[place] = mask, modseq


def _show_as(access: Access, columns: Changed, marks: Mapping[int, tuple[int, int]]) -> None:
    """Turn what the owner sees into what a reader does."""
    uids, flags, modseqs = columns
    own = ~SEEN | access.base
    flags[:] = array("q", [mask & own for mask in flags])
    for uid, mark in marks.items():
        place = bisect_left(uids, uid)
        if place < len(uids) and uids[place] == uid:
            flags[place], modseqs[place] = seen.seen_as(access, flags[place], modseqs[place], mark)


def _from_network_order(octets: bytes | None) -> array[int]:
    numbers = array("q", octets or b"")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


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
