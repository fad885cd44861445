"""METADATA commands and the names of their entries (RFC 5464)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_ENTRIES, MAX_ENTRY_NAME, MAX_OPTIONS
from imap.parsing.values import mailbox

UNBOUNDED: Final = -1
"""``DEPTH infinity``."""
# RFC 5464 section 3.2: no "*", "%", non-ASCII, nor controls; no "//", no "/" at the end
_ENTRY: Final = re.compile(rb"/(?:private|shared)(?:/[^\x00-\x1f%*/\x7f-\xff]+)*", re.IGNORECASE)
_VENDOR: Final = "vendor"
_LEAST_COMPONENTS: Final = 2
_LEAST_VENDOR_COMPONENTS: Final = 4
_DEPTHS: Final = {b"0": 0, b"1": 1, b"INFINITY": UNBOUNDED}
_WORD: Final = re.compile(rb"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class GetMetadata(Command):
    """GETMETADATA (RFC 5464 4.2) of a mailbox, or of the server when ``name`` is empty."""

    verb: ClassVar[str] = "GETMETADATA"
    name: str
    entries: tuple[str, ...]
    """As they were written."""
    depth: int = 0
    """Levels below each entry: 0, 1 or `UNBOUNDED`."""
    maxsize: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata(Command):
    """SETMETADATA (RFC 5464 4.3) on a mailbox, or on the server when ``name`` is empty."""

    verb: ClassVar[str] = "SETMETADATA"
    name: str
    values: tuple[tuple[str, bytes | None], ...] = field(repr=False)
    """Entries in lower case, each once, with None for NIL."""


# getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
def get_metadata(cursor: Cursor) -> GetMetadata:
    """The options are taken on either side of the mailbox: the ABNF has them before, all examples behind."""
    cursor.space()
    options = _options(cursor)
    name = mailbox(cursor)
    cursor.space()
    if not options and cursor.text[cursor.pos + 1 : cursor.pos + 2].isalpha():
        options = _options(cursor)
    return GetMetadata(name, entries(cursor), options.get(b"DEPTH", 0), options.get(b"MAXSIZE"))


# getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
def _options(cursor: Cursor) -> dict[bytes, int]:
    """The options and the space after them, when they are next."""
    if not cursor.skip(b"("):
        return {}
    found = cursor.items(_option, limit=MAX_OPTIONS, what="options")
    cursor.space()
    options = dict(found)
    if len(options) < len(found):
        raise BadCommand("An option of GETMETADATA stands there twice")
    return options


# maxsize-opt = "MAXSIZE" SP number
# scope-opt = "DEPTH" SP ("0" / "1" / "infinity")
def _option(cursor: Cursor) -> tuple[bytes, int]:
    name = cursor.word(ATOM, "MAXSIZE or DEPTH")
    cursor.space()
    if name == b"MAXSIZE":
        return name, cursor.number("a size")
    if name != b"DEPTH":
        raise BadCommand("Unknown option of GETMETADATA")
    if (depth := _DEPTHS.get(cursor.word(_WORD, "0, 1 or infinity"))) is None:
        raise BadCommand("DEPTH is 0, 1 or infinity")
    return name, depth


# entries = entry / "(" entry *(SP entry) ")"
def entries(cursor: Cursor) -> tuple[str, ...]:
    """Entries to look up."""
    if cursor.skip(b"("):
        return tuple(cursor.items(entry, limit=MAX_ENTRIES, what="entries"))
    return (entry(cursor),)


# entry = astring ; slash-separated path to entry, MUST NOT contain "*" or "%"
def entry(cursor: Cursor) -> str:
    """A name as it was written; ``/private`` and ``/shared`` alone stand for what is below them."""
    name = cursor.astring("the name of an entry")
    if len(name) > MAX_ENTRY_NAME:
        raise BadCommand("The name of an entry has {most} octets at most", most=MAX_ENTRY_NAME)
    if not _ENTRY.fullmatch(name):
        raise cursor.expected("an entry such as /private/comment")
    return name.decode()


# setmetadata = "SETMETADATA" SP mailbox SP entry-values
# entry-values = "(" entry-value *(SP entry-value) ")"
def set_metadata(cursor: Cursor) -> SetMetadata:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    cursor.expect(b"(")
    values = cursor.items(_entry_value, limit=MAX_ENTRIES, what="entries")
    if len({name for name, _ in values}) < len(values):
        raise BadCommand("An entry stands there twice")
    return SetMetadata(name, tuple(values))


# entry-value = entry SP value
def _entry_value(cursor: Cursor) -> tuple[str, bytes | None]:
    name = entry(cursor).lower()
    components = name.split("/")[1:]
    least = _LEAST_VENDOR_COMPONENTS if components[1:2] == [_VENDOR] else _LEAST_COMPONENTS
    if len(components) < least:
        raise BadCommand("This entry has {least} components at least", least=least)
    cursor.space()
    return name, _value(cursor)


# value = nstring / literal8
def _value(cursor: Cursor) -> bytes | None:
    if not cursor.at_literal():
        return cursor.nstring("a value")
    literal = cursor.literal()
    if not isinstance(literal.data, bytes):
        raise BadCommand("This literal cannot be a value")
    if b"\0" in literal.data and not literal.binary:
        raise BadCommand("NUL is allowed in a literal8 only")
    return literal.data
