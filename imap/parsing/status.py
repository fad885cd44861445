"""STATUS (RFC 9051 section 6.3.11), and its items where LIST asks for them (RFC 5819)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Final

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS
from imap.parsing.values import mailbox


class StatusItem(enum.Enum):
    """What STATUS tells (RFC 9051 6.3.11, RFC 7162, RFC 7889, RFC 8474, RFC 9208)."""

    MESSAGES = "MESSAGES"
    RECENT = "RECENT"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    DELETED = "DELETED"
    DELETED_STORAGE = "DELETED-STORAGE"
    SIZE = "SIZE"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    APPENDLIMIT = "APPENDLIMIT"
    MAILBOXID = "MAILBOXID"


@dataclass(frozen=True, slots=True)
class Status(Command):
    """STATUS (RFC 9051 6.3.11)."""

    verb: ClassVar[str] = "STATUS"
    name: str
    items: tuple[StatusItem, ...]


_STATUS_ITEMS: Final = {item.value.encode(): item for item in StatusItem}


# status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
def status(cursor: Cursor) -> Status:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    return Status(name, status_items(cursor))


# "(" status-att *(SP status-att) ")"
def status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    """The items asked for, each once."""
    cursor.expect(b"(")
    return tuple(dict.fromkeys(cursor.items(_status_item, limit=MAX_OPTIONS, what="items of STATUS")))


# status-att = "MESSAGES" / "RECENT" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"
# status-att =/ "HIGHESTMODSEQ" / "APPENDLIMIT" / "DELETED-STORAGE" / "MAILBOXID"
def _status_item(cursor: Cursor) -> StatusItem:
    if (item := _STATUS_ITEMS.get(cursor.word(ATOM, "an item of STATUS"))) is None:
        raise BadCommand("Unknown item of STATUS")
    return item
