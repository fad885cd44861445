"""A mailbox as the engine holds it in memory: the whole of it at once, and the entries of its messages."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    bindparam,
    func,
    select,
    true,
    update,
)

from imap.backend import Entries, MailboxRef, Snapshot
from imap.errors import MailboxNotFound
from imap.flags import SEEN
from mailgate.database import Row, Statement, Tx
from mailgate.database.columns import cut_up, end_to_end, numbers, pieces, unpack
from mailgate.database.statement import member
from mailgate.store import flag_log, keywords, seen
from mailgate.store.access import Access
from mailgate.store.flag_log import Changed
from mailgate.store.schema import entry, flag_change, mailbox


def _of_mailbox(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.account_id == bindparam("account_id"), table.c.mailbox_id == bindparam("mailbox_id")


_head = (
    mailbox.c.uidvalidity,
    mailbox.c.uidnext,
    mailbox.c.highestmodseq,
    mailbox.c.recent_from,
    mailbox.c.keywords,
    mailbox.c.stamp,
)
_columns = select(entry.c.uid, entry.c.flags, entry.c.modseq).where(*_of_mailbox(entry)).order_by(entry.c.uid)
_log = select(flag_change.c.changes).order_by(flag_change.c.stamp)
_log = _log.where(*_of_mailbox(flag_change), flag_change.c.stamp > mailbox.c.settled).correlate(mailbox)


def _whole() -> Statement:
    each = _columns.subquery("each")
    whole = select(*map(numbers, each.c)).subquery("whole")
    log = [select(value).scalar_subquery() for value in pieces(_log.subquery("rows").c.changes)]
    return Statement(select(*_head, *whole.c, *log).join_from(mailbox, whole, true()).where(*_of_mailbox(mailbox)))


_WHOLE: Final = _whole()
"""One row for the whole mailbox and its log, in one statement, which needs no transaction: a value a column takes a
third of the time of a row a message. Both engines aggregate in the order of the subquery.
"""


def _entries(which: ColumnElement[bool]) -> Statement:
    columns = (entry.c.uid, entry.c.message_id, entry.c.internal_date, entry.c.size, entry.c.saved_at)
    each = select(*columns).where(*_of_mailbox(entry), which).order_by(entry.c.uid).subquery("each")
    uid, message_id, *values = each.c
    return Statement(select(numbers(uid), end_to_end(message_id), *map(numbers, values)))


_ENTRIES: Final = _entries(member(entry.c.uid, "uids", dense=True))
_ENTRIES_BETWEEN: Final = _entries(entry.c.uid.between(bindparam("first"), bindparam("last")))
"""Of UIDs that nearly follow each other: a range takes half the time of a look for each."""
_DENSE: Final = 2
"""A range of so many UIDs for each that is asked for is read whole."""
_recent = select(mailbox.c.recent_from).where(*_of_mailbox(mailbox))
_RECENT: Final = Statement(_recent)
_claim = update(mailbox).where(*_of_mailbox(mailbox))
_claimed = bindparam("claimed", type_=BigInteger)
_CLAIM: Final = Statement(_claim.where(mailbox.c.recent_from < _claimed).values(recent_from=_claimed))
_held = _recent.with_for_update().subquery("held")
_CLAIM_HELD: Final = Statement(
    _claim.values(recent_from=func.greatest(_held.c.recent_from, _claimed)).returning(_held.c.recent_from)
)
"""For PostgreSQL."""


async def snapshot(tx: Tx, access: Access, ref: MailboxRef) -> Snapshot:
    """The whole mailbox as the reader sees it. Raises MailboxNotFound."""
    row = await tx.one(_WHOLE, account_id=ref.account_id, mailbox_id=ref.mailbox_id)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    uidvalidity, uidnext, highestmodseq, recent_from, table, stamp, uids, flags, modseqs, *log = row
    columns = unpack(uids), unpack(flags), unpack(modseqs)
    for octets in cut_up(*log):
        _take_in(columns, flag_log.unpack(octets))
    if not access.own:
        _show_as(access, columns, await seen.marks_of(tx, ref, access.reader_id))
    names = keywords.parse(table)
    return Snapshot(uidvalidity, uidnext, highestmodseq, recent_from, names, *columns, access.rights, stamp)


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


async def entries(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> Entries:
    """The entries of these UIDs, each named once, ordered by UID; those that are gone are left out."""
    key = {"account_id": account_id, "mailbox_id": mailbox_id}
    first, last = min(uids, default=0), max(uids, default=0)
    if last - first < _DENSE * len(uids):
        found = _unpacked(await tx.all(_ENTRIES_BETWEEN, **key, first=first, last=last))
        if len(found) > len(uids):
            wanted = frozenset(uids)
            return found.only([index for index, uid in enumerate(found.uids) if uid in wanted])
        return found
    return _unpacked(await tx.all(_ENTRIES, **key, uids=uids))


def _unpacked(rows: Sequence[Row]) -> Entries:
    uids, ids, *values = rows[0]
    return Entries(unpack(uids), ids or b"", *map(unpack, values))


async def claim_recent(tx: Tx, account_id: int, mailbox_id: int, uidnext: int) -> int:
    """Take ``\\Recent`` of all UIDs below `uidnext`; give the first of them. Raises MailboxNotFound."""
    key = {"account_id": account_id, "mailbox_id": mailbox_id}
    if tx.engine == "postgresql":
        row = await tx.one(_CLAIM_HELD, **key, claimed=uidnext)
    elif (row := await tx.one(_RECENT, **key)) is not None:
        await tx.run(_CLAIM, **key, claimed=uidnext)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    recent_from: int = row[0]
    return recent_from
