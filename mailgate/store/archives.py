"""Archives of lists in the store: which account is one, and the messages that have been there long enough."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from sqlalchemy import BigInteger, bindparam, func, select

from directory.list_schema import list_setting
from directory.list_settings import DEFAULTS
from imap.backend import MailboxRef
from imap.errors import MailboxNotFound
from imap.flags import SEEN
from imap.rights import Rights
from mailgate.database import Database, Statement, Tx
from mailgate.store import expunge, flag_log
from mailgate.store.access import Access
from mailgate.store.counters import advance, lock_mailbox
from mailgate.store.feed import announce
from mailgate.store.provisioning import INBOX_ID
from mailgate.store.schema import entry, shared_account

KIND: Final = "archive"
"""Of `shared_account`; its `target_id` is the list."""
_DAY: Final = 24 * 3600
_BATCH: Final = 500
_NOBODY: Final = Access(0, own=False, rights=Rights.NONE, base=SEEN)

_OF_LIST: Final = Statement(
    select(shared_account.c.account_id).where(
        shared_account.c.kind == KIND, shared_account.c.target_id == bindparam("list_id", type_=BigInteger)
    )
)
_days = func.coalesce(list_setting.c.archive_days, DEFAULTS.archive_days)
_LIMITED: Final = Statement(
    select(shared_account.c.account_id, _days)
    .outerjoin(list_setting, list_setting.c.list_id == shared_account.c.target_id)
    .where(shared_account.c.kind == KIND, _days > 0)
    .order_by(shared_account.c.account_id)
)
_OLD: Final = Statement(
    select(entry.c.uid)
    .where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == INBOX_ID,
        entry.c.saved_at < bindparam("before"),
    )
    .order_by(entry.c.uid)
    .limit(_BATCH)
)


async def archive_of(tx: Tx, list_id: int) -> int | None:
    """The account of a list's archive, if it ever had one."""
    row = await tx.one(_OF_LIST, list_id=list_id)
    return None if row is None else int(row[0])


async def expire(database: Database, now: int | None = None) -> int:
    """Take out of each archive what is older than its list keeps; give the number of messages."""
    at = int(time.time()) if now is None else now
    gone = 0
    for account_id, days in await database.read(lambda tx: tx.all(_LIMITED)):
        work = partial(_expire, account_id=account_id, before=at - days * _DAY, now=at)
        while taken := await database.write(work):
            gone += taken
    return gone


async def _expire(tx: Tx, account_id: int, before: int, now: int) -> int:
    ref = MailboxRef(account_id, INBOX_ID)
    try:
        mailbox = await lock_mailbox(tx, *ref)
    except MailboxNotFound:
        return 0
    uids = [row[0] for row in await tx.all(_OLD, account_id=account_id, before=before)]
    if uids:
        modseq = mailbox.highestmodseq + 1
        await expunge.release(tx, *ref, uids, now)
        pending = await flag_log.pending(tx, mailbox)
        await advance(tx, mailbox, modseq, await expunge.remove(tx, _NOBODY, mailbox, uids, pending, modseq, now))
        await announce(tx, [ref])
    return len(uids)
