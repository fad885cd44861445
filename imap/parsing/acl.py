"""Access control lists: SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imap.backend import AclChange
from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_IDENTIFIER, MAX_MOD_RIGHTS
from imap.parsing.values import mailbox
from imap.rights import Rights, parse_rights


@dataclass(frozen=True, slots=True)
class SetAcl(Command):
    """SETACL (RFC 4314 3.1); the virtual rights are spelt out."""

    verb: ClassVar[str] = "SETACL"
    name: str
    identifier: str
    change: AclChange
    rights: Rights


@dataclass(frozen=True, slots=True)
class DeleteAcl(Command):
    """DELETEACL (RFC 4314 3.2)."""

    verb: ClassVar[str] = "DELETEACL"
    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class GetAcl(Command):
    """GETACL (RFC 4314 3.3)."""

    verb: ClassVar[str] = "GETACL"
    name: str


@dataclass(frozen=True, slots=True)
class ListRights(Command):
    """LISTRIGHTS (RFC 4314 3.4)."""

    verb: ClassVar[str] = "LISTRIGHTS"
    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class MyRights(Command):
    """MYRIGHTS (RFC 4314 3.5)."""

    verb: ClassVar[str] = "MYRIGHTS"
    name: str


# setacl = "SETACL" SP mailbox SP identifier SP mod-rights
# mod-rights = astring ;; +rights to add, -rights to remove, rights to replace
def set_acl(cursor: Cursor) -> SetAcl:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    identifier = _identifier(cursor)
    cursor.space()
    text = cursor.text_astring("rights")
    if len(text) > MAX_MOD_RIGHTS:
        raise BadCommand("Too many rights")
    change = AclChange(text[:1]) if text[:1] in ("+", "-") else AclChange.REPLACE
    try:
        rights = parse_rights(text.removeprefix(change.value))
    except ValueError as error:
        raise BadCommand("There is no such right") from error
    return SetAcl(name, identifier, change, rights)


# deleteacl = "DELETEACL" SP mailbox SP identifier
def delete_acl(cursor: Cursor) -> DeleteAcl:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    return DeleteAcl(name, _identifier(cursor))


# listrights = "LISTRIGHTS" SP mailbox SP identifier
def list_rights(cursor: Cursor) -> ListRights:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    return ListRights(name, _identifier(cursor))


# identifier = astring
def _identifier(cursor: Cursor) -> str:
    identifier = cursor.text_astring("an identifier")
    if not 1 <= len(identifier) <= MAX_IDENTIFIER:
        raise BadCommand("An identifier has 1 to {most} characters", most=MAX_IDENTIFIER)
    return identifier
