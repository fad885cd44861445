"""``\\Seen`` of readers who are not the owner: a mark of their own for each message they touched, in `seen_by`.

A reader without a mark on a message sees the one that is in the entry of a shared account (a sent message is seen to
all), and none in a person's mailbox: whether the owner read something is the owner's affair. Marks change under the
lock of the mailbox's row, with a modification sequence of the mailbox, so that a reader's programs follow one another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, and_, bindparam, delete, select, update

from imap.backend import MailboxRef
from imap.flags import SEEN
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store.access import Access
from mailgate.store.counters import MailboxRow
from mailgate.store.schema import entry, mailbox, names, number, reader, seen_by


class Mark(NamedTuple):
    """A reader's mark on a message."""

    reader_id: int
    uid: int
    seen: int


_of_mailbox = (seen_by.c.account_id == bindparam("account_id"), seen_by.c.mailbox_id == bindparam("mailbox_id"))
_OF_READER: Final = Statement(
    select(seen_by.c.uid, seen_by.c.seen, seen_by.c.modseq).where(
        *_of_mailbox, seen_by.c.reader_id == bindparam("reader_id"), member(seen_by.c.uid, "uids", dense=True)
    )
)
_ALL_OF_READER: Final = Statement(
    select(seen_by.c.uid, seen_by.c.seen, seen_by.c.modseq).where(
        *_of_mailbox, seen_by.c.reader_id == bindparam("reader_id")
    )
)
_readers = select(reader.c.reader_id).where(
    reader.c.account_id == bindparam("account_id"), reader.c.mailbox_id == bindparam("mailbox_id")
)
_among_all = (*_of_mailbox, seen_by.c.reader_id.in_(_readers), member(seen_by.c.uid, "uids", dense=True))
_OF_ALL: Final = Statement(select(seen_by.c.reader_id, seen_by.c.uid, seen_by.c.seen).where(*_among_all))
_FORGET: Final = Statement(
    delete(seen_by).where(*_among_all).returning(seen_by.c.reader_id, seen_by.c.uid, seen_by.c.seen)
)
_marks = rows("marks", reader_id=BigInteger, uid=BigInteger, seen=BigInteger)
_write = insert(seen_by).from_select(
    names(seen_by),
    select(
        number("account_id"), number("mailbox_id"), _marks.c.reader_id, _marks.c.uid, _marks.c.seen, number("modseq")
    ),
)
_WRITE: Final = Statement(
    _write.on_conflict_do_update(
        index_elements=[seen_by.c.account_id, seen_by.c.mailbox_id, seen_by.c.reader_id, seen_by.c.uid],
        set_={"seen": _write.excluded.seen, "modseq": _write.excluded.modseq},
    )
)
_more = rows("more", reader_id=BigInteger, seen=BigInteger)
_count = insert(reader).from_select(
    names(reader), select(number("account_id"), number("mailbox_id"), _more.c.reader_id, _more.c.seen)
)
_COUNT: Final = Statement(
    _count.on_conflict_do_update(
        index_elements=[reader.c.account_id, reader.c.mailbox_id, reader.c.reader_id],
        set_={"seen": reader.c.seen + _count.excluded.seen},
    )
)
_HAS_READERS: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(readers=1)
)
_COUNTED: Final = Statement(
    select(reader.c.account_id, reader.c.mailbox_id, reader.c.seen).where(
        member(reader.c.account_id, "owners"), reader.c.reader_id == bindparam("reader_id")
    )
)

shown: Final = entry.outerjoin(
    seen_by,
    and_(
        seen_by.c.account_id == entry.c.account_id,
        seen_by.c.mailbox_id == entry.c.mailbox_id,
        seen_by.c.reader_id == bindparam("reader_id"),
        seen_by.c.uid == entry.c.uid,
    ),
)
"""Entries with the marks of the reader `reader_id`, for `seen_as`."""


async def marks_of(
    tx: Tx, ref: MailboxRef, reader_id: int, uids: Collection[int] | None = None
) -> dict[int, tuple[int, int]]:
    """(mark, its modification sequence) of one reader by UID, of the whole mailbox when none are named."""
    key = {"account_id": ref.account_id, "mailbox_id": ref.mailbox_id, "reader_id": reader_id}
    found = await (tx.all(_ALL_OF_READER, **key) if uids is None else tx.all(_OF_READER, **key, uids=uids))
    return {uid: (seen, modseq) for uid, seen, modseq in found}


async def marks_of_all(tx: Tx, source: MailboxRow, uids: Collection[int]) -> list[Mark]:
    """The marks of all readers of a locked mailbox."""
    if not source.readers:
        return []
    key = {"account_id": source.account_id, "mailbox_id": source.mailbox_id}
    return [Mark(*row) for row in await tx.all(_OF_ALL, **key, uids=uids)]


async def mark(tx: Tx, target: MailboxRow, modseq: int, marks: Sequence[Mark], before: Iterable[int]) -> None:
    """Set marks in a locked mailbox; `before` is, mark by mark, what the reader saw until now."""
    if not marks:
        return
    key = {"account_id": target.account_id, "mailbox_id": target.mailbox_id}
    await tx.run(_WRITE, **key, modseq=modseq, marks=marks)
    more: dict[int, int] = {}
    for one, old in zip(marks, before, strict=True):
        more[one.reader_id] = more.get(one.reader_id, 0) + one.seen - old
    await tx.run(_COUNT, **key, more=sorted(more.items()))
    if not target.readers:
        await tx.run(_HAS_READERS, account=target.account_id, id=target.mailbox_id)


async def forget(tx: Tx, source: MailboxRow, base: Mapping[int, int]) -> None:
    """Drop all marks on messages that leave a locked mailbox; `base` is by UID what their entries showed."""
    if not source.readers:
        return
    key = {"account_id": source.account_id, "mailbox_id": source.mailbox_id}
    more: dict[int, int] = {}
    for reader_id, uid, seen in await tx.all(_FORGET, **key, uids=list(base)):
        more[reader_id] = more.get(reader_id, 0) - seen + base[uid]
    if more:
        await tx.run(_COUNT, **key, more=sorted(more.items()))


async def counted(tx: Tx, reader_id: int, owners: Collection[int]) -> dict[MailboxRef, int]:
    """What the marks of a reader take from the unseen counters of these owners' mailboxes."""
    found = await tx.all(_COUNTED, reader_id=reader_id, owners=owners)
    return {MailboxRef(account_id, mailbox_id): seen for account_id, mailbox_id, seen in found}


def before_marks(access: Access, flags: int, mark: tuple[int, int] | None) -> int:
    """1 when the reader sees a message as seen."""
    return mark[0] if mark is not None else flags & access.base


def seen_as(access: Access, flags: int, modseq: int, mark: tuple[int, int] | None) -> tuple[int, int]:
    """The flags and the modification sequence of a message, as a reader who is not the owner sees them."""
    shown = flags & ~SEEN | before_marks(access, flags, mark)
    return shown, modseq if mark is None else max(modseq, mark[1])
