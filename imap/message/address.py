"""Address lists (RFC 5322 3.4, with its obsolete forms and RFC 6532's UTF-8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"([ \t\r\n]+)|\"([^\"\\]*+(?:\\.[^\"\\]*+)*+)\"?|(\[[^\]]*\]?)|([^ \t\r\n\"(),:;<>@\[\]]+)|(.)",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_AROUND_DOT = re.compile(rb" ?\. ?")
_COMMENT_STOP = re.compile(rb"[()\\]")
_ATOM = rb"[^ \t\r\n\"(),:;<>@\[\]\\]+"
_COMMON = re.compile(rb"(?:(?:(?:\"([^\"\\]+)\"|(%b(?: %b)*)) ?)?<(%b)@(%b)>|(%b)@(%b)) ?(?:, ?|$)" % ((_ATOM,) * 6))
"""One address as nearly all are written: ``"name" <a@b>``, ``name <a@b>``, ``a@b``, and the comma after it."""
_SEPARATORS = frozenset({b",", b":", b";"})

MAX_ADDRESSES = 20_000
"""Addresses of one message that are looked at; the fields are shown whole whatever their number."""
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


def parse_addresses(value: bytes, limit: int = MAX_ADDRESSES) -> list[Address]:
    """The addresses of a field's unfolded value, groups included; what cannot be read is kept as a name.

    About `limit` of them at most: the addresses that follow are left out.
    """
    addresses: list[Address] = []
    position = 0
    while len(addresses) < limit and (match := _COMMON.match(value, position)) is not None:
        quoted, plain, mailbox, host, bare_mailbox, bare_host = match.groups()
        addresses.append(Address(quoted or plain, None, mailbox or bare_mailbox, host or bare_host))
        position = match.end()
    if position < len(value):
        addresses += _Parser(value[position:], limit - len(addresses)).run()
    return addresses


class _Parser:
    """Takes one token after the other; a mailbox is complete at a comma, a semicolon or the end.

    `words` holds what was read since the last delimiter, with one space where there was space or a comment.
    """

    def __init__(self, value: bytes, limit: int) -> None:
        self.value = value
        self.limit = limit
        self.addresses: list[Address] = []
        self.in_group = False
        self._reset()

    def _reset(self, *, after_angle: bool = False) -> None:
        self.words: list[bytes] = []
        self.name: bytes | None = None
        self.route: bytes | None = None
        self.mailbox: bytes | None = None
        self.host: bytes | None = None
        self.comment: bytes | None = None
        self.quoted = False
        self.in_angle = False
        self.closed = False
        self.started = False
        self.after_angle = after_angle

    def run(self) -> list[Address]:
        take = {
            b"word": self._word,
            b"quoted": self._quoted,
            b"<": self._open_angle,
            b">": self._close_angle,
            b"@": self._at,
            b",": self._comma,
            b":": self._colon,
            b";": self._semicolon,
        }
        for kind, text in self._tokens():
            if kind == b"comment":
                self.comment = text
                self._space()
            elif kind == b" ":
                self._space()
            else:
                if kind not in _SEPARATORS:
                    if self.closed:
                        self._finish(after_angle=True)
                    self.started = True
                take.get(kind, self._word)(text)
            if len(self.addresses) >= self.limit:
                break
        self._finish()
        if self.in_group:
            self.addresses.append(GROUP_END)
        return self.addresses

    def _space(self) -> None:
        if self.words and self.words[-1] != b" ":
            self.words.append(b" ")

    def _word(self, text: bytes) -> None:
        self.words.append(text)

    def _quoted(self, text: bytes) -> None:
        if self.mailbox is None and not self.in_angle:
            self._space()
            self.words += (text, b" ")
        else:
            self.words.append(text)
        self.quoted = True

    def _open_angle(self, _: bytes) -> None:
        words = self._phrase()
        self.name = words if self.mailbox is None else self.mailbox + b"@" + words
        self.mailbox, self.words, self.quoted, self.in_angle = None, [], False, True

    def _close_angle(self, _: bytes) -> None:
        if self.in_angle:
            self._end_address()
            self.in_angle, self.closed = False, True

    def _at(self, _: bytes) -> None:
        if self.mailbox is not None or self.words[:1] == [b"@"]:
            self.words.append(b"@")
        elif self.words:
            self._take_mailbox()
        elif self.in_angle:
            self.words = [b"@"]

    def _take_mailbox(self) -> None:
        """What stands before the ``@``; of several bare words only the last can be meant, the others are a name."""
        mailbox = self._dotted()
        if not self.quoted:
            name, _, mailbox = mailbox.rpartition(b" ")
            self.name = self.name or name
        self.mailbox, self.words = mailbox, []

    def _comma(self, _: bytes) -> None:
        if self.in_angle and self.words[:1] == [b"@"]:
            self.words.append(b",")
        else:
            self._finish()

    def _colon(self, _: bytes) -> None:
        if self.in_angle:
            if self.words[:1] == [b"@"]:
                self.route, self.words = b"".join(self.words).replace(b" ", b""), []
        elif self.words and not self.in_group and self.mailbox is None and not self.closed:
            self.addresses.append(Address(None, None, self._phrase(), None))
            self.in_group = True
            self._reset()

    def _semicolon(self, _: bytes) -> None:
        if self.in_group:
            self._finish()
            self.addresses.append(GROUP_END)
            self.in_group = False

    def _end_address(self) -> None:
        if self.mailbox is None:
            self.mailbox = self._dotted() or None
        elif self.host is None:
            self.host = self._dotted() or None
        self.words = []

    def _finish(self, *, after_angle: bool = False) -> None:
        """Keep what was read since the last mailbox; words between ``>`` and a comma alone say nothing."""
        if self.started and not (self.after_angle and self.mailbox is None and not self.in_angle):
            if self.mailbox is None and not self.in_angle and not self.closed:
                phrase = self._phrase()
                if self.quoted or b" " in phrase:
                    self.name = phrase
                else:
                    self.mailbox = phrase
            elif not self.closed:
                self._end_address()
            self.addresses.append(
                Address(
                    self.name or self.comment or None,
                    self.route,
                    self.mailbox or MISSING_MAILBOX,
                    self.host or MISSING_DOMAIN,
                )
            )
        self._reset(after_angle=after_angle)

    def _phrase(self) -> bytes:
        """The words as a display name (RFC 5322 3.2.5)."""
        return b"".join(self.words).strip(b" ")

    def _dotted(self) -> bytes:
        """The words as a local part or a domain: no space around dots (RFC 5322 4.4)."""
        return _AROUND_DOT.sub(b".", self._phrase())

    def _tokens(self) -> Iterator[tuple[bytes, bytes]]:
        """Tokens with their kind; a comment is one token however deep it nests."""
        position, value = 0, self.value
        while (match := _TOKEN.match(value, position)) is not None:
            position = match.end()
            space, quoted, literal, atom, special = match.groups()
            if atom is not None:
                yield b"word", atom
            elif space is not None:
                yield b" ", b" "
            elif quoted is not None:
                yield b"quoted", _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
            elif special == b"(":
                end = comment_end(value, position)
                yield b"comment", _QUOTED_PAIR.sub(rb"\1", value[position : end - 1]).strip()
                position = end
            elif literal is not None:
                yield b"word", literal
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
