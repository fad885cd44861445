"""APPEND, COPY, MOVE: messages that go into a mailbox (RFC 9051 sections 6.3.12, 6.4.7, 6.4.8; RFC 3502, RFC 4315)."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

from imap.backend import Copied, MailboxRef, NewMessage
from imap.commands.messages import existing_uids, require_writable
from imap.errors import CommandRefused, MailboxNotFound
from imap.parsing.commands import Append, AppendItem, Copy, Move
from imap.parsing.wire import uid_set
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


async def append(session: Session, _tag: str, command: Append) -> Completion:
    """APPEND of one message or several, all or none."""
    if not all(item.literal.size for item in command.messages):
        raise CommandRefused("A message cannot be empty")
    messages = [_new_message(item) for item in command.messages]
    try:
        with session.patience():
            appended = await session.account.append(command.name, messages)
    except MailboxNotFound as error:
        raise MailboxNotFound(error.text, code="TRYCREATE") from error
    await _look_at(session, appended.mailbox)
    code = f"APPENDUID {appended.uidvalidity} {uid_set(appended.uids).decode()}"
    return Completion("APPEND completed", code)


async def copy(session: Session, _tag: str, command: Copy) -> Completion:
    """COPY and UID COPY."""
    view = session.selected
    uids = existing_uids(view, command.messages, uid=command.uid)
    if not uids:
        return Completion("No messages to copy")
    try:
        with session.patience():
            copied = await session.account.copy(view.mailbox.ref, uids, command.name)
    except MailboxNotFound as error:
        raise MailboxNotFound(error.text, code="TRYCREATE") from error
    await _look_at(session, copied.mailbox)
    return Completion("COPY completed", _copyuid(copied))


async def move(session: Session, _tag: str, command: Move) -> Completion:
    """MOVE and UID MOVE: where the messages went is told before they are expunged here (RFC 9051 6.4.8)."""
    view = session.selected
    require_writable(view)
    uids = existing_uids(view, command.messages, uid=command.uid)
    if not uids:
        return Completion("No messages to move")
    try:
        with session.patience():
            moved = await session.account.move(view.mailbox.ref, uids, command.name)
    except MailboxNotFound as error:
        raise MailboxNotFound(error.text, code="TRYCREATE") from error
    code = _copyuid(moved)
    if code is None:
        return Completion("No messages to move")
    session.put(f"* OK [{code}] Moved\r\n".encode())
    if moved.mailbox == view.mailbox.ref:
        await view.mailbox.refresh()
    else:
        await view.mailbox.settle(moved.modseq, vanished=sorted(moved.source))
    highest = f"HIGHESTMODSEQ {view.mailbox.highestmodseq}" if session.qresync else None
    return Completion("MOVE completed", highest)


def _new_message(item: AppendItem) -> NewMessage:
    return NewMessage(cast("IO[bytes]", item.literal.data), item.flags.mask, item.flags.keywords, item.date)


def _copyuid(copied: Copied) -> str | None:
    if not copied.source:
        return None
    return f"COPYUID {copied.uidvalidity} {uid_set(copied.source).decode()} {uid_set(copied.target).decode()}"


async def _look_at(session: Session, mailbox: MailboxRef) -> None:
    """Messages that came into the selected mailbox are announced with the completion."""
    if session.view is not None and session.view.mailbox.ref == mailbox:
        await session.view.mailbox.refresh()
