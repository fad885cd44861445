"""Upkeep: old tombstones are trimmed, mailboxes settled, and counters compared with what they count."""

from __future__ import annotations

import time
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, bindparam, case, cast, delete, func, select, update

from imap.backend import MailboxRef
from imap.errors import MailboxNotFound
from imap.flags import DELETED, SEEN
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store import flag_log
from mailgate.store.counters import Delta, lock_mailbox
from mailgate.store.schema import account, entry, mailbox, tombstone

RETENTION: Final = 90 * 24 * 3600
"""Seconds that an expunged UID stays in the log; a client that was away longer compares UIDs instead (RFC 7162)."""
_ACCOUNTS_AT_ONCE: Final = 500

_ACCOUNTS: Final = Statement(
    select(account.c.account_id)
    .where(account.c.account_id > bindparam("after"))
    .order_by(account.c.account_id)
    .limit(_ACCOUNTS_AT_ONCE)
)

_OLD: Final = Statement(
    select(tombstone.c.account_id, tombstone.c.mailbox_id, func.max(tombstone.c.modseq))
    .where(member(tombstone.c.account_id, "accounts"), tombstone.c.expunged_at < bindparam("cutoff"))
    .group_by(tombstone.c.account_id, tombstone.c.mailbox_id)
    .order_by(tombstone.c.account_id, tombstone.c.mailbox_id)
)
_RAISE_FLOOR: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(log_floor=bindparam("floor"))
)
_TRIM: Final = Statement(
    delete(tombstone).where(
        tombstone.c.account_id == bindparam("account"),
        tombstone.c.mailbox_id == bindparam("id"),
        tombstone.c.modseq <= bindparam("floor"),
    )
)


class Miscount(NamedTuple):
    """A mailbox whose row says something else than its entries."""

    account_id: int
    mailbox_id: int
    counters: tuple[int, int, int, int]
    """messages, unseen, deleted, size as the row has them."""
    counted: tuple[int, int, int, int]


_actual = (
    select(
        entry.c.account_id,
        entry.c.mailbox_id,
        func.count().label("messages"),
        func.sum(case((entry.c.flags.bitwise_and(SEEN) == 0, 1), else_=0)).label("unseen"),
        func.sum(case((entry.c.flags.bitwise_and(DELETED) != 0, 1), else_=0)).label("deleted"),
        func.sum(entry.c.size).label("size"),
    )
    .where(member(entry.c.account_id, "accounts"))
    .group_by(entry.c.account_id, entry.c.mailbox_id)
    .subquery("actual")
)
_COUNT: Final = Statement(
    select(
        mailbox.c.account_id,
        mailbox.c.mailbox_id,
        mailbox.c.messages,
        mailbox.c.unseen,
        mailbox.c.deleted,
        mailbox.c.size,
        mailbox.c.backlog,
        mailbox.c.settled,
        *(cast(func.coalesce(_actual.c[name], 0), BigInteger) for name in ("messages", "unseen", "deleted", "size")),
    )
    .select_from(
        mailbox.outerjoin(
            _actual,
            (_actual.c.account_id == mailbox.c.account_id) & (_actual.c.mailbox_id == mailbox.c.mailbox_id),
        )
    )
    .where(member(mailbox.c.account_id, "accounts"))
    .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
)
_FLAGS: Final = Statement(
    select(entry.c.uid, entry.c.flags).where(
        entry.c.account_id == bindparam("account"),
        entry.c.mailbox_id == bindparam("id"),
        member(entry.c.uid, "uids", dense=True),
    )
)
_UNSETTLED: Final = Statement(
    select(mailbox.c.account_id, mailbox.c.mailbox_id)
    .where(member(mailbox.c.account_id, "accounts"), mailbox.c.backlog > 0)
    .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
)


async def trim_tombstones(database: Database, *, retention: int = RETENTION, now: int | None = None) -> int:
    """Delete tombstones older than `retention` seconds and note how far back each log reaches; give their number."""
    cutoff = (int(time.time()) if now is None else now) - retention
    trimmed, after = 0, -1
    while accounts := await _next_accounts(database, after):
        trimmed += await database.write(partial(_trim, accounts=accounts, cutoff=cutoff))
        after = accounts[-1]
    return trimmed


async def check_counters(database: Database) -> list[Miscount]:
    """Every mailbox whose counters differ from its entries: none, unless someone wrote past this package."""
    found: list[Miscount] = []
    after = -1
    while accounts := await _next_accounts(database, after):
        counted = await database.read(partial(_count, accounts=accounts))
        found += [one for one in counted if one.counters != one.counted]
        after = accounts[-1]
    return found


async def settle_flags(database: Database) -> int:
    """Let the entries of all mailboxes take in the log of changed flags; give how many mailboxes had one."""
    settled, after = 0, -1
    while accounts := await _next_accounts(database, after):
        for row in await database.read(partial(_unsettled, accounts=accounts)):
            settled += await database.write(partial(_settle, ref=MailboxRef(*row)), durable=False, brief=False)
        after = accounts[-1]
    return settled


async def _next_accounts(database: Database, after: int) -> list[int]:
    rows = await database.read(lambda tx: tx.all(_ACCOUNTS, after=after))
    return [row[0] for row in rows]


async def _unsettled(tx: Tx, accounts: list[int]) -> list[Row]:
    return await tx.all(_UNSETTLED, accounts=accounts)


async def _settle(tx: Tx, ref: MailboxRef) -> bool:
    try:
        row = await lock_mailbox(tx, *ref)
    except MailboxNotFound:
        return False
    if row.backlog:
        await flag_log.settle(tx, row)
    return row.backlog > 0


async def _count(tx: Tx, accounts: list[int]) -> list[Miscount]:
    found = await tx.all(_COUNT, accounts=accounts)
    counted = []
    for account_id, mailbox_id, messages, unseen, deleted, size, backlog, settled, *entries in found:
        more = await _of_log(tx, MailboxRef(account_id, mailbox_id), settled) if backlog else Delta()
        actual = (entries[0], entries[1] + more.unseen, entries[2] + more.deleted, entries[3])
        counted.append(Miscount(account_id, mailbox_id, (messages, unseen, deleted, size), actual))
    return counted


async def _of_log(tx: Tx, ref: MailboxRef, settled: int) -> Delta:
    """What the log adds to the counters that the entries of a mailbox give."""
    pending: flag_log.Pending = {}
    for changed in await flag_log.beyond(tx, ref, settled):
        flag_log.merge(pending, changed)
    delta = Delta()
    for uid, flags in await tx.all(_FLAGS, account=ref.account_id, id=ref.mailbox_id, uids=pending):
        delta += Delta.of([(pending[uid][0], 0)]) + -Delta.of([(flags, 0)])
    return delta


async def _trim(tx: Tx, accounts: list[int], cutoff: int) -> int:
    trimmed = 0
    for account_id, mailbox_id, floor in await tx.all(_OLD, accounts=accounts, cutoff=cutoff):
        await tx.run(_RAISE_FLOOR, account=account_id, id=mailbox_id, floor=floor)
        trimmed += await tx.run(_TRIM, account=account_id, id=mailbox_id, floor=floor)
    return trimmed
