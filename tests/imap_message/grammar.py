"""A strict reader of ENVELOPE and BODY(STRUCTURE) as RFC 9051 section 9 writes them: every deviation raises."""

from __future__ import annotations

import re
from typing import TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"

_QUOTED = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(0|[1-9][0-9]*)\}\r\n")
_NUMBER = re.compile(rb"0|[1-9][0-9]*")


class GrammarError(ValueError):
    """The text is not what the grammar allows."""


class Reader:
    """Reads one value after the other from a response text."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.position = 0

    def expect(self, token: bytes) -> None:
        if not self.looking_at(token):
            raise GrammarError(
                f"{token!r} expected at {self.position}: {self.text[self.position : self.position + 60]!r}"
            )
        self.position += len(token)

    def looking_at(self, token: bytes) -> bool:
        return self.text.startswith(token, self.position)

    def accept(self, token: bytes) -> bool:
        found = self.looking_at(token)
        if found:
            self.position += len(token)
        return found

    def end(self) -> None:
        if self.position != len(self.text):
            raise GrammarError(f"more text at {self.position}: {self.text[self.position : self.position + 60]!r}")

    def number(self) -> int:
        match = _NUMBER.match(self.text, self.position)
        if match is None or int(match[0]) > 2**63 - 1:
            raise GrammarError(f"number expected at {self.position}")
        self.position = match.end()
        return int(match[0])

    def string(self) -> bytes:
        quoted = _QUOTED.match(self.text, self.position)
        if quoted is not None:
            self.position = quoted.end()
            return re.sub(rb'\\(["\\])', rb"\1", quoted[1])
        literal = _LITERAL.match(self.text, self.position)
        if literal is None:
            raise GrammarError(f"string expected at {self.position}: {self.text[self.position : self.position + 60]!r}")
        self.position = literal.end() + int(literal[1])
        octets = self.text[literal.end() : self.position]
        if len(octets) != int(literal[1]) or b"\0" in octets:
            raise GrammarError(f"literal cut short or with NUL at {literal.start()}")
        return octets

    def literal8(self) -> bytes:
        """``"~{" number "}" CRLF *OCTET``."""
        literal = _LITERAL.match(self.text, self.position + 1)
        if literal is None:
            raise GrammarError(f"literal8 expected at {self.position}")
        self.position = literal.end() + int(literal[1])
        return self.text[literal.end() : self.position]

    def nstring(self) -> bytes | None:
        return None if self.accept(b"NIL") else self.string()


def envelope(reader: Reader) -> Value:
    """``envelope = "(" env-date SP env-subject SP env-from … env-message-id ")"``."""
    reader.expect(b"(")
    fields: list[Value] = [reader.nstring()]
    reader.expect(b" ")
    fields.append(reader.nstring())
    for _ in range(6):
        reader.expect(b" ")
        fields.append(_addresses(reader))
    for _ in range(2):
        reader.expect(b" ")
        fields.append(reader.nstring())
    reader.expect(b")")
    return fields


def _addresses(reader: Reader) -> Value:
    if reader.accept(b"NIL"):
        return None
    reader.expect(b"(")
    addresses: list[Value] = []
    groups = 0
    while not reader.accept(b")"):
        reader.expect(b"(")
        address: list[Value] = [reader.nstring()]
        for _ in range(3):
            reader.expect(b" ")
            address.append(reader.nstring())
        reader.expect(b")")
        if address[3] is None:
            if address[0] is not None or address[1] is not None:
                raise GrammarError("a group marker with a name or a route")
            groups += 1 if address[2] is not None else -1
            if groups not in {0, 1}:
                raise GrammarError("groups that do not pair")
        elif not address[2] and address[2] is not None:
            raise GrammarError("an empty mailbox")
        addresses.append(address)
    if not addresses or groups:
        raise GrammarError("an empty address list, or an open group")
    return addresses


def body(reader: Reader, *, extension: bool) -> Value:
    """``body = "(" (body-type-1part / body-type-mpart) ")"``, with or without extension data."""
    reader.expect(b"(")
    fields = _multipart(reader, extension=extension) if reader.looking_at(b"(") else _leaf(reader, extension=extension)
    reader.expect(b")")
    return fields


def _multipart(reader: Reader, *, extension: bool) -> list[Value]:
    parts: list[Value] = []
    while reader.looking_at(b"("):
        parts.append(body(reader, extension=extension))
    reader.expect(b" ")
    fields: list[Value] = [parts, reader.string()]
    if extension:
        reader.expect(b" ")
        fields.append(_parameters(reader))
        fields.extend(_extension(reader))
    return fields


def _leaf(reader: Reader, *, extension: bool) -> list[Value]:
    fields: list[Value] = [reader.string()]
    reader.expect(b" ")
    fields.append(reader.string())
    reader.expect(b" ")
    fields.append(_parameters(reader))
    for _ in range(2):
        reader.expect(b" ")
        fields.append(reader.nstring())
    reader.expect(b" ")
    fields.append(reader.string())
    reader.expect(b" ")
    fields.append(reader.number())
    kind, subtype = (value.lower() for value in fields[:2] if isinstance(value, bytes))
    if kind == b"message" and subtype in {b"rfc822", b"global"} and reader.looking_at(b" ("):
        reader.expect(b" ")
        fields.append(envelope(reader))
        reader.expect(b" ")
        fields.append(body(reader, extension=extension))
        reader.expect(b" ")
        fields.append(reader.number())
    elif kind == b"text":
        reader.expect(b" ")
        fields.append(reader.number())
    if extension:
        reader.expect(b" ")
        fields.append(reader.nstring())
        fields.extend(_extension(reader))
    return fields


def _extension(reader: Reader) -> list[Value]:
    """Disposition, language, location, each after a space."""
    reader.expect(b" ")
    disposition: Value = None
    if not reader.accept(b"NIL"):
        reader.expect(b"(")
        disposition = [reader.string()]
        reader.expect(b" ")
        disposition.append(_parameters(reader))
        reader.expect(b")")
    reader.expect(b" ")
    language: Value = None
    if reader.accept(b"("):
        language = [reader.string()]
        while reader.accept(b" "):
            language.append(reader.string())
        reader.expect(b")")
    else:
        language = reader.nstring()
    reader.expect(b" ")
    return [disposition, language, reader.nstring()]


def _parameters(reader: Reader) -> Value:
    if reader.accept(b"NIL"):
        return None
    reader.expect(b"(")
    parameters: list[Value] = []
    while True:
        parameters.append(reader.string())
        reader.expect(b" ")
        parameters.append(reader.string())
        if reader.accept(b")"):
            return parameters
        reader.expect(b" ")


def read_envelope(text: bytes) -> Value:
    """A whole ENVELOPE text as nested lists."""
    reader = Reader(text)
    value = envelope(reader)
    reader.end()
    return value


def read_body(text: bytes, *, extension: bool) -> Value:
    """A whole BODY or BODYSTRUCTURE text as nested lists."""
    reader = Reader(text)
    value = body(reader, extension=extension)
    reader.end()
    return value
