"""Where a message that was sent is, or was: who has each copy, who opened it, what was taken back and what is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from directory.schema import address
from imap.backend import MailboxRef, Rendering
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store import Dispatch, junk, withdrawals
from mailgate.store.archives import KIND
from mailgate.store.dispatches import DispatchCopy, copies_of
from mailgate.store.messages import read_rendered
from mailgate.store.provisioning import INBOX_ID
from mailgate.store.schema import mailbox, shared_account
from mailgate.store.withdrawals import Copy, Kept

_ADDRESSES: Final = Statement(
    select(address.c.person_id, address.c.address).where(
        member(address.c.person_id, "accounts"), address.c.is_primary.is_(True)
    )
)
_ARCHIVES: Final = Statement(
    select(shared_account.c.account_id, shared_account.c.name).where(
        member(shared_account.c.account_id, "accounts"), shared_account.c.kind == KIND
    )
)
_SENT: Final = Statement(
    select(mailbox.c.account_id, mailbox.c.mailbox_id).where(
        member(mailbox.c.account_id, "accounts"), mailbox.c.special_use == "\\Sent"
    )
)
_DAY: Final = 24 * 3600
"""A mail program may file its own copy before it sends, by a clock of its own."""
_PIECE: Final = 500


class State(StrEnum):
    """What became of a copy."""

    THERE = "there"
    PURGED = "purged"
    RECALLED = "recalled"
    GONE = "gone"
    """This account got it, and had it no more when it was looked for."""


class How(StrEnum):
    """How a copy came to be where it is."""

    RECEIVED = "received"
    COPIED = "copied"
    """Copied or moved by its owner, or filed into a shared mailbox."""
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Trace:
    """A copy of a message in somebody's mailbox."""

    account_id: int
    address: str
    mailbox: str
    how: How
    arrived_at: int
    """0 when the copy is not known any more."""
    opened: bool
    opened_by: tuple[str, ...]
    """Who else opened it, in a shared mailbox."""
    state: State
    withdrawn_at: int = 0


@dataclass(frozen=True, slots=True)
class Sought:
    """A message to look for, and where."""

    dispatch: Dispatch
    copies: Sequence[DispatchCopy]
    sent: bool
    """The writer's own copies too."""
    sent_mailboxes: frozenset[MailboxRef]
    list_id: int | None = None
    """The only list that is meant, if any."""

    @property
    def contents(self) -> list[bytes]:
        """The contents that were delivered."""
        return sorted({copy.content_id for copy in self.copies})

    @property
    def recipients(self) -> frozenset[int]:
        """The accounts that got it."""
        return frozenset().union(*(copy.account_ids for copy in self.copies))


async def seek(tx: Tx, dispatch: Dispatch, *, list_id: int | None = None, sent: bool = False) -> Sought:
    """What to look for: all of a message, or what went to one list."""
    copies = [copy for copy in await copies_of(tx, dispatch.dispatch_id) if list_id in {None, copy.list_id}]
    accounts = {dispatch.sender_id, dispatch.author_id}
    rows = await tx.all(_SENT, accounts=accounts)
    return Sought(dispatch, copies, sent, frozenset(MailboxRef(*row) for row in rows), list_id)


async def present(tx: Tx, sought: Sought) -> list[Copy]:
    """The copies that are in mailboxes now."""
    found = await withdrawals.holders(tx, sought.contents) if sought.copies else []
    if not sought.sent:
        return [copy for copy in found if copy.ref not in sought.sent_mailboxes]
    return sorted({*found, *(copy for copy, _ in await own_copies(tx, sought))})


async def own_copies(tx: Tx, sought: Sought) -> list[tuple[Copy, bytes]]:
    """What the writer's mail program filed in Sent by itself, with its contents: other octets, the same Message-ID."""
    filed = [
        one
        for ref in sorted(sought.sent_mailboxes)
        for one in await withdrawals.contents_since(tx, ref, sought.dispatch.at - _DAY)
    ]
    ending = b'"%b")' % sought.dispatch.internet_id.encode()
    found = []
    for start in range(0, len(filed), _PIECE):
        piece = filed[start : start + _PIECE]
        texts = await read_rendered(tx, {content for _, content in piece}, Rendering.ENVELOPE)
        found += [
            (copy, content) for copy, content in piece if content in texts and texts[content].envelope.endswith(ending)
        ]
    return found


async def traces(tx: Tx, sought: Sought) -> list[Trace]:
    """Every copy that is there or was withdrawn, and every account that has none any more, by address."""
    there = await withdrawals.describe(tx, await present(tx, sought))
    records = await withdrawals.withdrawn(tx, sought.dispatch.dispatch_id)
    junk_mailboxes = frozenset((await junk.find(tx, sought.recipients)).values())
    known: list[tuple[Kept, State, int]] = [(kept, State.THERE, 0) for kept in there]
    states = {"purge": State.PURGED, "recall": State.RECALLED}
    known += [(record.kept, states[record.kind], record.at) for record in records]
    gone = sought.recipients - {kept.copy.account_id for kept, _, _ in known}
    named = await _addresses(tx, gone, (kept for kept, _, _ in known))
    found = [
        Trace(
            account_id=kept.copy.account_id,
            address=named[kept.copy.account_id],
            mailbox=kept.mailbox,
            how=_how(sought, kept.copy, junk_mailboxes),
            arrived_at=kept.arrived_at,
            opened=kept.seen,
            opened_by=tuple(sorted(named[reader] for reader in kept.readers)),
            state=state,
            withdrawn_at=at,
        )
        for kept, state, at in known
    ]
    found += [
        Trace(account_id, named[account_id], "", How.RECEIVED, 0, opened=False, opened_by=(), state=State.GONE)
        for account_id in gone
    ]
    return sorted(found, key=lambda trace: (trace.address, trace.arrived_at, trace.mailbox))


def _how(sought: Sought, copy: Copy, junk_mailboxes: frozenset[MailboxRef]) -> How:
    if copy.ref in sought.sent_mailboxes:
        return How.SENT
    in_its_place = copy.mailbox_id == INBOX_ID or copy.ref in junk_mailboxes
    return How.RECEIVED if in_its_place and copy.account_id in sought.recipients else How.COPIED


async def _addresses(tx: Tx, accounts: Collection[int], known: Iterable[Kept]) -> defaultdict[int, str]:
    """The main address of everybody concerned, the name of an archive; a question mark for who is in no directory."""
    wanted = set(accounts)
    for kept in known:
        wanted |= {kept.copy.account_id, *kept.readers}
    named = dict(map(tuple, await tx.all(_ADDRESSES, accounts=wanted)))
    if missing := wanted - named.keys():
        named |= {number: f"archive of {name}" for number, name in await tx.all(_ARCHIVES, accounts=missing)}
    return defaultdict(lambda: "?", named)
