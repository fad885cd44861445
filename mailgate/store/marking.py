"""New flags in a mailbox of which the caller knows all: written if, and only if, nothing has changed since it looked.

The mailbox's modification sequence stands for its whole content, as every change raises it under the lock of the row:
comparing it is all that has to be read. On PostgreSQL one statement does everything, and counts once more what the
caller counted, since after a crash the server may have forgotten flags that a gateway remembers.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, exists, func, literal, select, update

from imap.backend import FlagRule, MailboxRef, Marking
from imap.flags import DELETED, SEEN
from mailgate.database import Statement, Tx, rows
from mailgate.database.statement import member
from mailgate.store.feed import announce
from mailgate.store.schema import entry, mailbox

_FEW: Final = 500


class OutOfDate(Exception):
    """The caller's knowledge was not that of the database: nothing was written."""


_ADVANCE: Final = Statement(
    update(mailbox)
    .where(
        mailbox.c.account_id == bindparam("account"),
        mailbox.c.mailbox_id == bindparam("id"),
        mailbox.c.highestmodseq == bindparam("since"),
    )
    .values(
        highestmodseq=bindparam("reached"),
        unseen=mailbox.c.unseen + bindparam("more_unseen"),
        deleted=mailbox.c.deleted + bindparam("more_deleted"),
    )
)


_here = (entry.c.account_id == bindparam("account"), entry.c.mailbox_id == bindparam("id"))


def _entries(flags: ColumnElement[int], modseq: ColumnElement[int], *which: ColumnElement[bool]) -> Any:  # noqa: ANN401
    """Those among which that change."""
    return update(entry).where(*_here, *which, entry.c.flags != flags).values(flags=flags, modseq=modseq)


def _at_once(flags: ColumnElement[int], modseq: ColumnElement[int], *which: ColumnElement[bool]) -> Statement:
    """For PostgreSQL: the mailbox if it is as the caller knew it, and then the messages."""
    seen, deleted = _more(SEEN, flags).label("seen"), _more(DELETED, flags).label("deleted")
    found: Any = select(func.count().label("messages"), seen, deleted).select_from(entry)
    counted = found.where(*_here, *which, entry.c.flags != flags).cte("counted")
    advanced = (
        update(mailbox)
        .where(
            mailbox.c.account_id == bindparam("account"),
            mailbox.c.mailbox_id == bindparam("id"),
            mailbox.c.highestmodseq == bindparam("since"),
            counted.c.messages == bindparam("messages"),
        )
        .values(
            highestmodseq=bindparam("reached"),
            unseen=mailbox.c.unseen - counted.c.seen,
            deleted=mailbox.c.deleted + counted.c.deleted,
        )
        .returning(mailbox.c.mailbox_id)
        .cte("advanced")
    )
    change = _entries(flags, modseq, *which).where(exists(select(advanced.c.mailbox_id)))
    return Statement(change.add_cte(advanced))


def _more(flag: int, flags: ColumnElement[int]) -> ColumnElement[int]:
    """How many more messages have a flag afterwards."""
    bit = literal(flag, BigInteger)
    return func.coalesce(func.sum(flags.bitwise_and(bit) - entry.c.flags.bitwise_and(bit)), 0).cast(BigInteger) // flag


_kept, _added = bindparam("kept", type_=BigInteger), bindparam("added", type_=BigInteger)
_by_rule = (entry.c.flags.bitwise_and(_kept).bitwise_or(_added), bindparam("modseq", type_=BigInteger))
_in_range = (*_by_rule, entry.c.uid.between(bindparam("first"), bindparam("last")))
_in_list = (*_by_rule, member(entry.c.uid, "uids", dense=True))
_each = rows("each", uid=BigInteger, flags=BigInteger, modseq=BigInteger)
# Between: a planner that takes the mailbox for a small one compares each message there with each of these.
_in_rows = (
    *(_each.c.flags, _each.c.modseq, entry.c.uid == _each.c.uid),
    entry.c.uid.between(bindparam("first"), bindparam("last")),
)
_one = (bindparam("flags", type_=BigInteger), bindparam("modseq", type_=BigInteger), entry.c.uid == bindparam("uid"))

_RANGE_AT_ONCE: Final = _at_once(*_in_range)
_LIST_AT_ONCE: Final = _at_once(*_in_list)
_ROWS_AT_ONCE: Final = _at_once(*_in_rows)
_RANGE: Final = Statement(_entries(*_in_range))
_LIST: Final = Statement(_entries(*_in_list))
_ONE: Final = Statement(_entries(*_one))
_SINCE: Final = Statement(select(func.count()).select_from(entry).where(*_here, entry.c.modseq > bindparam("since")))


def is_brief(marking: Marking) -> bool:
    """Whether SQLite writes it within a millisecond: it takes one for each thousand of messages."""
    return len(marking.uids) <= _FEW


async def mark(tx: Tx, ref: MailboxRef, marking: Marking) -> bool:
    """Write new flags; False when the mailbox has moved on. Raises OutOfDate, for the same, after it has written."""
    at = {"account": ref.account_id, "id": ref.mailbox_id}
    advance = {**at, "since": marking.since, "reached": marking.reached}
    if tx.engine == "postgresql":
        written = await _mark_at_once(tx, marking, advance)
    else:
        written = await tx.run(_ADVANCE, **advance, more_unseen=marking.unseen, more_deleted=marking.deleted) > 0
        if written and await _mark(tx, marking, at) != len(marking.uids):
            raise OutOfDate
    if written:
        await announce(tx, [(*ref, marking.reached)])
    return written


async def _mark_at_once(tx: Tx, marking: Marking, advance: dict[str, int]) -> bool:
    uids = marking.uids
    if marking.rule is None:
        each = list(zip(uids, marking.flags, marking.modseqs, strict=True))
        bounds = {"first": min(uids), "last": max(uids)}
        return await tx.run(_ROWS_AT_ONCE, **advance, **bounds, each=each, messages=len(uids)) > 0
    statement = _RANGE_AT_ONCE if marking.rule.is_range else _LIST_AT_ONCE
    return await tx.run(statement, **advance, **_ruled(marking, marking.rule), messages=len(uids)) > 0


async def _mark(tx: Tx, marking: Marking, at: dict[str, int]) -> int:
    """Write the messages alone; give how many changed."""
    if marking.rule is not None:
        return await tx.run(_RANGE if marking.rule.is_range else _LIST, **at, **_ruled(marking, marking.rule))
    each = zip(marking.uids, marking.flags, marking.modseqs, strict=True)
    await tx.run_many(_ONE, [{**at, "uid": uid, "flags": mask, "modseq": modseq} for uid, mask, modseq in each])
    found = await tx.one(_SINCE, **at, since=marking.since)
    return found[0] if found else 0


def _ruled(marking: Marking, rule: FlagRule) -> dict[str, Any]:
    which = {"first": marking.uids[0], "last": marking.uids[-1]} if rule.is_range else {"uids": marking.uids}
    return {"kept": rule.kept, "added": rule.added, "modseq": marking.reached, **which}
