"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8, RFC 6154)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imap.parsing.commands import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


async def create(session: Session, _tag: str, command: Create) -> Completion:
    """CREATE, with a special use where one is asked for."""
    await session.account.create(command.name, command.special_use)
    return Completion("CREATE completed")


async def delete(session: Session, _tag: str, command: Delete) -> Completion:
    """DELETE; sessions that have it selected see all its messages expunged."""
    await session.account.delete(command.name)
    if session.view is not None and session.view.name == command.name:
        await session.view.mailbox.refresh()
    return Completion("DELETE completed")


async def rename(session: Session, _tag: str, command: Rename) -> Completion:
    """RENAME with all children; a selected mailbox stays selected under its new name."""
    await session.account.rename(command.old, command.new)
    view = session.view
    if view is not None:
        if view.name == command.old and view.name != "INBOX":
            view.name = command.new
        await view.mailbox.refresh()
    return Completion("RENAME completed")


async def subscribe(session: Session, _tag: str, command: Subscribe) -> Completion:
    """SUBSCRIBE."""
    await session.account.subscribe(command.name)
    return Completion("SUBSCRIBE completed")


async def unsubscribe(session: Session, _tag: str, command: Unsubscribe) -> Completion:
    """UNSUBSCRIBE."""
    await session.account.unsubscribe(command.name)
    return Completion("UNSUBSCRIBE completed")
