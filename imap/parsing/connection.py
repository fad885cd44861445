"""Commands about the connection: COMPRESS (RFC 4978), UNAUTHENTICATE (RFC 8437)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import Cursor


@dataclass(frozen=True, slots=True)
class Compress(Command):
    """COMPRESS DEFLATE (RFC 4978 section 3); there is no other algorithm."""

    verb: ClassVar[str] = "COMPRESS"


@dataclass(frozen=True, slots=True)
class Unauthenticate(Command):
    """UNAUTHENTICATE (RFC 8437 section 3)."""

    verb: ClassVar[str] = "UNAUTHENTICATE"


# compress = "COMPRESS" SP algorithm
# algorithm = "DEFLATE"
def compress(cursor: Cursor) -> Compress:
    cursor.space()
    if cursor.atom("an algorithm").upper() != "DEFLATE":
        raise BadCommand("DEFLATE is the only algorithm")
    return Compress()
