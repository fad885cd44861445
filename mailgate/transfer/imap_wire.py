"""A server's side of the IMAP wire, as a client reads it: responses, their literals, their values (RFC 9051 section 9).

A literal goes to a spool as its octets arrive; what a server may make us keep is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

from mailgate.transfer.spool import Spool, close

MAX_TEXT: Final = 16 * 1024 * 1024
"""Octets of one response beside its literals: the UIDs of a very large mailbox in one line."""
_MAX_DEPTH: Final = 20
_LITERAL: Final = re.compile(rb"~?\{([0-9]{1,18})\+?\}\Z")
_STATUS: Final = re.compile(rb"\S+ (?:OK|NO|BAD|BYE|PREAUTH)\b", re.I)
_TOKEN: Final = re.compile(rb'[ \t]*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^ \t()"]+))', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


class WireError(Exception):
    """The server sent what no IMAP server may send, or more than it was asked for."""


@dataclass(frozen=True, slots=True)
class Oversize:
    """A literal that was larger than allowed: its octets are gone."""

    size: int


Literal: TypeAlias = bytes | IO[bytes] | Oversize
Response: TypeAlias = Sequence[bytes | Literal]
"""Text and literals in turn, beginning and ending with text."""
Value: TypeAlias = bytes | IO[bytes] | Oversize | list["Value"] | None


class Framer:
    """Cuts the octets that arrive into responses."""

    def __init__(self, literal_limit: int) -> None:
        self._literal_limit = literal_limit
        self._text = bytearray()
        self._texts = 0
        self._parts: list[bytes | Literal] = []
        self._spool: Spool | None = None
        self._missing = 0
        self.octets = 0
        """Octets that came, for who wants to bound them."""

    @property
    def idle(self) -> bool:
        """Whether nothing of a response is waiting for its rest."""
        return not (self._parts or self._text or self._missing)

    def feed(self, data: bytes) -> Iterator[Response]:
        """Take octets; give the responses that they complete. Raises WireError, OSError when a spool cannot grow."""
        self.octets += len(data)
        position = 0
        while position < len(data):
            if self._missing:
                position += self._literal_octets(data[position : position + self._missing])
                continue
            end = data.find(b"\n", position) + 1
            self._text += data[position : end or len(data)]
            if self._texts + len(self._text) > MAX_TEXT:
                raise WireError("the server sent a line without an end")
            if not end:
                return
            position = end
            if self._line():
                parts, self._parts, self._texts = self._parts, [], 0
                yield parts

    def close(self) -> None:
        """Let go of what is waiting for its rest."""
        if self._spool is not None:
            self._spool.close()
        discard(self._parts)
        self._parts = []

    def _literal_octets(self, octets: bytes) -> int:
        self._missing -= len(octets)
        if self._spool is not None:
            self._spool.write(octets)
            if not self._missing:
                self._parts.append(self._spool.content())
                self._spool = None
        return len(octets)

    def _line(self) -> bool:
        """Take a line; say whether it ends the response."""
        text = bytes(self._text).rstrip(b"\r\n")
        self._text.clear()
        self._texts += len(text)
        found = None if not self._parts and _STATUS.match(text) else _LITERAL.search(text)
        if found is None:
            self._parts.append(text)
            return True
        self._parts.append(text[: found.start()])
        size = int(found[1])
        self._missing = size
        if size > self._literal_limit:
            self._parts.append(Oversize(size))
        elif size:
            self._spool = Spool()
        else:
            self._parts.append(b"")
        return False


def discard(response: Response) -> None:
    """Let go of the literals of a response that nobody wants."""
    for part in response:
        if not isinstance(part, Oversize):
            close(part)


def values(response: Response, start: int = 0) -> list[Value]:
    """The values of a response from octet `start` of its text on: NIL is None, a list a list. Raises WireError."""
    stack: list[list[Value]] = [[]]
    for number, part in enumerate(response):
        if number % 2:
            stack[-1].append(part)
            continue
        if not isinstance(part, bytes):
            raise WireError("the server's answer cannot be read")
        _tokens(part, start if number == 0 else 0, stack)
    if len(stack) != 1:
        raise WireError("the server's answer has a parenthesis too few")
    return stack[0]


def _tokens(text: bytes, position: int, stack: list[list[Value]]) -> None:
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise WireError("the server's answer cannot be read")
        position = found.end()
        opening, closing, quoted, atom = found.groups()
        if opening:
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif closing:
            stack.pop()
        elif quoted is not None:
            stack[-1].append(_ESCAPED.sub(rb"\1", quoted))
        else:
            stack[-1].append(None if atom.upper() == b"NIL" else atom)
        if not 0 < len(stack) <= _MAX_DEPTH:
            raise WireError("the server's answer has parentheses that do not match")
