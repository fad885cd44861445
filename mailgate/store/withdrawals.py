"""Copies of a message taken out of many mailboxes at once, whoever's they are, with what was true of each.

It is what EXPUNGE does, in sets: a tombstone with a modification sequence for each, counters, readers' marks, and the
word to those who are connected. A batch is one transaction, with what it took in table ``withdrawal``: who stops in
the middle and begins again takes what is left, and the record has each copy once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, Text, and_, bindparam, delete, select, tuple_, update

from imap.backend import MailboxRef
from imap.flags import SEEN
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store import flag_log, seen
from mailgate.store.archives import KIND as ARCHIVE
from mailgate.store.counters import Delta, MailboxRow, lock_many
from mailgate.store.feed import announce
from mailgate.store.released import let_go
from mailgate.store.schema import entry, mailbox, names, number, seen_by, shared_account, tombstone, withdrawal

Kind: TypeAlias = Literal["purge", "recall"]
BATCH: Final = 200
"""Copies that one transaction takes: on SQLite, everybody else's writes wait for it."""


class Copy(NamedTuple):
    """A copy in a mailbox, by its key."""

    account_id: int
    mailbox_id: int
    uid: int

    @property
    def ref(self) -> MailboxRef:
        """The mailbox that it is in."""
        return MailboxRef(self.account_id, self.mailbox_id)


class Kept(NamedTuple):
    """A copy, with what its mailbox shows of it."""

    copy: Copy
    mailbox: str
    arrived_at: int
    seen: bool
    """To the owner; in a shared account, to all."""
    readers: tuple[int, ...]
    """Others who opened it."""

    @property
    def read(self) -> bool:
        """Whether anybody opened it."""
        return self.seen or bool(self.readers)


class Withdrawn(NamedTuple):
    """A copy that was taken out, and when."""

    kept: Kept
    kind: Kind
    at: int


_copy_columns = {"account_id": BigInteger, "mailbox_id": BigInteger, "uid": BigInteger}
_copies = rows("copies", **_copy_columns)
_key = (entry.c.account_id, entry.c.mailbox_id, entry.c.uid)
_among = tuple_(*_key).in_(select(_copies))
_its_mailbox = and_(mailbox.c.account_id == entry.c.account_id, mailbox.c.mailbox_id == entry.c.mailbox_id)
_shown = select(
    *_key, mailbox.c.name, entry.c.saved_at, entry.c.flags, entry.c.size, mailbox.c.readers, mailbox.c.backlog
).join_from(entry, mailbox, _its_mailbox)

_HOLDERS: Final = Statement(
    select(*_key).where(member(entry.c.message_id, "contents")).order_by(*_key)
)  # fmt: skip
_SHOWN: Final = Statement(_shown.where(_among).order_by(*_key))
_READERS: Final = Statement(
    select(seen_by.c.account_id, seen_by.c.mailbox_id, seen_by.c.uid, seen_by.c.reader_id)
    .where(tuple_(seen_by.c.account_id, seen_by.c.mailbox_id, seen_by.c.uid).in_(select(_copies)), seen_by.c.seen == 1)
    .order_by(seen_by.c.account_id, seen_by.c.mailbox_id, seen_by.c.uid, seen_by.c.reader_id)
)
_SHARED: Final = Statement(
    select(shared_account.c.account_id).where(member(shared_account.c.account_id, "accounts"))
)  # fmt: skip
_ARCHIVES: Final = Statement(
    select(shared_account.c.account_id).where(
        member(shared_account.c.account_id, "accounts"), shared_account.c.kind == ARCHIVE
    )
)
_noted = rows("noted", **_copy_columns, seen=BigInteger, readers=Text)
_NOTE: Final = Statement(
    insert(withdrawal).from_select(
        names(withdrawal),
        select(
            bindparam("dispatch", type_=Text),
            *_key,
            bindparam("kind", type_=Text),
            mailbox.c.name,
            entry.c.saved_at,
            _noted.c.seen,
            _noted.c.readers,
            number("now"),
        )
        .join_from(entry, mailbox, _its_mailbox)
        .join(
            _noted,
            and_(
                _noted.c.account_id == entry.c.account_id,
                _noted.c.mailbox_id == entry.c.mailbox_id,
                _noted.c.uid == entry.c.uid,
            ),
        ),
    )
)
_RELEASE: Final = Statement(let_go(_among))
_BURY: Final = Statement(
    insert(tombstone).from_select(
        names(tombstone),
        select(entry.c.account_id, entry.c.mailbox_id, mailbox.c.highestmodseq + 1, entry.c.uid, number("now"))
        .join_from(entry, mailbox, _its_mailbox)
        .where(_among),
    )
)
_REMOVE: Final = Statement(delete(entry).where(_among))
_less = rows(
    "less",
    account_id=BigInteger,
    mailbox_id=BigInteger,
    messages=BigInteger,
    unseen=BigInteger,
    deleted=BigInteger,
    size=BigInteger,
)
_COUNT: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == _less.c.account_id, mailbox.c.mailbox_id == _less.c.mailbox_id)
    .values(
        highestmodseq=mailbox.c.highestmodseq + 1,
        messages=mailbox.c.messages - _less.c.messages,
        unseen=mailbox.c.unseen - _less.c.unseen,
        deleted=mailbox.c.deleted - _less.c.deleted,
        size=mailbox.c.size - _less.c.size,
    )
)
_WITHDRAWN: Final = Statement(
    select(
        withdrawal.c.account_id,
        withdrawal.c.mailbox_id,
        withdrawal.c.uid,
        withdrawal.c.mailbox,
        withdrawal.c.arrived_at,
        withdrawal.c.seen,
        withdrawal.c.readers,
        withdrawal.c.kind,
        withdrawal.c.at,
    )
    .where(withdrawal.c.dispatch_id == bindparam("dispatch"))
    .order_by(withdrawal.c.account_id, withdrawal.c.mailbox_id, withdrawal.c.uid)
)
_ENTRY_CONTENTS: Final = Statement(
    select(*_key, entry.c.message_id).where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == bindparam("mailbox_id"),
        entry.c.saved_at >= bindparam("since"),
    )
)


