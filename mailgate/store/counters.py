"""A mailbox row under its lock, and the counters that every change of the mailbox keeps in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, bindparam, or_, select, tuple_, update

from imap.backend import MailboxRef
from imap.errors import MailboxNotFound
from imap.flags import DELETED, SEEN
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import rows
from mailgate.store import keywords
from mailgate.store.schema import account, mailbox


class AccountRow(NamedTuple):
    """An account, locked."""

    quota_limit: int
    next_mailbox_id: int
    last_uidvalidity: int


class MailboxRow(NamedTuple):
    """A mailbox, locked: nothing in it changes before this transaction ends."""

    account_id: int
    mailbox_id: int
    name: str
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    deleted: int
    readers: int
    """1 once somebody but the owner keeps ``\\Seen`` marks here."""
    stamp: int
    settled: int
    backlog: int
    """As `flag_log` has them."""
    keywords: tuple[str, ...]

    @property
    def ref(self) -> MailboxRef:
        """The mailbox as the engine names it."""
        return MailboxRef(self.account_id, self.mailbox_id)


@dataclass(slots=True)
class Delta:
    """What a change adds to the counters of a mailbox."""

    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size: int = 0

    @classmethod
    def of(cls, copies: Iterable[tuple[int, int]]) -> Delta:
        """The share of these messages, each (flags, size), in the counters."""
        delta = cls()
        for flags, size in copies:
            delta.messages += 1
            delta.unseen += not flags & SEEN
            delta.deleted += bool(flags & DELETED)
            delta.size += size
        return delta

    def __neg__(self) -> Delta:
        return Delta(-self.messages, -self.unseen, -self.deleted, -self.size)

    def __add__(self, other: Delta) -> Delta:
        return Delta(
            self.messages + other.messages,
            self.unseen + other.unseen,
            self.deleted + other.deleted,
            self.size + other.size,
        )


_ACCOUNT = select(account.c.quota_limit, account.c.next_mailbox_id, account.c.last_uidvalidity).where(
    account.c.account_id == bindparam("account_id")
)
_LOCK_ACCOUNT: Final = Statement(_ACCOUNT.with_for_update())

_COLUMNS = (
    mailbox.c.account_id,
    mailbox.c.mailbox_id,
    mailbox.c.name,
    mailbox.c.uidvalidity,
    mailbox.c.uidnext,
    mailbox.c.highestmodseq,
    mailbox.c.deleted,
    mailbox.c.readers,
    mailbox.c.stamp,
    mailbox.c.settled,
    mailbox.c.backlog,
    mailbox.c.keywords,
)
_OF_ACCOUNT = select(*_COLUMNS).where(mailbox.c.account_id == bindparam("account_id"))
_wanted = rows("wanted", account_id=BigInteger, mailbox_id=BigInteger)
_LOCK_MANY: Final = Statement(
    select(*_COLUMNS)
    .where(tuple_(mailbox.c.account_id, mailbox.c.mailbox_id).in_(select(_wanted)))
    .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
    .with_for_update()
)
_LOCK_BY_ID: Final = Statement(_OF_ACCOUNT.where(mailbox.c.mailbox_id == bindparam("mailbox_id")).with_for_update())
_LOCK_BY_NAME: Final = Statement(_OF_ACCOUNT.where(mailbox.c.name == bindparam("name")).with_for_update())
_LOCK_WITH_ACCOUNT: Final = Statement(
    select(account.c.quota_limit, *_COLUMNS)
    .select_from(account.join(mailbox, mailbox.c.account_id == account.c.account_id))
    .where(account.c.account_id == bindparam("account_id"), mailbox.c.name == bindparam("name"))
    .with_for_update()
)
"""PostgreSQL locks the rows of a join in the order of its tables."""
_LOCK_PAIR: Final = Statement(
    _OF_ACCOUNT.where(or_(mailbox.c.mailbox_id == bindparam("mailbox_id"), mailbox.c.name == bindparam("name")))
    .order_by(mailbox.c.mailbox_id)
    .with_for_update()
)
ADVANCE: Final = (
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(
        highestmodseq=bindparam("reached"),
        uidnext=mailbox.c.uidnext + bindparam("new_uids"),
        messages=mailbox.c.messages + bindparam("more_messages"),
        unseen=mailbox.c.unseen + bindparam("more_unseen"),
        deleted=mailbox.c.deleted + bindparam("more_deleted"),
        size=mailbox.c.size + bindparam("more_size"),
        keywords=bindparam("table"),
    )
)
"""What `advance` does, to be part of a larger statement; `advanced` gives its parameters."""
_ADVANCE: Final = Statement(ADVANCE)


async def lock_account(tx: Tx, account_id: int) -> AccountRow:
    """Lock the account's row, before any of its mailboxes. Raises MailboxNotFound when there is no such account."""
    row = await tx.one(_LOCK_ACCOUNT, account_id=account_id)
    if row is None:
        raise MailboxNotFound("No such account")
    return AccountRow(*row)


