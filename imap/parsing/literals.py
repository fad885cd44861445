"""What the connection and the parser exchange: commands in pieces, and literals (RFC 9051 section 4.3, RFC 7888).

The connection asks `announced_literal` after each line and `peek_command` once, and hands over a `CommandInput`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

_ANNOUNCEMENT: Final = re.compile(rb"(~?)\{([0-9]+)(\+?)\}\Z")
# tag = 1*<any ASTRING-CHAR except "+">
_TAG: Final = re.compile(rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]+) ")
_VERB: Final = re.compile(rb"(?:UID )?[A-Z]+(?= |\Z)", re.IGNORECASE)
_MOST: Final = 0x7FFFFFFFFFFFFFFF
_SURE_DIGITS: Final = 18
"""A number of so many digits is below `_MOST`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal that was read: small ones as bytes, APPEND's messages as a file the parser never looks into."""

    size: int
    data: bytes | IO[bytes] = field(repr=False)
    binary: bool = False
    """True for ``~{n}``, literal8 of RFC 3516."""


@dataclass(frozen=True, slots=True)
class LiteralAnnouncement:
    """``{n}``, ``{n+}`` or ``~{n}`` at the end of a line."""

    size: int
    synchronizing: bool
    """False for ``{n+}``: the literal comes whether or not it is wanted."""
    binary: bool
    start: int
    """Where the announcement begins in the line: the text part of `CommandInput` ends here."""


@dataclass(frozen=True, slots=True)
class CommandInput:
    """One complete command: text and literals in turn.

    A text keeps neither its CRLF nor the ``{n}`` that announced the literal after it.
    """

    parts: Sequence[bytes | Literal] = field(repr=False)


class Peeked(NamedTuple):
    """The beginning of a command; None where it is malformed."""

    tag: str | None
    verb: str | None
    """In capitals, ``UID FETCH`` in one; not checked to be a command that exists."""


def peek_tag(line: bytes) -> str | None:
    """The tag alone."""
    tag = _TAG.match(line)
    return None if tag is None else tag.group(1).decode()


def peek_command(line: bytes) -> Peeked:
    """Tag and name of the command that a first line, whole or cut, begins; never raises."""
    if (tag := _TAG.match(line)) is None:
        return Peeked(None, None)
    verb = _VERB.match(line, tag.end())
    return Peeked(tag.group(1).decode(), verb.group().decode().upper() if verb else None)


def announced_literal(line: bytes) -> LiteralAnnouncement | None:
    """The literal that a line (without its CRLF) announces at its end (RFC 7888, RFC 3516 for ``~{n}``).

    A size of more than 18 digits is given as the greatest 63-bit number: nobody reads so much.
    """
    if not line.endswith(b"}") or (found := _ANNOUNCEMENT.search(line)) is None:
        return None
    binary, digits, plus = found.groups()
    digits = digits.lstrip(b"0") or b"0"
    size = int(digits) if len(digits) <= _SURE_DIGITS else _MOST
    return LiteralAnnouncement(size, synchronizing=not plus, binary=bool(binary), start=found.start())
