"""SETACL, DELETEACL, LISTRIGHTS (RFC 4314 section 7)."""

from __future__ import annotations

from imap.backend import AclChange
from imap.errors import BadCommand
from imap.parsing.acl_commands import DeleteAcl, ListRights, SetAcl
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_IDENTIFIER, MAX_MOD_RIGHTS
from imap.parsing.values import mailbox
from imap.rights import parse_rights


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
