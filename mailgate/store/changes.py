"""What happened in a mailbox since somebody looked (RFC 7162): new messages, changed flags, expunged ones.

New messages are those above the UIDs that were known, changed flags are in the log after the stamp that was known. A
log that does not have that stamp any more does not reach back, or has forgotten it in a crash: all is to be read again.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from imap.backend import Change, Changes, Known, MailboxRef, Vanished
from imap.errors import MailboxNotFound
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import keywords, seen
from mailgate.store.access import Access
from mailgate.store.flag_log import Pending, merge, unpack
from mailgate.store.schema import entry, flag_change, mailbox, seen_by, tombstone

_END: Final = bindparam("end", 2**62, type_=BigInteger)
"""Above all numbers. Of a range with two ends that it does not know PostgreSQL expects few rows, and so keeps a plan
that takes longer to make than to run.
"""
_HEAD, _ENTRY, _LOGGED, _GONE = range(4)


def _at(table: Any) -> tuple[Any, Any]:  # noqa: ANN401 - its columns
    return table.c.account_id == bindparam("account_id"), table.c.mailbox_id == bindparam("mailbox_id")


def _after(column: Any, name: str) -> Any:  # noqa: ANN401
    return and_(column > bindparam(name, type_=BigInteger), column <= _END)


def _kind(number: int) -> Any:  # noqa: ANN401
    return literal_column(str(number), Integer).label("kind")


_zero, _text = literal_column("0", BigInteger), literal_column("''", Text)
_octets = cast(literal_column("''", Text), LargeBinary)
_stamp = bindparam("stamp", type_=BigInteger)
_reaches_back = and_(
    mailbox.c.log_floor <= bindparam("since"),
    or_(
        mailbox.c.stamp == _stamp,
        and_(_stamp == 0, mailbox.c.settled == 0),
        exists().where(*_at(flag_change), flag_change.c.stamp == _stamp),
    ),
)
_head = select(
    _kind(_HEAD),
    cast(mailbox.c.uidnext, BigInteger).label("one"),
    mailbox.c.highestmodseq.label("two"),
    mailbox.c.stamp.label("three"),
    cast(case((_reaches_back, mailbox.c.settled), else_=-1), BigInteger).label("four"),
    mailbox.c.keywords,
    _octets.label("octets"),
).where(*_at(mailbox))
_logged = select(_kind(_LOGGED), flag_change.c.stamp, _zero, _zero, _zero, _text, flag_change.c.changes).where(
    *_at(flag_change), _after(flag_change.c.stamp, "beyond")
)
_gone = select(_kind(_GONE), tombstone.c.uid, _zero, _zero, _zero, _text, _octets).where(
    *_at(tombstone), _after(tombstone.c.modseq, "since")
)
_new = select(_kind(_ENTRY), entry.c.uid, entry.c.flags, entry.c.modseq, _zero, _text, _octets).where(
    *_at(entry), entry.c.uid >= bindparam("uidnext"), entry.c.uid <= _END
)


def _ordered(*parts: Any) -> Statement:  # noqa: ANN401 - selects
    found = union_all(*parts).subquery("found")
    return Statement(select(found).order_by(found.c.kind, found.c.one))


_TO_OWNER: Final = _ordered(_head, _new, _logged, _gone)
"""All that the owner is told, in one statement: it needs no transaction."""
_TO_READER: Final = _ordered(_head, _gone)
_LOG: Final = Statement(_logged.order_by(flag_change.c.stamp))
_shown = select(entry.c.uid, entry.c.flags, entry.c.modseq, seen_by.c.seen, seen_by.c.modseq.label("at"))
_shown = _shown.select_from(seen.shown).where(*_at(entry))
_touched = union(
    _shown.where(entry.c.uid >= bindparam("uidnext"), entry.c.uid <= _END),
    _shown.where(member(entry.c.uid, "uids", dense=True)),
    _shown.where(*_at(seen_by), _after(seen_by.c.modseq, "since")),
).subquery("touched")
_TOUCHED: Final = Statement(select(_touched).order_by(_touched.c.uid))
_floor = select(_kind(_HEAD), mailbox.c.log_floor.label("one")).where(*_at(mailbox))
_VANISHED: Final = _ordered(_floor, _gone.with_only_columns(_kind(_GONE), tombstone.c.uid))


async def changes(tx: Tx, access: Access, ref: MailboxRef, known: Known) -> Changes:
    """What happened beyond what is `known`. Raises MailboxNotFound."""
    key = {"account_id": ref.account_id, "mailbox_id": ref.mailbox_id}
    looked = {**key, "since": known.modseq, "stamp": known.stamp}
    if access.own:
        found = await tx.all(_TO_OWNER, **looked, uidnext=known.uidnext, beyond=known.stamp)
    else:
        found = await tx.all(_TO_READER, **looked)
    if not found or found[0][0] != _HEAD:
        raise MailboxNotFound("No such mailbox")
    _, uidnext, highestmodseq, stamp, settled, table, _ = found[0]
    vanished = [row[1] for row in found if row[0] == _GONE]
    complete = settled >= 0
    changed: list[Change] = []
    if complete and access.own:
        changed = _changed(found, set(vanished), known)
    elif complete and highestmodseq > known.modseq:
        changed = await _changed_to_reader(tx, access, key, known, settled)
    names = keywords.parse(table)
    return Changes(highestmodseq, uidnext, names, changed, vanished, complete, access.rights, stamp)


def _changed(found: list[Row], vanished: set[int], known: Known) -> list[Change]:
    """New messages, and what the log says of them and of others."""
    changed: Pending = {row[1]: (row[2], row[3]) for row in found if row[0] == _ENTRY}
    for row in found:
        if row[0] == _LOGGED:
            merge(changed, unpack(row[6]))
    return [Change(uid, *new) for uid, new in sorted(changed.items()) if uid not in vanished]


async def _changed_to_reader(tx: Tx, access: Access, key: dict[str, int], known: Known, settled: int) -> list[Change]:
    """The same as another than the owner sees it."""
    pending: Pending = {}
    touched: set[int] = set()
    for _, stamp, *_, octets in await tx.all(_LOG, **key, beyond=min(known.stamp, settled)):
        row = unpack(octets)
        if stamp > settled:
            merge(pending, row)
        if stamp > known.stamp:
            touched.update(row[0])
    looked = {**key, "since": known.modseq, "uidnext": known.uidnext, "reader_id": access.reader_id}
    changed = []
    for uid, *in_entry, mark, marked_at in await tx.all(_TOUCHED, **looked, uids=sorted(touched)):
        flags, modseq = pending.get(uid, in_entry)
        changed.append(Change(uid, *seen.seen_as(access, flags, modseq, None if mark is None else (mark, marked_at))))
    return changed


async def vanished(tx: Tx, ref: MailboxRef, since: int) -> Vanished:
    """What was expunged after `since`. Raises MailboxNotFound."""
    found = await tx.all(_VANISHED, account_id=ref.account_id, mailbox_id=ref.mailbox_id, since=since)
    if not found or found[0][0] != _HEAD:
        raise MailboxNotFound("No such mailbox")
    return Vanished([row[1] for row in found[1:]], complete=found[0][1] <= since)
