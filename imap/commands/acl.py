"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314), also for LIST RETURN (MYRIGHTS) (RFC 8440)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imap.parsing.acl import DeleteAcl, GetAcl, ListRights, MyRights, SetAcl
from imap.parsing.wire import astring, mailbox_name
from imap.responses import Completion
from imap.rights import LETTERS, VIRTUAL, Rights, shown

if TYPE_CHECKING:
    from imap.session import Session


async def set_acl(session: Session, _tag: str, command: SetAcl) -> Completion:
    """SETACL (RFC 4314 section 3.1)."""
    await session.account.set_acl(command.name, command.identifier, command.change, command.rights)
    return Completion("SETACL completed")


async def delete_acl(session: Session, _tag: str, command: DeleteAcl) -> Completion:
    """DELETEACL (RFC 4314 section 3.2)."""
    await session.account.delete_acl(command.name, command.identifier)
    return Completion("DELETEACL completed")


async def get_acl(session: Session, _tag: str, command: GetAcl) -> Completion:
    """GETACL (RFC 4314 section 3.3)."""
    entries = await session.account.acl(command.name)
    pairs = b"".join(
        b" %b %b" % (astring(entry.identifier, utf8=session.utf8), astring(shown(entry.rights))) for entry in entries
    )
    session.put(b"* ACL %b%b\r\n" % (mailbox_name(command.name, utf8=session.utf8), pairs))
    return Completion("GETACL completed")


async def list_rights(session: Session, _tag: str, command: ListRights) -> Completion:
    """LISTRIGHTS (RFC 4314 section 3.4): no two rights are tied together."""
    grantable = await session.account.list_rights(command.name, command.identifier)
    single = [letter for letter, right in {**LETTERS, **VIRTUAL}.items() if right & grantable.optional]
    session.put(
        b"* LISTRIGHTS %b %b %b%b\r\n"
        % (
            mailbox_name(command.name, utf8=session.utf8),
            astring(command.identifier, utf8=session.utf8),
            astring(shown(grantable.always)),
            "".join(f" {letter}" for letter in single).encode(),
        )
    )
    return Completion("LISTRIGHTS completed")


async def my_rights(session: Session, _tag: str, command: MyRights) -> Completion:
    """MYRIGHTS (RFC 4314 section 3.5)."""
    put_rights(session, command.name, await session.account.my_rights(command.name))
    return Completion("MYRIGHTS completed")


def put_rights(session: Session, name: str, rights: Rights) -> None:
    """One MYRIGHTS response."""
    session.put(b"* MYRIGHTS %b %b\r\n" % (mailbox_name(name, utf8=session.utf8), astring(shown(rights))))
