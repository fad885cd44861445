"""APPEND, REPLACE, COPY, MOVE: messages that go into a mailbox.

RFC 9051 sections 6.3.12, 6.4.7 and 6.4.8; RFC 3502, RFC 4315, RFC 4469, RFC 8508.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from imap.backend import Appended, Copied, MailboxRef, NewMessage
from imap.commands.catenate import contents
from imap.commands.folders import put_normalized
from imap.commands.messages import existing_uids, require_writable
from imap.errors import CommandRefused, MailboxNotFound
from imap.notifications import settle_messages
from imap.parsing.append import Append, AppendItem, Replace
from imap.parsing.store import Copy, Move
from imap.parsing.wire import uid_set
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


async def append(session: Session, _tag: str, command: Append) -> Completion:
    """APPEND of one message or several, all or none."""
    with ExitStack() as stack, session.patience():
        messages = await _new_messages(session, command.messages, stack)
        with _try_create():
            appended = await session.account.append(command.name, messages)
    await put_normalized(session, command.name, command.given)
    if session.view is not None and session.view.mailbox.ref == appended.mailbox:
        session.own_arrivals = frozenset(appended.uids)
        modseq = appended.arrived[-1].modseq
        await session.view.mailbox.settle(modseq, changed=appended.arrived, keywords=appended.keywords)
    else:
        await settle_messages(session, appended.mailbox)
    return Completion("APPEND completed", _appenduid(appended))


async def replace(session: Session, _tag: str, command: Replace) -> Completion:
    """REPLACE and UID REPLACE: the new message is told before the old one is expunged (RFC 8508 3.4, 4.3)."""
    view = session.selected
    require_writable(view)
    uids = existing_uids(view, command.message, uid=command.uid)
    if not uids:
        raise CommandRefused("There is no such message to replace")
    with ExitStack() as stack, session.patience():
        (message,) = await _new_messages(session, (command.item,), stack)
        with _try_create():
            replaced = await session.account.replace(view.mailbox.ref, uids[0], command.name, message)
    session.note("Replacement message ready", _appenduid(replaced.appended))
    if replaced.appended.mailbox == view.mailbox.ref:
        session.own_arrivals = frozenset(replaced.appended.uids)
        await view.mailbox.refresh()
        await session.tell_arrivals(view)
    else:
        await view.mailbox.settle(replaced.modseq, vanished=uids)
        await settle_messages(session, replaced.appended.mailbox)
    highest = f"HIGHESTMODSEQ {view.mailbox.highestmodseq}" if session.qresync else None
    return Completion("REPLACE completed", highest)


async def copy(session: Session, _tag: str, command: Copy) -> Completion:
    """COPY and UID COPY."""
    view = session.selected
    uids = existing_uids(view, command.messages, uid=command.uid)
    if not uids:
        return Completion("No messages to copy")
    with _try_create(), session.patience():
        copied = await session.account.copy(view.mailbox.ref, uids, command.name)
    await _look_at(session, copied.mailbox, copied.target)
    return Completion("COPY completed", _copyuid(copied))


async def move(session: Session, _tag: str, command: Move) -> Completion:
    """MOVE and UID MOVE: where the messages went is told before they are expunged here (RFC 9051 6.4.8)."""
    view = session.selected
    require_writable(view)
    uids = existing_uids(view, command.messages, uid=command.uid)
    if not uids:
        return Completion("No messages to move")
    with _try_create(), session.patience():
        moved = await session.account.move(view.mailbox.ref, uids, command.name)
    code = _copyuid(moved)
    if code is None:
        return Completion("No messages to move")
    session.note("Moved", code)
    if moved.mailbox == view.mailbox.ref:
        session.own_arrivals = frozenset(moved.target)
        await view.mailbox.refresh()
    else:
        await view.mailbox.settle(moved.modseq, vanished=sorted(moved.source))
        await settle_messages(session, moved.mailbox)
    highest = f"HIGHESTMODSEQ {view.mailbox.highestmodseq}" if session.qresync else None
    return Completion("MOVE completed", highest)


async def _new_messages(session: Session, items: Sequence[AppendItem], stack: ExitStack) -> list[NewMessage]:
    return [
        NewMessage(content, item.flags.mask, item.flags.keywords, item.date)
        for item, content in zip(items, await contents(session, items, stack), strict=True)
    ]


def _appenduid(appended: Appended) -> str:
    return f"APPENDUID {appended.uidvalidity} {uid_set(appended.uids).decode()}"


def _copyuid(copied: Copied) -> str | None:
    if not copied.source:
        return None
    return f"COPYUID {copied.uidvalidity} {uid_set(copied.source).decode()} {uid_set(copied.target).decode()}"


@contextmanager
def _try_create() -> Iterator[None]:
    """A target that is not there may be created, and the command sent again (RFC 9051 7.1)."""
    try:
        yield
    except MailboxNotFound as error:
        raise MailboxNotFound(error.text, code="TRYCREATE") from error


async def _look_at(session: Session, mailbox: MailboxRef, uids: Sequence[int]) -> None:
    """Messages that came into the selected mailbox are announced with the completion; elsewhere they are no news."""
    if session.view is not None and session.view.mailbox.ref == mailbox:
        session.own_arrivals = frozenset(uids)
        await session.view.mailbox.refresh()
    else:
        await settle_messages(session, mailbox)
