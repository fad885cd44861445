"""Binary parts put into base64, so that what is stored is what base IMAP can show (RFC 3516 4.4 and 6, RFC 2045 6).

Only what cannot go as text is encoded; every octet elsewhere stays, but the encodings that the headers name.
"""

from __future__ import annotations

import binascii
import enum
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from imap.message.header import Field, field_value, split_fields
from imap.message.mime import parse_content_type
from imap.message.scanner import MAX_HEADER, MAX_PARTS, TOO_DEEP, Content, Node, scan

_PIECE: Final = 256 * 1024
_LINE: Final = 57
"""Octets in one line of 76 characters."""
_COLUMNS: Final = 76
_BASE64_PIECE: Final = 4_000 * _LINE
_TOO_LONG: Final = re.compile(rb"^[^\r\n]{999}", re.MULTILINE)
"""Of a line 998 octets are allowed (RFC 2045 2.7)."""
_ENCODING: Final = b"content-transfer-encoding"
_COMPOSITE: Final = frozenset({b"multipart", b"message"})
"""Types whose parts may be encoded, but never they themselves (RFC 2045 6.4, RFC 2046 5.2)."""


class SignedPartError(ValueError):
    """A part under a signature would have to change (RFC 1847 2.1)."""


class UndividedPartError(ValueError):
    """A binary part is a multipart or a message that was not taken apart, or its header is too long."""


class _Domain(enum.IntEnum):
    """What octets are in truth (RFC 2045 2.7 to 2.9)."""

    SEVEN_BIT = 0
    EIGHT_BIT = 1
    BINARY = 2


_LABELS: Final = {_Domain.SEVEN_BIT: b"7bit", _Domain.EIGHT_BIT: b"8bit"}


class _Edit(NamedTuple):
    """A range that is replaced: by a text, or without one by its own octets in base64."""

    start: int
    stop: int
    text: bytes | None


def recode(content: Content) -> Iterator[bytes] | None:
    """The message in pieces, with its binary parts in base64; None when it can stay as it is.

    A part is encoded when its Content-Transfer-Encoding is ``binary`` and it holds NUL, a bare CR or LF, or a line of
    more than 998 octets. Multiparts and messages around it that are called ``binary`` become ``8bit`` or ``7bit`` if
    they are. Raises SignedPartError, UndividedPartError, both before the first piece.
    """
    root = scan(content)
    nodes = [root]
    for node in nodes:
        nodes.extend(node.children)
    if not any(map(_is_called_binary, nodes)):
        return None
    edits = _Recoder(content, len(nodes)).edits_of(root)
    return _pieces(content, edits) if edits else None


class _Recoder:
    def __init__(self, content: Content, parts: int) -> None:
        self._content = content
        self._parts = parts
        self._edits: list[_Edit] = []

    def edits_of(self, root: Node) -> list[_Edit]:
        """All changes, in the order of the octets."""
        self._visit(root)
        return sorted(self._edits)

    def _visit(self, node: Node) -> _Domain:
        """What the part's body is after its changes, which are noted."""
        return self._visit_composite(node) if node.children else self._visit_leaf(node)

    def _visit_leaf(self, node: Node) -> _Domain:
        domain = _domain(self._content, node.body_start, node.body_end)
        if not _is_called_binary(node):
            return domain
        if domain is not _Domain.BINARY:
            return _Domain.BINARY  # it keeps its name, and so do the parts around it
        self._encode(node)
        return _Domain.SEVEN_BIT

    def _visit_composite(self, node: Node) -> _Domain:
        edits = len(self._edits)
        domain = _Domain.SEVEN_BIT
        position = node.body_start
        for child in node.children:
            domain = max(domain, _domain(self._content, position, child.body_start), self._visit(child))
            position = child.body_end
        domain = max(domain, _domain(self._content, position, node.body_end))
        if not _is_called_binary(node):
            return domain
        if domain is _Domain.BINARY or len(self._edits) == edits:
            return _Domain.BINARY
        self._relabel(node, _fields(self._content, node), _LABELS[domain])
        return domain

    def _encode(self, node: Node) -> None:
        fields = _fields(self._content, node)
        if node.content_type is TOO_DEEP or _maintype(fields) in _COMPOSITE or self._parts >= MAX_PARTS:
            raise UndividedPartError
        parent = node.parent
        while parent is not None:
            if parent.is_multipart and parent.content_type.subtype.lower() == b"signed":
                raise SignedPartError
            parent = parent.parent
        self._relabel(node, fields, b"base64")
        self._edits.append(_Edit(node.body_start, node.body_end, None))

    def _relabel(self, node: Node, fields: list[Field], encoding: bytes) -> None:
        """Name another encoding, in each field of the name: readers differ in which one they take."""
        start = node.header_start
        for name, raw in fields:
            before, colon, _ = raw.partition(b":")
            if name == _ENCODING and colon:
                end = b"\r" if raw.endswith(b"\r") else b""
                self._edits.append(_Edit(start, start + len(raw), b"%b: %b%b" % (before, encoding, end)))
            start += len(raw) + 1


def _is_called_binary(node: Node) -> bool:
    return node.encoding.lower() == b"binary"


def _fields(content: Content, node: Node) -> list[Field]:
    """The part's own fields, all of them. Raises UndividedPartError."""
    if node.body_start - node.header_start > MAX_HEADER:
        raise UndividedPartError
    return split_fields(content[node.header_start : node.body_start])


def _maintype(fields: list[Field]) -> bytes:
    """The type that the header names, whatever the scanner made of the part."""
    value = next((field_value(raw) for name, raw in fields if name == b"content-type"), None)
    found = None if value is None else parse_content_type(value)
    return b"text" if found is None else found.maintype.lower()


def _domain(content: Content, start: int, stop: int) -> _Domain:
    """What these octets are; they begin with a line."""
    domain = _Domain.SEVEN_BIT
    while start < stop:
        piece = content[start : min(start + _PIECE, stop)]
        if start + len(piece) < stop:
            piece = piece[: piece.rfind(b"\n") + 1]
        ends = piece.count(b"\r\n")
        if not piece or b"\0" in piece or piece.count(b"\r") != ends or piece.count(b"\n") != ends:
            return _Domain.BINARY
        if _TOO_LONG.search(piece):
            return _Domain.BINARY
        if not piece.isascii():
            domain = _Domain.EIGHT_BIT
        start += len(piece)
    return domain


def _pieces(content: Content, edits: list[_Edit]) -> Iterator[bytes]:
    position = 0
    for start, stop, text in edits:
        yield from _copied(content, position, start)
        if text is None:
            yield from _base64(content, start, stop)
        else:
            yield text
        position = stop
    yield from _copied(content, position, len(content))


def _copied(content: Content, start: int, stop: int) -> Iterator[bytes]:
    for position in range(start, stop, _PIECE):
        yield content[position : min(position + _PIECE, stop)]


def _base64(content: Content, start: int, stop: int) -> Iterator[bytes]:
    """Each line with its end."""
    for position in range(start, stop, _BASE64_PIECE):
        encoded = binascii.b2a_base64(content[position : min(position + _BASE64_PIECE, stop)], newline=False)
        lines = [encoded[column : column + _COLUMNS] for column in range(0, len(encoded), _COLUMNS)]
        yield b"\r\n".join([*lines, b""])
