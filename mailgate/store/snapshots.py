"""A mailbox as the engine holds it in memory: the whole of it at once, and the entries of its messages."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Table,
    bindparam,
    func,
    literal,
    select,
    true,
    update,
)

from imap.backend import Entry, MailboxRef, Snapshot
from imap.errors import MailboxNotFound
from imap.flags import SEEN
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import flag_log, keywords, seen
from mailgate.store.access import Access
from mailgate.store.flag_log import Changed
from mailgate.store.schema import entry, flag_change, mailbox

_NUMBERS: Final = msgspec.json.Decoder(list[int])
_LOG: Final = msgspec.json.Decoder(list[str])


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


def _packed() -> Statement:
    """For PostgreSQL: each column with 8 octets a number in network order."""
    each = _columns.subquery("each")
    sent = (func.int8send(column, type_=LargeBinary) for column in each.c)
    whole = select(*(func.string_agg(column, literal(b"", LargeBinary)) for column in sent)).subquery("whole")
    log = func.array(_log.scalar_subquery())
    return Statement(select(*_head, *whole.c, log).join_from(mailbox, whole, true()).where(*_of_mailbox(mailbox)))


def _as_json() -> Statement:
    """For SQLite: each column as a JSON array."""
    each, rows = _columns.subquery("each"), _log.subquery("rows")
    whole = select(*(func.json_group_array(column) for column in each.c)).subquery("whole")
    log = select(func.json_group_array(func.hex(rows.c.changes))).scalar_subquery()
    return Statement(select(*_head, *whole.c, log).join_from(mailbox, whole, true()).where(*_of_mailbox(mailbox)))


_WHOLE: Final = {"postgresql": _packed(), "sqlite": _as_json()}
"""One row for the whole mailbox and its log, in one statement, which needs no transaction: a value a column takes a
third of the time of a row a message. Both engines aggregate in the order of the subquery.
"""
_entries = select(entry.c.uid, entry.c.message_id, entry.c.internal_date, entry.c.size, entry.c.saved_at).where(
    *_of_mailbox(entry)
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
    row = await tx.one(_WHOLE[tx.engine], account_id=ref.account_id, mailbox_id=ref.mailbox_id)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    uidvalidity, uidnext, highestmodseq, recent_from, table, stamp, *whole = row
    columns, log = _from_packed(*whole) if tx.engine == "postgresql" else _from_json(*whole)
    for octets in log:
        _take_in(columns, flag_log.unpack(octets))
    if not access.own:
        _show_as(access, columns, await seen.marks_of(tx, ref, access.reader_id))
    names = keywords.parse(table)
    return Snapshot(uidvalidity, uidnext, highestmodseq, recent_from, names, *columns, access.rights, stamp)


def _from_packed(uids: bytes, flags: bytes, modseqs: bytes, log: list[bytes]) -> tuple[Changed, list[bytes]]:
    return (_from_network_order(uids), _from_network_order(flags), _from_network_order(modseqs)), log


def _from_json(uids: str, flags: str, modseqs: str, log: str) -> tuple[Changed, list[bytes]]:
    columns = (
        array("q", _NUMBERS.decode(uids)),
        array("q", _NUMBERS.decode(flags)),
        array("q", _NUMBERS.decode(modseqs)),
    )
    return columns, [bytes.fromhex(octets) for octets in _LOG.decode(log)]


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
    key = {"account_id": account_id, "mailbox_id": mailbox_id}
    if tx.engine == "postgresql":
        row = await tx.one(_CLAIM_HELD, **key, claimed=uidnext)
    elif (row := await tx.one(_RECENT, **key)) is not None:
        await tx.run(_CLAIM, **key, claimed=uidnext)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    recent_from: int = row[0]
    return recent_from
