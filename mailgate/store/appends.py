"""APPEND and REPLACE: messages that a client puts into a mailbox itself (RFC 9051 6.3.12, RFC 3502, RFC 8508)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from imap.backend import Appended, Change, MailboxRef, Replaced
from imap.errors import MessageGone
from imap.flags import SEEN, SYSTEM_MASK
from imap.rights import Rights, settable
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store import expunge, flag_log, keywords, namespaces, seen
from mailgate.store.access import Access, require, require_at
from mailgate.store.contents import Prepared
from mailgate.store.counters import (
    ADVANCE,
    Delta,
    MailboxRow,
    advance,
    advanced,
    lock_account,
    lock_both,
    lock_with_account,
)
from mailgate.store.feed import announce
from mailgate.store.mailboxes import check_room, mailbox_status
from mailgate.store.messages import first_row, storing, write_message
from mailgate.store.schema import CHUNK, account, entry, mailbox, names, number

_LARGE: Final = 64 * 1024
"""Octets of contents above which a look whether they will be refused costs less than writing them in vain."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A prepared content and how it is to be filed."""

    content: Prepared
    flags: int
    keywords: tuple[str, ...]
    internal_date: int


_fresh = rows(
    "fresh",
    uid=BigInteger,
    flags=BigInteger,
    internal_date=BigInteger,
    size=BigInteger,
    message_id=LargeBinary,
)
_insert = insert(entry).from_select(
    names(entry),
    select(
        number("account_id"),
        number("mailbox_id"),
        _fresh.c.uid,
        number("modseq"),
        _fresh.c.flags,
        _fresh.c.internal_date,
        number("now"),
        _fresh.c.size,
        _fresh.c.message_id,
    ),
)
_INSERT: Final = Statement(_insert)
_INSERT_AND_ADVANCE: Final = Statement(_insert.add_cte(ADVANCE.cte("advanced")))
"""Both for PostgreSQL."""
_FEW: Final = 200
"""Mailboxes of an account whose sizes are summed under their locks."""


_own = bindparam("account_id", type_=BigInteger)


def _advanced(*where: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Count one message more in one's own mailbox, and give what an answer takes."""
    return (
        update(mailbox)
        .where(mailbox.c.account_id == _own, mailbox.c.name == bindparam("name"), *where)
        .values(
            uidnext=mailbox.c.uidnext + 1,
            highestmodseq=mailbox.c.highestmodseq + 1,
            messages=mailbox.c.messages + 1,
            unseen=mailbox.c.unseen + bindparam("more_unseen"),
            deleted=mailbox.c.deleted + bindparam("more_deleted"),
            size=mailbox.c.size + number("size"),
        )
        .returning(
            mailbox.c.mailbox_id, mailbox.c.uidvalidity, mailbox.c.uidnext, mailbox.c.highestmodseq, mailbox.c.keywords
        )
    )


def _advance_one() -> Statement:
    """For SQLite, where nobody else writes meanwhile."""
    limit = select(account.c.quota_limit).where(account.c.account_id == _own).scalar_subquery()
    each = mailbox.alias("each")
    used: Any = select(func.sum(each.c.size)).where(each.c.account_id == _own).scalar_subquery()
    return Statement(_advanced(or_(limit == 0, used + number("size") <= limit)))


def _append_at_once() -> Statement:
    """All of it, for PostgreSQL; without an answer, nothing was written.

    A statement sees what was committed before it began, and the last state of what it locks: so what counts for the
    quota is locked, and an account that made a mailbox meanwhile is left alone. Other than elsewhere, the mailbox is
    locked before the content: of two that wait for one another, PostgreSQL has one begin anew.
    """
    owner: Any = select(account.c.account_id, account.c.quota_limit, account.c.next_mailbox_id)
    locked = owner.where(account.c.account_id == _own).with_for_update().cte("locked")
    before = account.alias("before")
    sizes: Any = (
        select(mailbox.c.size)
        .where(mailbox.c.account_id == locked.c.account_id, locked.c.quota_limit > 0)
        .order_by(mailbox.c.mailbox_id)
        .limit(_FEW + 1)
        .with_for_update(of=mailbox)
        .cte("sizes")
    )
    has_room = and_(
        locked.c.next_mailbox_id
        == select(before.c.next_mailbox_id).where(before.c.account_id == _own).scalar_subquery(),
        select(func.count()).select_from(sizes).scalar_subquery() <= literal(_FEW),
        select(func.sum(sizes.c.size)).scalar_subquery() + number("size") <= locked.c.quota_limit,
    )
    is_owners = mailbox.c.account_id == locked.c.account_id
    advanced = _advanced(is_owners, or_(locked.c.quota_limit == 0, has_room)).cte("advanced")
    first_chunk, stored, enqueued = storing(advanced)
    entered = insert(entry).from_select(
        names(entry),
        select(
            *(_own, advanced.c.mailbox_id, advanced.c.uidnext - 1, advanced.c.highestmodseq),
            *(number("flags"), number("internal_date"), number("now"), number("size"), stored.c.message_id),
        ).select_from(advanced, stored),
    )
    parts = (first_chunk.cte("first_chunk"), enqueued, entered.cte("entered"))
    return Statement(select(advanced).add_cte(*parts))


_ADVANCE_ONE: Final = _advance_one()
_ENTER_ONE: Final = Statement(insert(entry).values({name: bindparam(name) for name in names(entry)}))
_APPEND_AT_ONCE: Final = _append_at_once()
_SIZE: Final = Statement(
    select(entry.c.size).where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == bindparam("mailbox_id"),
        entry.c.uid == bindparam("uid"),
    )
)


