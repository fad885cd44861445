"""Mailboxes of others as a reader's own list shows them: names, counters and subscriptions of what is shared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import bindparam, delete, select

from imap.backend import SHARED, Located, MailboxRef, MailboxStatus
from imap.rights import Rights
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert
from mailgate.store import mailboxes
from mailgate.store.access import HAS_SHARES, Share, require_at, shares
from mailgate.store.names import INBOX
from mailgate.store.namespaces import compose, parse
from mailgate.store.schema import mailbox, unsubscription
from mailgate.store.seen import counted

_OWN: Final = Statement(select(HAS_SHARES, *mailboxes.COLUMNS).where(mailbox.c.account_id == bindparam("reader_id")))
_LEFT: Final = Statement(select(unsubscription.c.name).where(unsubscription.c.account_id == bindparam("account_id")))
_LEAVE: Final = Statement(
    insert(unsubscription).values(account_id=bindparam("account_id"), name=bindparam("name")).on_conflict_do_nothing()
)
_COME_BACK: Final = Statement(
    delete(unsubscription).where(
        unsubscription.c.account_id == bindparam("account"), unsubscription.c.name == bindparam("wanted")
    )
)


async def list_own(tx: Tx, reader_id: int) -> tuple[Sequence[MailboxStatus], bool]:
    """A person's own mailboxes, by name with INBOX first, and whether `list_shared` may find others."""
    rows = await tx.all(_OWN, reader_id=reader_id)
    found = [mailboxes.status_of(row[1:]) for row in rows]
    return sorted(found, key=lambda status: (status.name != INBOX, status.name)), bool(rows and rows[0][0])


async def list_shared(tx: Tx, reader_id: int) -> Sequence[MailboxStatus]:
    """All mailboxes that others share with this person, by name."""
    found = await shares(tx, reader_id)
    return await _statuses(tx, reader_id, found) if found else ()


async def some_shared(tx: Tx, reader_id: int, refs: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
    """Those of `refs` that others share with this person."""
    found = await shares(tx, reader_id)
    wanted = {ref: found[ref] for ref in refs if ref in found}
    return await _statuses(tx, reader_id, wanted) if wanted else ()


async def _statuses(tx: Tx, reader_id: int, found: Mapping[MailboxRef, Share]) -> Sequence[MailboxStatus]:
    seen = await counted(tx, reader_id, {ref.account_id for ref in found})
    shown = [
        _shown(status, found[status.ref], seen.get(status.ref, 0))
        for status in await mailboxes.statuses_of_many(tx, found.keys())
    ]
    return sorted(shown, key=lambda status: status.name)


def _shown(status: MailboxStatus, share: Share, seen: int) -> MailboxStatus:
    """The mailbox as the reader sees it.

    It has no special use: a mail program that finds two Sent mailboxes might file messages into the wrong one.
    """
    return replace(
        status,
        name=compose(share.prefix, share.owner, status.name),
        special_use=None,
        unseen=(status.unseen if share.prefix == SHARED else status.messages) - seen,
        rights=share.rights,
    )


async def status_at(tx: Tx, reader_id: int, name: str, needed: Rights) -> MailboxStatus:
    """One mailbox, one's own or another's. Raises MailboxNotFound, NotPermitted."""
    place, access = await require_at(tx, reader_id, name, needed)
    status = await mailboxes.mailbox_status(tx, place.account_id, place.name)
    if place.foreign is None:
        return status
    seen = await counted(tx, reader_id, [place.account_id])
    share = Share(status.ref, access.rights, place.foreign.prefix, place.foreign.owner)
    return _shown(status, share, seen.get(status.ref, 0))


async def located_at(tx: Tx, reader_id: int, name: str, needed: Rights) -> Located:
    """Where another's mailbox is. Raises MailboxNotFound, NotPermitted."""
    place, _ = await require_at(tx, reader_id, name, needed)
    return await mailboxes.located(tx, place.account_id, place.name)


async def subscriptions(tx: Tx, reader_id: int) -> Collection[str]:
    """The subscribed names: those of one's own list, and shared mailboxes that one has not taken off.

    A mail program that shows subscribed mailboxes only would never show an office's mailbox to who joins the office.
    """
    own = set(await mailboxes.subscriptions(tx, reader_id))
    found = [share for share in (await shares(tx, reader_id)).values() if share.prefix == SHARED]
    if not found:
        return own
    left = {row[0] for row in await tx.all(_LEFT, account_id=reader_id)}
    by_ref = {share.ref: share for share in found}
    names = {
        compose(SHARED, by_ref[status.ref].owner, status.name)
        for status in await mailboxes.statuses_of_many(tx, by_ref.keys())
    }
    return own | names - left


async def subscribe(tx: Tx, reader_id: int, name: str) -> None:
    """Put a name on the list. Raises InvalidMailboxName, CommandRefused when the list is full."""
    await mailboxes.subscribe(tx, reader_id, name)
    if parse(name) is not None:
        await tx.run(_COME_BACK, account=reader_id, wanted=name)


async def unsubscribe(tx: Tx, reader_id: int, name: str) -> None:
    """Take a name off the list, a shared mailbox's too while there is such a mailbox."""
    await mailboxes.unsubscribe(tx, reader_id, name)
    if parse(name) is not None and name in await subscriptions(tx, reader_id):
        await tx.run(_LEAVE, account_id=reader_id, name=name)
