"""The list of mailboxes and subscriptions of an account (RFC 9051 sections 6.3.4 to 6.3.10)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, cast, delete, func, select

from imap.backend import Located, MailboxRef, MailboxStatus, Quota
from imap.errors import CommandRefused, MailboxNotFound, OverQuota
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store.counters import lock_account
from mailgate.store.feed import MAILBOX_LIST, announce
from mailgate.store.names import check_name
from mailgate.store.schema import account, entry, mailbox, subscription

MAX_MAILBOXES: Final = 5000
"""Mailboxes of one account, and names in its list of subscriptions."""

_recent = case(
    (mailbox.c.recent_from >= mailbox.c.uidnext, 0),
    (mailbox.c.recent_from == 1, mailbox.c.messages),
    else_=select(func.count())
    .select_from(entry)
    .where(
        entry.c.account_id == mailbox.c.account_id,
        entry.c.mailbox_id == mailbox.c.mailbox_id,
        entry.c.uid >= mailbox.c.recent_from,
    )
    .scalar_subquery(),
)
COLUMNS: Final = (
    mailbox.c.account_id,
    mailbox.c.mailbox_id,
    mailbox.c.name,
    mailbox.c.special_use,
    mailbox.c.uidvalidity,
    mailbox.c.uidnext,
    mailbox.c.highestmodseq,
    mailbox.c.messages,
    mailbox.c.unseen,
    mailbox.c.deleted,
    _recent.label("recent"),
    mailbox.c.size,
)
"""What `status_of` takes."""
_STATUS = select(*COLUMNS).where(mailbox.c.account_id == bindparam("account_id"))
_ONE: Final = Statement(_STATUS.where(mailbox.c.name == bindparam("name")))
_LOCATED: Final = Statement(
    select(mailbox.c.mailbox_id, mailbox.c.highestmodseq, mailbox.c.stamp).where(
        mailbox.c.account_id == bindparam("account_id"), mailbox.c.name == bindparam("name")
    )
)
"""As little as can be: every SELECT waits for it."""
_OF_MANY: Final = Statement(
    select(*COLUMNS).where(member(mailbox.c.account_id, "owners"), member(mailbox.c.mailbox_id, "ids"))
)
_SOME: Final = Statement(_STATUS.where(member(mailbox.c.mailbox_id, "ids")))
_SUBSCRIPTIONS: Final = Statement(
    select(subscription.c.name).where(subscription.c.account_id == bindparam("account_id"))
)
SUBSCRIBE: Final = Statement(
    insert(subscription).values(account_id=bindparam("account_id"), name=bindparam("name")).on_conflict_do_nothing()
)
_UNSUBSCRIBE: Final = Statement(
    delete(subscription).where(
        subscription.c.account_id == bindparam("account"), subscription.c.name == bindparam("gone")
    )
)
_of_account = mailbox.c.account_id == bindparam("account_id")
_QUOTA: Final = Statement(
    select(
        account.c.quota_limit,
        select(func.sum(mailbox.c.size)).where(_of_account).scalar_subquery(),
        select(func.sum(mailbox.c.messages)).where(_of_account).scalar_subquery(),
    ).where(account.c.account_id == bindparam("account_id"))
)


async def mailbox_status(tx: Tx, account_id: int, name: str) -> MailboxStatus:
    """One mailbox. Raises MailboxNotFound."""
    row = await tx.one(_ONE, account_id=account_id, name=name)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    return status_of(row)


async def located(tx: Tx, account_id: int, name: str) -> Located:
    """Where a mailbox is and how far it has come. Raises MailboxNotFound."""
    row = await tx.one(_LOCATED, account_id=account_id, name=name)
    if row is None:
        raise MailboxNotFound("No such mailbox")
    return Located(MailboxRef(account_id, row[0]), row[1], row[2])


async def statuses(tx: Tx, account_id: int, ids: Collection[int]) -> Sequence[MailboxStatus]:
    """These mailboxes; those that are gone are left out."""
    return [status_of(row) for row in await tx.all(_SOME, account_id=account_id, ids=ids)]


async def statuses_of_many(tx: Tx, refs: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
    """These mailboxes of any owners; those that are gone are left out."""
    owners, ids = {ref.account_id for ref in refs}, {ref.mailbox_id for ref in refs}
    found = [status_of(row) for row in await tx.all(_OF_MANY, owners=owners, ids=ids)]
    return [status for status in found if status.ref in refs]


def status_of(row: Row) -> MailboxStatus:
    """The mailbox of a row."""
    return MailboxStatus(MailboxRef(row[0], row[1]), *row[2:])


async def subscriptions(tx: Tx, account_id: int) -> Collection[str]:
    """The subscribed names, whether or not such mailboxes exist."""
    return {row[0] for row in await tx.all(_SUBSCRIPTIONS, account_id=account_id)}


async def subscribe(tx: Tx, account_id: int, name: str) -> None:
    """Put a name on the list of subscriptions. Raises InvalidMailboxName, CommandRefused when the list is full."""
    check_name(name)
    await lock_account(tx, account_id)
    if len(await subscriptions(tx, account_id)) >= MAX_MAILBOXES:
        raise CommandRefused("An account has {most} subscriptions at most", most=MAX_MAILBOXES, code="LIMIT")
    if await tx.run(SUBSCRIBE, account_id=account_id, name=name):
        await announce(tx, [(account_id, MAILBOX_LIST)])


async def unsubscribe(tx: Tx, account_id: int, name: str) -> None:
    """Take a name off the list of subscriptions, if it is there."""
    if await tx.run(_UNSUBSCRIBE, account=account_id, gone=name):
        await announce(tx, [(account_id, MAILBOX_LIST)])


def room(account_id: ColumnElement[int]) -> Select[tuple[int, int]]:
    """What an account may hold, 0 for no limit, and what it holds: octets."""
    used = select(func.sum(mailbox.c.size)).where(mailbox.c.account_id == account.c.account_id).scalar_subquery()
    return select(account.c.quota_limit, cast(func.coalesce(used, 0), BigInteger)).where(
        account.c.account_id == account_id
    )


async def quota(tx: Tx, account_id: int) -> Quota:
    """What the account uses and may use."""
    limit, used, messages = await tx.one(_QUOTA, account_id=account_id) or (0, 0, 0)
    return Quota(used=int(used or 0), limit=limit, messages=int(messages or 0))


async def check_room(tx: Tx, account_id: int, more: int) -> None:
    """Raise OverQuota when `more` octets would take the account over its limit."""
    held = await quota(tx, account_id)
    if held.limit and held.used + more > held.limit:
        raise OverQuota("This would take the account over its quota")
