"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8, RFC 6154)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imap.mailbox_tree import MailboxTree, list_line
from imap.notifications import settle_names
from imap.objectid import mailbox_id
from imap.parsing.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.parsing.wire import mailbox_name
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


async def create(session: Session, _tag: str, command: Create) -> Completion:
    """CREATE, with a special use where one is asked for."""
    created = await session.account.create(command.name, command.special_use)
    await settle_names(session, command.name)
    await put_normalized(session, command.name, command.given)
    return Completion("CREATE completed", f"MAILBOXID ({mailbox_id(created.ref)})")


async def delete(session: Session, _tag: str, command: Delete) -> Completion:
    """DELETE; sessions that have it selected see all its messages expunged."""
    await session.account.delete(command.name)
    await settle_names(session, command.name)
    await put_normalized(session, command.name, command.given)
    await _look(session)
    return Completion("DELETE completed")


async def rename(session: Session, _tag: str, command: Rename) -> Completion:
    """RENAME with all children; a selected mailbox stays selected under its new name."""
    await session.account.rename(command.old, command.new)
    await settle_names(session, command.new)
    await put_normalized(session, command.new, command.given)
    await _look(session)
    return Completion("RENAME completed")


async def subscribe(session: Session, _tag: str, command: Subscribe) -> Completion:
    """SUBSCRIBE."""
    await session.account.subscribe(command.name)
    await settle_names(session, command.name)
    return Completion("SUBSCRIBE completed")


async def unsubscribe(session: Session, _tag: str, command: Unsubscribe) -> Completion:
    """UNSUBSCRIBE."""
    await session.account.unsubscribe(command.name)
    await settle_names(session, command.name)
    return Completion("UNSUBSCRIBE completed")


async def put_normalized(session: Session, name: str, given: str | None) -> None:
    """Tell an IMAP4rev2 client which name its own form of it stands for (RFC 9051 section 6.3.9.7)."""
    if given is not None and session.rev2:
        tree = MailboxTree(await session.account.mailboxes(), await session.account.subscriptions())
        session.put(list_line(name, tree.attributes(name), utf8=session.utf8, extended=old_name(session, given)))


def old_name(session: Session, given: str) -> bytes:
    """The extended data item that repeats a name."""
    return b'"OLDNAME" (%b)' % mailbox_name(given, utf8=session.utf8)


async def _look(session: Session) -> None:
    """The selected mailbox may be the one, whatever its name was when it was selected."""
    if session.view is not None:
        await session.view.mailbox.refresh()
