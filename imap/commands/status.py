"""STATUS (RFC 9051 section 6.3.11), also for LIST RETURN (STATUS …) (RFC 5819)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from imap import flags
from imap.backend import MailboxStatus
from imap.objectid import mailbox_id
from imap.parsing.status import Status, StatusItem
from imap.parsing.wire import mailbox_name
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session

_COUNTERS: Final = {
    StatusItem.MESSAGES: "messages",
    StatusItem.RECENT: "recent",
    StatusItem.UIDNEXT: "uidnext",
    StatusItem.UIDVALIDITY: "uidvalidity",
    StatusItem.UNSEEN: "unseen",
    StatusItem.DELETED: "deleted",
    StatusItem.SIZE: "size",
    StatusItem.HIGHESTMODSEQ: "highestmodseq",
}


async def status(session: Session, _tag: str, command: Status) -> Completion:
    """STATUS of any mailbox, the selected one included."""
    mailbox = await session.account.mailbox(command.name)
    await put_status(session, mailbox, command.items)
    return Completion("STATUS completed")


async def put_status(session: Session, mailbox: MailboxStatus, items: Sequence[StatusItem]) -> None:
    """One STATUS response; none in LIST for a mailbox that cannot be read (RFC 5819 section 2)."""
    if StatusItem.HIGHESTMODSEQ in items:
        session.enable_condstore()
    name = mailbox_name(mailbox.name, utf8=session.utf8)
    values = [f"{item.value} {await _value(session, mailbox, item)}" for item in items]
    session.put(b"* STATUS %b (%b)\r\n" % (name, " ".join(values).encode()))


def counters_line(items: Sequence[StatusItem]) -> Callable[[bytes, MailboxStatus], bytes] | None:
    """How a response of these counters is written for a name that is encoded; None where there is more to tell.

    For LIST, which asks for the same ones of each of hundreds of mailboxes.
    """
    if not items or not _COUNTERS.keys() >= set(items):
        return None
    template = b"* STATUS %b (" + b" ".join(item.value.encode() + b" %d" for item in items) + b")\r\n"
    ref_and_counters = attrgetter("ref", *(_COUNTERS[item] for item in items))
    return lambda name, mailbox: template % (name, *ref_and_counters(mailbox)[1:])


async def _value(session: Session, mailbox: MailboxStatus, item: StatusItem) -> int | str:
    if item is StatusItem.APPENDLIMIT:
        return session.connection.reader.message_limit
    if item is StatusItem.MAILBOXID:
        return f"({mailbox_id(mailbox.ref)})"
    if item is StatusItem.DELETED_STORAGE:
        return await _deleted_storage(session, mailbox)
    return int(getattr(mailbox, _COUNTERS[item]))


async def _deleted_storage(session: Session, mailbox: MailboxStatus) -> int:
    """What EXPUNGE would free, in octets (RFC 9208 4.1.4); rarely asked for, hence counted anew."""
    if not mailbox.deleted:
        return 0
    snapshot = await session.account.snapshot(mailbox.ref)
    deleted = [uid for uid, mask in zip(snapshot.uids, snapshot.flags, strict=True) if mask & flags.DELETED]
    return sum(entry.size for entry in await session.account.entries(mailbox.ref, deleted))