async def replace(
    tx: Tx, reader_id: int, mailbox: MailboxRef, uid: int, target: str, arrival: Arrival, now: int
) -> Replaced:
    """File a message and remove another, which may be in another mailbox (RFC 8508 section 3.4).

    Raises MessageGone, MailboxNotFound, NotPermitted (the rights of APPEND, STORE and EXPUNGE), OverQuota,
    TooManyKeywords.
    """
    access = await require(tx, reader_id, mailbox, Rights.READ | Rights.DELETE_MESSAGES | Rights.EXPUNGE)
    place, into = await require_at(tx, reader_id, target, Rights.INSERT)
    await mailbox_status(tx, place.account_id, place.name)
    await write_message(tx, arrival.content)
    await lock_account(tx, place.account_id)
    source, destination = await lock_both(tx, mailbox, place.account_id, place.name)
    old = await tx.one(_SIZE, account_id=source.account_id, mailbox_id=source.mailbox_id, uid=uid)
    if old is None:
        raise MessageGone("This message was expunged")
    more = arrival.content.size - (old[0] if source.account_id == destination.account_id else 0)
    if more > 0:
        await check_room(tx, place.account_id, more)
    same = source.ref == destination.ref
    modseq = source.highestmodseq + 1
    await expunge.release(tx, *source.ref, [uid], now)
    pending = await flag_log.pending(tx, source)
    gone = await expunge.remove(tx, access, source, [uid], pending, modseq, now)
    appended = await _enter(tx, into, destination, [arrival], now, gone=gone if same else Delta())
    if not same:
        await advance(tx, source, modseq, gone)
    await announce(tx, {source.ref, destination.ref})
    return Replaced(appended, modseq)


