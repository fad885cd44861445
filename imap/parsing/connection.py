"""Commands about the connection: COMPRESS (RFC 4978), LANGUAGE (RFC 5255), UNAUTHENTICATE (RFC 8437)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_OPTIONS


@dataclass(frozen=True, slots=True)
class Compress(Command):
    """COMPRESS DEFLATE (RFC 4978 section 3); there is no other algorithm."""

    verb: ClassVar[str] = "COMPRESS"


@dataclass(frozen=True, slots=True)
class Unauthenticate(Command):
    """UNAUTHENTICATE (RFC 8437 section 3)."""

    verb: ClassVar[str] = "UNAUTHENTICATE"


@dataclass(frozen=True, slots=True)
class Language(Command):
    """LANGUAGE (RFC 5255 section 3.2): language ranges in the client's order; none asks for the list."""

    verb: ClassVar[str] = "LANGUAGE"
    ranges: tuple[str, ...]


# compress = "COMPRESS" SP algorithm
# algorithm = "DEFLATE"
def compress(cursor: Cursor) -> Compress:
    cursor.space()
    if cursor.atom("an algorithm").upper() != "DEFLATE":
        raise BadCommand("DEFLATE is the only algorithm")
    return Compress()


# language-cmd = "LANGUAGE" *(SP lang-range-quoted)
# lang-range-quoted = astring
def language(cursor: Cursor) -> Language:
    ranges: list[str] = []
    while cursor.ahead():
        cursor.space()
        ranges.append(cursor.text_astring("a language"))
        if len(ranges) > MAX_OPTIONS:
            raise BadCommand("More than {most} languages", most=MAX_OPTIONS)
    return Language(tuple(ranges))