async def holders(tx: Tx, contents: Collection[bytes]) -> list[Copy]:
    """Every copy of these contents, whoever has it, in the order of their mailboxes: one look at an index."""
    return [Copy(*row) for row in await tx.all(_HOLDERS, contents=contents)]


async def contents_since(tx: Tx, ref: MailboxRef, since: int) -> list[tuple[Copy, bytes]]:
    """What came into a mailbox since then, each with its content."""
    found = await tx.all(_ENTRY_CONTENTS, account_id=ref.account_id, mailbox_id=ref.mailbox_id, since=since)
    return [(Copy(*row[:3]), row[3]) for row in found]


async def describe(tx: Tx, copies: Collection[Copy]) -> list[Kept]:
    """What is true of these copies; those that are gone are left out."""
    return [kept for kept, _, _ in await _described(tx, copies)]


async def withdraw(
    tx: Tx, dispatch_id: str, copies: Sequence[Copy], kind: Kind, now: int, *, unread_only: bool = False
) -> int:
    """Take copies out of their mailboxes; with `unread_only`, those that nobody opened, and those in archives of lists,
    which are nobody's: who has not read the message is not to find it there because somebody else has. Gives how many
    were there.

    The mailboxes are locked first: a mark that is set meanwhile is either there before, or finds no message any more.
    """
    locked = {row.ref: row for row in await lock_many(tx, sorted({copy.ref for copy in copies}))}
    found = await _described(tx, copies)
    if unread_only:
        read = {kept.copy.account_id for kept, _, _ in found if kept.read}
        archives = {row[0] for row in await tx.all(_ARCHIVES, accounts=read)} if read else set()
        found = [one for one in found if not one[0].read or one[0].copy.account_id in archives]
    if not found:
        return 0
    going = [kept.copy for kept, _, _ in found]
    noted = [(*kept.copy, int(kept.seen), " ".join(map(str, kept.readers))) for kept, _, _ in found]
    await tx.run(_NOTE, dispatch=dispatch_id, kind=kind, now=now, noted=noted)
    await tx.run(_RELEASE, copies=going, now=now)
    await tx.run(_BURY, copies=going, now=now)
    await tx.run(_REMOVE, copies=going)
    gone: defaultdict[MailboxRef, list[tuple[int, int, int]]] = defaultdict(list)
    for kept, flags, size in found:
        gone[kept.copy.ref].append((kept.copy.uid, flags, size))
    await _forget_marks(tx, [locked[ref] for ref in gone if locked[ref].readers], gone)
    less = []
    for ref, those in gone.items():
        delta = Delta.of([(flags, size) for _, flags, size in those])
        less.append((*ref, delta.messages, delta.unseen, delta.deleted, delta.size))
    await tx.run(_COUNT, less=less)
    await announce(tx, gone)
    return len(going)


async def withdrawn(tx: Tx, dispatch_id: str) -> list[Withdrawn]:
    """The record of everything that was taken out of a message that was sent."""
    return [
        Withdrawn(
            Kept(Copy(*row[:3]), row[3], row[4], bool(row[5]), tuple(map(int, row[6].split()))),
            row[7],
            row[8],
        )
        for row in await tx.all(_WITHDRAWN, dispatch=dispatch_id)
    ]


async def _described(tx: Tx, copies: Collection[Copy]) -> list[tuple[Kept, int, int]]:
    """Copies with what is true of them, their flags and their size."""
    found = await tx.all(_SHOWN, copies=copies)
    shared = [Copy(*row[:3]) for row in found if row[7]]
    readers: defaultdict[Copy, list[int]] = defaultdict(list)
    for *key, reader_id in await tx.all(_READERS, copies=shared) if shared else ():
        readers[Copy(*key)].append(reader_id)
    pending = await flag_log.pending_among(tx, (Copy(*row[:3]) for row in found if row[8]))
    described = []
    for account_id, mailbox_id, uid, name, saved_at, settled, size, *_ in found:
        copy = Copy(account_id, mailbox_id, uid)
        flags, _ = pending.get(copy.ref, {}).get(uid, (settled, 0))
        kept = Kept(copy, name, saved_at, bool(flags & SEEN), tuple(readers.get(copy, ())))
        described.append((kept, flags, size))
    return described


async def _forget_marks(
    tx: Tx, with_readers: Sequence[MailboxRow], gone: defaultdict[MailboxRef, list[tuple[int, int, int]]]
) -> None:
    """The marks of others on what goes: few mailboxes have any."""
    if not with_readers:
        return
    accounts = {row.account_id for row in with_readers}
    nobodys = {row[0] for row in await tx.all(_SHARED, accounts=accounts)}
    for row in with_readers:
        base = SEEN if row.account_id in nobodys else 0
        await seen.forget(tx, row, {uid: flags & base for uid, flags, _ in gone[row.ref]})