async def lock_mailbox(tx: Tx, account_id: int, mailbox_id: int) -> MailboxRow:
    """Lock one mailbox. Raises MailboxNotFound."""
    return _found(await tx.one(_LOCK_BY_ID, account_id=account_id, mailbox_id=mailbox_id))


async def lock_many(tx: Tx, refs: Collection[MailboxRef]) -> list[MailboxRow]:
    """Lock mailboxes of any accounts, in the order that all writers keep; those that are gone are left out."""
    return [_found(row) for row in await tx.all(_LOCK_MANY, wanted=refs)]


async def lock_named(tx: Tx, account_id: int, name: str) -> MailboxRow:
    """Lock one mailbox. Raises MailboxNotFound."""
    return _found(await tx.one(_LOCK_BY_NAME, account_id=account_id, name=name))


async def lock_with_account(tx: Tx, account_id: int, name: str) -> tuple[int, MailboxRow]:
    """Lock the account's row and then one of its mailboxes; give the quota, 0 when there is none, and the mailbox.

    Raises MailboxNotFound.
    """
    row = await tx.one(_LOCK_WITH_ACCOUNT, account_id=account_id, name=name)
    return (0 if row is None else row[0]), _found(None if row is None else row[1:])


async def lock_pair(tx: Tx, account_id: int, mailbox_id: int, name: str) -> tuple[MailboxRow, MailboxRow]:
    """Lock a source by its id and a target by its name, which may be the same one. Raises MailboxNotFound."""
    pair = [_found(row) for row in await tx.all(_LOCK_PAIR, account_id=account_id, mailbox_id=mailbox_id, name=name)]
    source = next((row for row in pair if row.mailbox_id == mailbox_id), None)
    target = next((row for row in pair if row.name == name), None)
    if source is None or target is None:
        raise MailboxNotFound("No such mailbox")
    return source, target


async def lock_both(tx: Tx, source: MailboxRef, account_id: int, name: str) -> tuple[MailboxRow, MailboxRow]:
    """Lock a source by its id and a target by its name, maybe another owner's, in the order that all writers keep.

    Raises MailboxNotFound.
    """
    if source.account_id == account_id:
        return await lock_pair(tx, account_id, source.mailbox_id, name)
    if source.account_id < account_id:
        return await lock_mailbox(tx, *source), await lock_named(tx, account_id, name)
    target = await lock_named(tx, account_id, name)
    return await lock_mailbox(tx, *source), target


async def advance(
    tx: Tx, row: MailboxRow, modseq: int, delta: Delta, *, new_uids: int = 0, table: tuple[str, ...] | None = None
) -> None:
    """Write a locked mailbox's new modification sequence, counters and keyword table."""
    await tx.run(_ADVANCE, **advanced(row, modseq, delta, new_uids, row.keywords if table is None else table))


def advanced(row: MailboxRow, modseq: int, delta: Delta, new_uids: int, table: tuple[str, ...]) -> dict[str, object]:
    """The parameters of `ADVANCE`."""
    return {
        "account": row.account_id,
        "id": row.mailbox_id,
        "reached": modseq,
        "new_uids": new_uids,
        "more_messages": delta.messages,
        "more_unseen": delta.unseen,
        "more_deleted": delta.deleted,
        "more_size": delta.size,
        "table": " ".join(table),
    }


def _found(row: Row | None) -> MailboxRow:
    if row is None:
        raise MailboxNotFound("No such mailbox")
    return MailboxRow._make((*row[:-1], keywords.parse(row[-1])))
