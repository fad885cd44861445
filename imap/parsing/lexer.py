"""The cursor that all command parsers share, and the lexical rules of RFC 9051 section 9.

Every rule stands as its ABNF above the method that reads it. A method that does not find what it must find raises
`BadCommand` saying what was expected and at which octet of the command, counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from imap.errors import BadCommand
from imap.parsing.literals import CommandInput, Literal

T = TypeVar("T")

MAX_NUMBER: Final = 0xFFFFFFFF
MAX_NUMBER64: Final = 0x7FFFFFFFFFFFFFFF
_MAX_DIGITS: Final = len(str(MAX_NUMBER64))

# atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
_ATOM_CHAR: Final = rb"!#$&'+,\-./0-9:;<=>?@A-Z\[\^_`a-z|}~"
ATOM: Final = re.compile(rb"[" + _ATOM_CHAR + rb"]+")
ASTRING_ATOM: Final = re.compile(rb"[" + _ATOM_CHAR + rb"\]]+")
LIST_ATOM: Final = re.compile(rb"[" + _ATOM_CHAR + rb"\]%*]+")
TAG: Final = re.compile(rb"[" + _ATOM_CHAR.replace(b"+", b"") + rb"\]]+")
DIGITS: Final = re.compile(rb"[0-9]+")
_QUOTED: Final = re.compile(rb'"([^"\\\x00\r\n]*(?:\\["\\][^"\\\x00\r\n]*)*)"')
_ESCAPE: Final = re.compile(rb'\\(["\\])')


class Cursor:
    """A place in one command, which is text with literals between.

    ``utf8`` says that the session enabled IMAP4rev2 or UTF8=ACCEPT: mailbox names are then UTF-8, not modified UTF-7.
    """

    __slots__ = ("_index", "_parts", "_passed", "pos", "text", "utf8")

    def __init__(self, command: CommandInput, *, utf8: bool) -> None:
        self._parts = command.parts
        self._index = 0
        self._passed = 0
        self.utf8 = utf8
        self._enter_text()

    def _enter_text(self) -> None:
        """Take the text that stands at the current part, if it is one."""
        self.text, self.pos = b"", 0
        if self._index < len(self._parts):
            part = self._parts[self._index]
            if isinstance(part, bytes):
                self.text = part
                self._index += 1

    def expected(self, what: str, text: str = "Expected {what} at octet {octet}", *, most: int = 0) -> BadCommand:
        """The error to raise here."""
        return BadCommand(text, what=what, octet=self._passed + self.pos + 1, most=most)

    def ahead(self) -> bytes:
        """The next octet of text, empty before a literal and at the end."""
        return self.text[self.pos : self.pos + 1]

    def rest(self, most: int) -> bytes | None:
        """What is left of the command when it is text of at most so many octets."""
        if len(self.text) - self.pos > most or self._index < len(self._parts):
            return None
        return self.text[self.pos :]

    def skip(self, octets: bytes) -> bool:
        """Step over exactly these octets when they are next."""
        if self.text.startswith(octets, self.pos):
            self.pos += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """Step over these octets, which must be next."""
        if not self.skip(octets):
            raise self.expected(octets.decode(), 'Expected "{what}" at octet {octet}')

    def space(self) -> None:
        """Step over the single space that must be here."""
        if not self.text.startswith(b" ", self.pos):
            raise self.expected("a space")
        self.pos += 1

    def match(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Step over what the pattern matches here; None when it does not."""
        if found := pattern.match(self.text, self.pos):
            self.pos = found.end()
            return found.group()
        return None

    def word(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """What the pattern matches here, in capitals; it must match."""
        if (found := self.match(pattern)) is None:
            raise self.expected(what)
        return found.upper()

    def end(self) -> None:
        """The command must end here."""
        if self.pos < len(self.text) or self._index < len(self._parts):
            raise self.expected("the end of the command")

    def at_literal(self) -> bool:
        """Whether a literal is next."""
        return self.pos == len(self.text) and self._index < len(self._parts)

    def literal(self) -> Literal:
        """The literal that must be here, content untouched, with the text after it entered."""
        if not self.at_literal():
            raise self.expected("a literal")
        part = self._parts[self._index]
        if not isinstance(part, Literal):
            raise self.expected("a literal")
        self._index += 1
        self._passed += len(self.text) + part.size
        self._enter_text()
        return part

    def items(self, item: Callable[[Cursor], T], *, limit: int, what: str) -> list[T]:
        """``item *(SP item) ")"``: the rest of a list whose parenthesis was read, at least one item."""
        found = [item(self)]
        while not self.skip(b")"):
            if len(found) == limit:
                raise BadCommand("More than {most} {what}", most=limit, what=what)
            self.space()
            found.append(item(self))
        return found

    # number = 1*DIGIT ; unsigned 32-bit
    def number(self, what: str = "a number") -> int:
        return self._integer(what, least=0, most=MAX_NUMBER)

    # nz-number = digit-nz *DIGIT ; unsigned 32-bit, not zero
    def nz_number(self, what: str = "a number above zero") -> int:
        return self._integer(what, least=1, most=MAX_NUMBER)

    # number64 = 1*DIGIT ; unsigned 63-bit
    # mod-sequence-valzer = "0" / mod-sequence-value
    def number64(self, what: str = "a number") -> int:
        return self._integer(what, least=0, most=MAX_NUMBER64)

    # nz-number64 = digit-nz *DIGIT ; unsigned 63-bit, not zero
    # mod-sequence-value = 1*DIGIT
    def nz_number64(self, what: str = "a number above zero") -> int:
        return self._integer(what, least=1, most=MAX_NUMBER64)

    def _integer(self, what: str, *, least: int, most: int) -> int:
        start = self.pos
        digits = self.match(DIGITS)
        if digits is None:
            raise self.expected(what)
        significant = digits.lstrip(b"0")
        value = int(significant or b"0") if len(significant) <= _MAX_DIGITS else most + 1
        if not least <= value <= most:
            self.pos = start
            raise self.expected(what, "Expected {what}, at most {most}, at octet {octet}", most=most)
        if least and digits.startswith(b"0"):
            self.pos = start
            raise self.expected(what, "Expected {what}, without a leading zero, at octet {octet}")
        return value

    # atom = 1*ATOM-CHAR
    def atom(self, what: str) -> str:
        if (found := self.match(ATOM)) is None:
            raise self.expected(what)
        return found.decode()

    # quoted = DQUOTE *QUOTED-CHAR DQUOTE
    # QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4
    def quoted(self, what: str) -> bytes:
        if (found := _QUOTED.match(self.text, self.pos)) is None:
            raise self.expected(what)
        self.pos = found.end()
        content = found.group(1)
        return _ESCAPE.sub(rb"\1", content) if b"\\" in content else content

    # string = quoted / literal
    def string(self, what: str) -> bytes:
        if not self.at_literal():
            return self.quoted(what)
        literal = self.literal()
        if literal.binary or not isinstance(literal.data, bytes):
            raise BadCommand("This literal cannot be {what}", what=what)
        if b"\0" in literal.data:
            raise BadCommand("NUL is allowed in a literal8 only")
        return literal.data

    # nstring = string / nil
    def nstring(self, what: str) -> bytes | None:
        if self.match(_NIL) is not None:
            return None
        return self.string(what)

    # astring = 1*ASTRING-CHAR / string
    def astring(self, what: str) -> bytes:
        if (found := self.match(ASTRING_ATOM)) is not None:
            return found
        return self.string(what)

    def text_astring(self, what: str) -> str:
        """An astring as text. UTF-8 is taken in any session: clients send it unannounced, and refuse to learn."""
        return self.decode(self.astring(what), what)

    def decode(self, value: bytes, what: str) -> str:
        """UTF-8 to text (RFC 6855 section 3: octets that are no UTF-8 are BAD)."""
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise BadCommand("Expected {what} in UTF-8", what=what) from error


_NIL: Final = re.compile(rb"NIL(?![" + _ATOM_CHAR + rb"\]])", re.IGNORECASE)
