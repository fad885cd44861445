"""Commands on mailboxes as wholes: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from imap.backend import HIERARCHY_DELIMITER
from imap.errors import BadCommand, CommandRefused
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS
from imap.parsing.values import given_mailbox, mailbox

C = TypeVar("C", bound=Command)

_SPECIAL_USES: Final = {
    use.upper(): use for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
}


@dataclass(frozen=True, slots=True)
class Create(Command):
    """CREATE (RFC 9051 6.3.4, RFC 6154 3): without the delimiter that may end the name; ``\\Sent`` and so on."""

    verb: ClassVar[str] = "CREATE"
    name: str
    special_use: str | None = None
    given: str | None = field(default=None, compare=False)
    """The name as it was written, where it is another form of `name`; so in DELETE."""


@dataclass(frozen=True, slots=True)
class Delete(Command):
    """DELETE (RFC 9051 6.3.5)."""

    verb: ClassVar[str] = "DELETE"
    name: str
    given: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rename(Command):
    """RENAME (RFC 9051 6.3.6)."""

    verb: ClassVar[str] = "RENAME"
    old: str
    new: str
    given: str | None = field(default=None, compare=False)
    """The old name as it was written, where it or the new one is in another form."""


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    """SUBSCRIBE (RFC 9051 6.3.7)."""

    verb: ClassVar[str] = "SUBSCRIBE"
    name: str


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    """UNSUBSCRIBE (RFC 9051 6.3.8)."""

    verb: ClassVar[str] = "UNSUBSCRIBE"
    name: str


# subscribe = "SUBSCRIBE" SP mailbox
# unsubscribe = "UNSUBSCRIBE" SP mailbox
# getquotaroot = "GETQUOTAROOT" SP mailbox
def one_mailbox(command: Callable[[str], C]) -> Callable[[Cursor], C]:
    """The parser of a command whose only argument is a mailbox."""

    def parse(cursor: Cursor) -> C:
        cursor.space()
        return command(mailbox(cursor))

    return parse


# create = "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]
# create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
def create(cursor: Cursor) -> Create:
    cursor.space()
    name, given = given_mailbox(cursor)
    name = name.removesuffix(HIERARCHY_DELIMITER)
    if not cursor.skip(b" "):
        return Create(name, given=given)
    cursor.expect(b"(")
    if cursor.word(ATOM, "USE") != b"USE":
        raise BadCommand("Unknown parameter of CREATE")
    cursor.space()
    cursor.expect(b"(")
    uses = [] if cursor.skip(b")") else cursor.items(_special_use, limit=MAX_OPTIONS, what="special uses")
    cursor.expect(b")")
    if len(set(uses)) > 1:
        raise CommandRefused("A mailbox has one special use at most", code="USEATTR")
    return Create(name, uses[0] if uses else None, given)


# use-attr = "\All" / "\Archive" / "\Drafts" / "\Flagged" / "\Junk" / "\Sent" / "\Trash" / use-attr-ext
# use-attr-ext = "\" atom
def _special_use(cursor: Cursor) -> str:
    cursor.expect(b"\\")
    use = "\\" + cursor.atom("a special use")
    return _SPECIAL_USES.get(use.upper(), use)


# delete = "DELETE" SP mailbox
def delete(cursor: Cursor) -> Delete:
    cursor.space()
    return Delete(*given_mailbox(cursor))


# rename = "RENAME" SP mailbox SP mailbox
def rename(cursor: Cursor) -> Rename:
    cursor.space()
    old, given_old = given_mailbox(cursor)
    cursor.space()
    new, given_new = given_mailbox(cursor)
    given = old if given_old is None and given_new is not None else given_old
    return Rename(old, new.removesuffix(HIERARCHY_DELIMITER), given)
