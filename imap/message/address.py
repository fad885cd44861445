"""Address lists (RFC 5322 3.4, with its obsolete forms and RFC 6532's UTF-8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"([ \t\r\n]+)|\"((?:[^\"\\]|\\.)*)\"?|(\[[^\]]*\]?)|([^ \t\r\n\"(),:;<>@\[\]]+)|(.)",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_STOP = re.compile(rb"[()\\]")
_SIMPLE = re.compile(
    rb"(?:(?:\"([^\"\\]+)\"|([^\s\"(),:;<>@\[\]\\]+(?: [^\s\"(),:;<>@\[\]\\]+)*)) ?)?"
    rb"<([^\s\"(),:;<>@\[\]\\]+)@([^\s\"(),:;<>@\[\]\\]+)>"
)

MISSING_DOMAIN = b"MISSING_DOMAIN"
"""Host of an address that has none: NIL would make it a group (RFC 9051 7.5.2)."""
MISSING_MAILBOX = b"MISSING_MAILBOX"


class Address(NamedTuple):
    """One ENVELOPE address; a group begins with only its mailbox set and ends with nothing set."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Address(None, None, None, None)


def parse_addresses(value: bytes) -> list[Address]:
    """The addresses of a field's unfolded value, groups included; what cannot be read is kept as a name."""
    match = _SIMPLE.fullmatch(value)
    if match is not None:
        quoted, plain, mailbox, host = match.groups()
        return [Address(quoted or plain, None, mailbox, host)]
    return _Parser(value).run()


class _Parser:
    """Takes one token after the other; a mailbox is complete at a comma, a semicolon or the end."""

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.addresses: list[Address] = []
        self.in_group = False
        self._reset()

    def _reset(self) -> None:
        self.words: list[bytes] = []
        self.name: bytes | None = None
        self.route: bytes | None = None
        self.mailbox: bytes | None = None
        self.host: bytes | None = None
        self.comment: bytes | None = None
        self.in_angle = False
        self.seen = False

    def run(self) -> list[Address]:
        for kind, text in self._tokens():
            if kind == b",":
                self._finish()
            elif kind == b":" and not self.in_angle and not self.in_group and self.host is None:
                self.addresses.append(Address(None, None, self._phrase(), None))
                self.in_group = True
                self._reset()
            elif kind == b";" and self.in_group:
                self._finish()
                self.addresses.append(GROUP_END)
                self.in_group = False
            else:
                self._take(kind, text)
        self._finish()
        if self.in_group:
            self.addresses.append(GROUP_END)
        return self.addresses

    def _take(self, kind: bytes, text: bytes) -> None:
        if kind == b"comment":
            self.comment = text
            return
        if kind == b" ":
            if self.words:
                self.words.append(b" ")
            return
        self.seen = True
        if kind == b"<":
            self.name, self.words, self.in_angle = self._phrase() or None, [], True
        elif kind == b">":
            self._end_address()
            self.in_angle = False
        elif kind == b"@":
            if self.mailbox is None and self.words:
                self.mailbox = self._joined()
            self.words = [b"@"] if self.mailbox is None else []
        elif kind == b":" and self.in_angle and self.words[:1] == [b"@"]:
            self.route, self.words = self._joined(), []
        elif kind == b"quoted" and self.mailbox is None:
            if self.words and self.words[-1] != b" ":
                self.words.append(b" ")
            self.words += (text, b" ")
        else:
            self.words.append(text)

    def _end_address(self) -> None:
        if self.mailbox is None:
            self.mailbox = self._joined() or None
        elif self.host is None:
            self.host = self._joined() or None
        self.words = []

    def _finish(self) -> None:
        if self.seen:
            if self.mailbox is not None or self.in_angle:
                self._end_address()
            name = self.name or self.comment
            if self.mailbox is None and self.name is None and self.words:
                name = self._phrase()
            self.addresses.append(
                Address(name, self.route, self.mailbox or MISSING_MAILBOX, self.host or MISSING_DOMAIN)
            )
        self._reset()

    def _phrase(self) -> bytes:
        """The words as a display name: one space between them (RFC 5322 3.2.5)."""
        return b"".join(self.words).strip(b" ")

    def _joined(self) -> bytes:
        """The words as a local part or a domain: no space (RFC 5322 4.4)."""
        return b"".join(self.words).replace(b" ", b"")

    def _tokens(self) -> Iterator[tuple[bytes, bytes]]:
        """Tokens with their kind; a comment is one token however deep it nests."""
        position, value = 0, self.value
        while (match := _TOKEN.match(value, position)) is not None:
            position = match.end()
            space, quoted, literal, atom, special = match.groups()
            if atom is not None:
                yield b"atom", atom
            elif space is not None:
                yield b" ", b" "
            elif quoted is not None:
                yield b"quoted", _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
            elif special == b"(":
                end = comment_end(value, position)
                yield b"comment", _QUOTED_PAIR.sub(rb"\1", value[position : end - 1]).strip()
                position = end
            elif literal is not None:
                yield b"atom", literal
            else:
                yield special, special


def comment_end(value: bytes, position: int) -> int:
    """The position after the comment whose opening parenthesis stands before `position`."""
    depth = 1
    while (match := _COMMENT_STOP.search(value, position)) is not None:
        position = match.end()
        if match[0] == b"\\":
            position += 1
        else:
            depth += 1 if match[0] == b"(" else -1
            if depth == 0:
                return position
    return len(value) + 1
