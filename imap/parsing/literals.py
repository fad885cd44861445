"""Literals as the connection hands them to the parser, after it has read them (RFC 9051 section 4.3, RFC 7888)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO


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
