"""APPEND and REPLACE (RFC 9051 section 6.3.12, RFC 3502, RFC 4469, RFC 6855 section 4, RFC 8508 section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_APPEND_MESSAGES, MAX_CATENATE_PARTS
from imap.parsing.literals import Literal
from imap.parsing.sequence import SequenceSet
from imap.parsing.values import FlagList, date_time, flag_list, given_mailbox, mailbox, sequence_number


@dataclass(frozen=True, slots=True)
class Url:
    """A piece of a message that is on the server already (RFC 4469 section 3); for `imap.parsing.url.parse_url`."""

    url: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppendItem:
    """One message of APPEND or REPLACE; the date is in seconds since the epoch."""

    flags: FlagList
    date: int | None
    parts: tuple[Literal | Url, ...]
    """A single literal, or what CATENATE puts together (RFC 4469 section 5)."""
    utf8: bool = False
    """True when a part came as ``UTF8 (~{n}`` (RFC 6855 section 4)."""


@dataclass(frozen=True, slots=True)
class Append(Command):
    """APPEND (RFC 9051 6.3.12), of several messages with RFC 3502."""

    verb: ClassVar[str] = "APPEND"
    name: str
    messages: tuple[AppendItem, ...]
    given: str | None = field(default=None, compare=False)
    """The name as it was written, where it is another form of `name`."""


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """REPLACE and UID REPLACE (RFC 8508 section 3); the set holds one message."""

    verb: ClassVar[str] = "REPLACE"
    uid: bool
    message: SequenceSet
    name: str
    item: AppendItem


# append = "APPEND" SP mailbox 1*append-message
def append(cursor: Cursor) -> Append:
    cursor.space()
    name, given = given_mailbox(cursor)
    messages = [_message(cursor)]
    while cursor.ahead():
        if len(messages) == MAX_APPEND_MESSAGES:
            raise BadCommand("More than {most} messages in one APPEND", most=MAX_APPEND_MESSAGES)
        messages.append(_message(cursor))
    return Append(name, tuple(messages), given)


# replace = "REPLACE" SP seq-number SP mailbox append-message
def replace(cursor: Cursor, *, uid: bool) -> Replace:
    cursor.space()
    number = sequence_number(cursor)
    cursor.space()
    return Replace(uid, SequenceSet(((number, number),)), mailbox(cursor), _message(cursor))


# append-message = [SP flag-list] [SP date-time] SP append-data
# append-data = literal / literal8 / utf8-literal / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
def _message(cursor: Cursor) -> AppendItem:
    flags, date = FlagList(), None
    cursor.space()
    if cursor.ahead() == b"(":
        flags = flag_list(cursor)
        cursor.space()
    if cursor.ahead() == b'"':
        date = date_time(cursor)
        cursor.space()
    if cursor.at_literal():
        return AppendItem(flags, date, (cursor.literal(),))
    start = cursor.pos
    match cursor.word(ATOM, "a literal"):
        case b"UTF8":
            return AppendItem(flags, date, (_utf8_literal(cursor),), utf8=True)
        case b"CATENATE":
            cursor.space()
            cursor.expect(b"(")
            parts = cursor.items(_part, limit=MAX_CATENATE_PARTS, what="parts of a message")
            return AppendItem(flags, date, tuple(part for part, _ in parts), utf8=any(utf8 for _, utf8 in parts))
        case _:
            cursor.pos = start
            raise cursor.expected("a literal")


# utf8-literal = "UTF8" SP "(" literal8 ")"
def _utf8_literal(cursor: Cursor) -> Literal:
    cursor.space()
    cursor.expect(b"(")
    literal = cursor.literal()
    if not literal.binary:
        raise BadCommand("UTF8 takes a literal8")
    cursor.expect(b")")
    return literal


# cat-part = text-literal / url / utf8-literal
# text-literal = "TEXT" SP literal
# url = "URL" SP astring
def _part(cursor: Cursor) -> tuple[Literal | Url, bool]:
    """A part, and whether it is a UTF8 one."""
    match cursor.word(ATOM, "TEXT or URL"):
        case b"TEXT":
            cursor.space()
            return cursor.literal(), False
        case b"URL":
            cursor.space()
            return Url(cursor.astring("a URL")), False
        case b"UTF8":
            return _utf8_literal(cursor), True
        case _:
            raise BadCommand("CATENATE takes TEXT and URL")
