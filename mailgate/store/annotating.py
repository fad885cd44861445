"""Annotations on mailboxes and on the server (RFC 5464): shared ones, and private ones of each reader.

Every change takes the owner's next annotation revision; a removed value keeps its row, without a value, so that those
who follow by revision hear of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, Text, bindparam, delete, func, or_, select, update

from imap.backend import SERVER, AnnotationChange, AnnotationChanges, MailboxRef
from imap.errors import MailboxNotFound, OverQuota, TooManyAnnotations
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store.feed import ANNOTATIONS, announce
from mailgate.store.schema import account, annotation, mailbox, names, number

SHARED: Final = 0
"""The reader of values that all share."""
MAX_ENTRIES: Final = 100
"""Values of one reader on one mailbox or on the server; as many shared ones."""
MAX_TOTAL: Final = 2_000
"""Values of one reader on all mailboxes of an owner; as many shared ones."""
MAX_OCTETS: Final = 4 * 1024 * 1024
"""What those hold together."""
_KEPT_REMOVALS: Final = 1_000
"""How many changes back a removal is remembered."""

_PRIVATE: Final = "/private"

_readers: Final = or_(annotation.c.reader_id == SHARED, annotation.c.reader_id == bindparam("reader_id"))
_of_mailbox: Final = (
    annotation.c.account_id == bindparam("account_id"),
    annotation.c.mailbox_id == bindparam("mailbox_id"),
)
_has_value: Final = annotation.c.value.is_not(None)
_length: Final = func.length(annotation.c.value, type_=BigInteger)

_SIZES: Final = Statement(select(annotation.c.entry, _length).where(*_of_mailbox, _readers, _has_value))
_VALUES: Final = Statement(
    select(annotation.c.mailbox_id, annotation.c.entry, annotation.c.value).where(
        annotation.c.account_id == bindparam("account_id"),
        member(annotation.c.mailbox_id, "mailboxes"),
        member(annotation.c.entry, "entries"),
        _readers,
        _has_value,
    )
)
_NEXT_REVISION: Final = Statement(
    update(account)
    .where(account.c.account_id == bindparam("account"))
    .values(annotation_revision=account.c.annotation_revision + 1)
    .returning(account.c.annotation_revision)
)
_EXISTS: Final = Statement(
    select(mailbox.c.mailbox_id).where(
        mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id")
    )
)
_given = rows("given", reader_id=BigInteger, entry=Text, value=LargeBinary)
_insert = insert(annotation).from_select(
    names(annotation),
    select(
        number("account_id"),
        number("mailbox_id"),
        _given.c.reader_id,
        _given.c.entry,
        number("revision"),
        _given.c.value,
    ),
)
_SET: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=list(annotation.primary_key.columns),
        set_={"value": _insert.excluded.value, "revision": _insert.excluded.revision},
    )
)
_REMOVE: Final = Statement(
    update(annotation)
    .where(
        annotation.c.account_id == bindparam("account"),
        annotation.c.mailbox_id == bindparam("id"),
        annotation.c.reader_id == bindparam("reader"),
        member(annotation.c.entry, "entries"),
        _has_value,
    )
    .values(value=None, revision=bindparam("new_revision"))
)
_FORGET: Final = Statement(
    delete(annotation).where(
        annotation.c.account_id == bindparam("account"),
        annotation.c.value.is_(None),
        annotation.c.revision <= bindparam("until"),
    )
)
_USAGE: Final = Statement(
    select(
        func.count().filter(annotation.c.mailbox_id == bindparam("mailbox_id")), func.count(), func.sum(_length)
    ).where(
        annotation.c.account_id == bindparam("account_id"), annotation.c.reader_id == bindparam("reader"), _has_value
    )
)
_REVISION: Final = Statement(
    select(account.c.annotation_revision).where(account.c.account_id == bindparam("account_id"))
)
_CHANGES: Final = Statement(
    select(annotation.c.mailbox_id, annotation.c.entry, annotation.c.revision).where(
        annotation.c.account_id == bindparam("account_id"), annotation.c.revision > bindparam("since"), _readers
    )
)
_COPY: Final = Statement(
    insert(annotation).from_select(
        names(annotation),
        select(
            annotation.c.account_id,
            number("target_id"),
            annotation.c.reader_id,
            annotation.c.entry,
            number("revision"),
            annotation.c.value,
        ).where(*_of_mailbox, _has_value),
    )
)


async def sizes(tx: Tx, where: MailboxRef, reader_id: int) -> Mapping[str, int]:
    """The entries that have a value for this reader, with its octets."""
    found = await tx.all(_SIZES, account_id=where.account_id, mailbox_id=where.mailbox_id, reader_id=reader_id)
    return {row[0]: row[1] for row in found}


async def values(
    tx: Tx, wheres: Iterable[MailboxRef], entries: Collection[str], reader_id: int
) -> dict[MailboxRef, dict[str, bytes]]:
    """The values of these entries, by mailbox; what has none is left out."""
    by_owner: defaultdict[int, list[int]] = defaultdict(list)
    for where in wheres:
        by_owner[where.account_id].append(where.mailbox_id)
    found: dict[MailboxRef, dict[str, bytes]] = {}
    for owner, mailboxes in by_owner.items():
        for mailbox_id, entry, value in await tx.all(
            _VALUES, account_id=owner, mailboxes=mailboxes, entries=entries, reader_id=reader_id
        ):
            found.setdefault(MailboxRef(owner, mailbox_id), {})[entry] = value
    return found


async def annotate(tx: Tx, where: MailboxRef, reader_id: int, given: Mapping[str, bytes | None]) -> int:
    """Set and remove values; give the revision. Raises MailboxNotFound, TooManyAnnotations, OverQuota."""
    owner, mailbox_id = where
    revision = await next_revision(tx, owner)
    if mailbox_id != SERVER and await tx.one(_EXISTS, account_id=owner, mailbox_id=mailbox_id) is None:
        raise MailboxNotFound("No such mailbox")
    gone: defaultdict[int, list[str]] = defaultdict(list)
    for entry, value in given.items():
        if value is None:
            gone[_reader(entry, reader_id)].append(entry)
    for reader, entries in gone.items():
        await tx.run(_REMOVE, account=owner, id=mailbox_id, reader=reader, entries=entries, new_revision=revision)
    if gone:
        await tx.run(_FORGET, account=owner, until=revision - _KEPT_REMOVALS)
    fresh = [(_reader(entry, reader_id), entry, value) for entry, value in given.items() if value is not None]
    if fresh:
        await tx.run(_SET, account_id=owner, mailbox_id=mailbox_id, revision=revision, given=fresh)
        for reader in sorted({reader for reader, _, _ in fresh}):
            await _check_room(tx, where, reader)
    await announce(tx, [(owner, ANNOTATIONS)])
    return revision


async def changes(tx: Tx, owner: int, reader_id: int, since: int) -> AnnotationChanges:
    """What changed for this reader after a revision."""
    row = await tx.one(_REVISION, account_id=owner)
    revision: int = row[0] if row is not None else 0
    if revision <= since:
        return AnnotationChanges(revision, ())
    found = await tx.all(_CHANGES, account_id=owner, since=since, reader_id=reader_id)
    return AnnotationChanges(revision, [AnnotationChange(*row) for row in found])


async def copy(tx: Tx, owner: int, source_id: int, target_id: int) -> None:
    """Give a new mailbox the annotations of another, those of all readers (RFC 5464 4.1, of INBOX)."""
    revision = await next_revision(tx, owner)
    await tx.run(_COPY, account_id=owner, mailbox_id=source_id, target_id=target_id, revision=revision)
    await announce(tx, [(owner, ANNOTATIONS)])


async def next_revision(tx: Tx, owner: int) -> int:
    """Lock the owner's account and take its next annotation revision. Raises MailboxNotFound."""
    row = await tx.one(_NEXT_REVISION, account=owner)
    if row is None:
        raise MailboxNotFound("No such account")
    revision: int = row[0]
    return revision


async def _check_room(tx: Tx, where: MailboxRef, reader: int) -> None:
    row = await tx.one(_USAGE, account_id=where.account_id, mailbox_id=where.mailbox_id, reader=reader)
    here, total, octets = row if row is not None else (0, 0, 0)
    if here > MAX_ENTRIES or total > MAX_TOTAL:
        raise TooManyAnnotations(
            "There are {here} annotations at most here, {total} in all", here=MAX_ENTRIES, total=MAX_TOTAL
        )
    if (octets or 0) > MAX_OCTETS:
        raise OverQuota("Annotations have {most} octets at most in all", most=MAX_OCTETS)


def _reader(entry: str, reader_id: int) -> int:
    return reader_id if entry.startswith(_PRIVATE) else SHARED