async def append_one(tx: Tx, reader_id: int, target: str, arrival: Arrival, now: int) -> Appended | None:
    """File one message in few statements, on PostgreSQL in one; None, with nothing written, if that takes `append`."""
    content = arrival.content
    if arrival.keywords or content.size > CHUNK or namespaces.parse(target) is not None:
        return None
    mask = arrival.flags & SYSTEM_MASK
    delta = Delta.of([(mask, content.size)])
    where = {"account_id": reader_id, "name": target, "more_unseen": delta.unseen, "more_deleted": delta.deleted}
    filed = {"flags": mask, "internal_date": arrival.internal_date}
    if tx.engine == "postgresql":
        row = await tx.one(_APPEND_AT_ONCE, **first_row(content), **where, **filed, now=now)
    else:
        row = await tx.one(_ADVANCE_ONE, **where, size=content.size)
    if row is None:
        return None
    mailbox_id, uidvalidity, uidnext, modseq, table = row
    ref, uid = MailboxRef(reader_id, mailbox_id), uidnext - 1
    if tx.engine == "sqlite":
        await write_message(tx, content)
        held = {"size": content.size, "message_id": content.message_id, "saved_at": now}
        await tx.run(_ENTER_ONE, **ref._asdict(), uid=uid, modseq=modseq, **filed, **held)
    await announce(tx, [(*ref, modseq)])
    return Appended(ref, uidvalidity, [Change(uid, mask, modseq)], keywords.parse(table))


async def append(tx: Tx, reader_id: int, target: str, arrivals: Sequence[Arrival], now: int) -> Appended:
    """File these messages in the order given. Raises MailboxNotFound, NotPermitted, OverQuota, TooManyKeywords.

    What can be refused is refused before large contents are written, and checked again under the locks.
    """
    place, access = await require_at(tx, reader_id, target, Rights.INSERT)
    account_id, name = place.account_id, place.name
    size = sum(arrival.content.size for arrival in arrivals)
    if size > _LARGE:
        await mailbox_status(tx, account_id, name)
        await check_room(tx, account_id, size)
    for arrival in sorted(arrivals, key=lambda arrival: arrival.content.message_id):
        await write_message(tx, arrival.content)
    limit, mailbox = await lock_with_account(tx, account_id, name)
    if limit:
        await check_room(tx, account_id, size)
    appended = await _enter(tx, access, mailbox, arrivals, now, gone=Delta())
    await announce(tx, [(*mailbox.ref, mailbox.highestmodseq + 1)])
    return appended


async def _enter(
    tx: Tx, access: Access, mailbox: MailboxRow, arrivals: Sequence[Arrival], now: int, *, gone: Delta
) -> Appended:
    """Put entries into a locked mailbox; `gone` goes into the same update of its counters. Raises TooManyKeywords.

    Flags that the person may not set are left out (RFC 4314 section 4); ``\\Seen`` in another's mailbox is one's own.
    """
    labels = [name for arrival in arrivals for name in arrival.keywords] if Rights.WRITE in access.rights else []
    table = keywords.extend(mailbox.keywords, labels)
    allowed = settable(access.rights)
    wanted = [(arrival.flags & SYSTEM_MASK | keywords.bits(table, arrival.keywords)) & allowed for arrival in arrivals]
    masks = wanted if access.own else [mask & ~SEEN for mask in wanted]
    uids = range(mailbox.uidnext, mailbox.uidnext + len(arrivals))
    modseq = mailbox.highestmodseq + 1
    fresh = [
        (uid, mask, arrival.internal_date, arrival.content.size, arrival.content.message_id)
        for uid, mask, arrival in zip(uids, masks, arrivals, strict=True)
    ]
    key = {"account_id": mailbox.account_id, "mailbox_id": mailbox.mailbox_id}
    entries = {**key, "modseq": modseq, "now": now, "fresh": fresh}
    delta = Delta.of([(mask, size) for _, mask, _, size, _ in fresh]) + gone
    if tx.engine == "postgresql":
        await tx.run(_INSERT_AND_ADVANCE, **entries, **advanced(mailbox, modseq, delta, len(fresh), table))
    else:
        await tx.run(_INSERT, **entries)
        await advance(tx, mailbox, modseq, delta, new_uids=len(fresh), table=table)
    if not access.own:
        marks = [seen.Mark(access.reader_id, uid, 1) for uid, mask in zip(uids, wanted, strict=True) if mask & SEEN]
        await seen.mark(tx, mailbox, modseq, marks, [0] * len(marks))
    arrived = [Change(uid, mask, modseq) for uid, mask in zip(uids, wanted, strict=True)]
    return Appended(mailbox.ref, mailbox.uidvalidity, arrived, table)
