"""The Junk mailboxes that deliveries file into: those with the special use (RFC 6154), made where there is none."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final

from sqlalchemy import and_, bindparam, literal, select, update

from imap.backend import MailboxRef
from imap.errors import CommandRefused
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store import hierarchy
from mailgate.store.feed import MAILBOX_LIST, announce
from mailgate.store.provisioning import INBOX_ID, SPECIAL
from mailgate.store.schema import account, acl, mailbox, names, shared_account

USE: Final = "\\Junk"
_NAME: Final = next(name for _, name, use in SPECIAL if use == USE)

_LOCK: Final = Statement(
    select(account.c.account_id)
    .where(member(account.c.account_id, "accounts"))
    .order_by(account.c.account_id)
    .with_for_update()
)
_FIND: Final = Statement(
    select(mailbox.c.account_id, mailbox.c.mailbox_id).where(
        member(mailbox.c.account_id, "accounts"), mailbox.c.special_use == USE
    )
)
_GIVE_USE: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.name == _NAME)
    .values(special_use=USE)
    .returning(mailbox.c.mailbox_id)
)
_SHARE: Final = Statement(
    insert(acl).from_select(
        names(acl),
        select(acl.c.account_id, mailbox.c.mailbox_id, acl.c.grantee, acl.c.grantee_id, acl.c.negative, acl.c.rights)
        .join(mailbox, and_(mailbox.c.account_id == acl.c.account_id, mailbox.c.special_use == USE))
        .where(
            acl.c.account_id == bindparam("account_id"),
            acl.c.mailbox_id == INBOX_ID,
            select(literal(1)).where(shared_account.c.account_id == acl.c.account_id).exists(),
        ),
    )
)
"""Who reads a shared mailbox finds what is filed there."""


async def provide(tx: Tx, accounts: AbstractSet[int], now: int) -> dict[int, MailboxRef]:
    """The Junk mailbox of each of these accounts, which stays until this transaction ends: their rows are locked.

    Accounts that do not exist, or can have no more mailboxes, are left out.
    """
    await tx.all(_LOCK, accounts=accounts)
    found = await find(tx, accounts)
    if missing := sorted(accounts - found.keys()):
        # One by one: hardly anybody deletes the one that was there from the start.
        for account_id in missing:
            with suppress(CommandRefused):
                await _make(tx, account_id, now)
        found |= await find(tx, missing)
    return found


async def _make(tx: Tx, account_id: int, now: int) -> None:
    """Raises CommandRefused."""
    if await tx.one(_GIVE_USE, account=account_id) is not None:
        await announce(tx, [(account_id, MAILBOX_LIST)])
        return
    await hierarchy.create(tx, account_id, _NAME, USE, now)
    await tx.run(_SHARE, account_id=account_id)


async def find(tx: Tx, accounts: Collection[int]) -> dict[int, MailboxRef]:
    """The Junk mailboxes that there are, by account."""
    return {row[0]: MailboxRef(row[0], row[1]) for row in await tx.all(_FIND, accounts=accounts)}
