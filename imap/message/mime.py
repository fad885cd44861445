"""Structured MIME fields: Content-Type, Content-Disposition, Content-Language (RFC 2045 5.1, RFC 2183, RFC 3282)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from imap.message.address import comment_end

Parameters = tuple[tuple[bytes, bytes], ...]

_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
_TYPE = re.compile(rb"\s*(%b)\s*/\s*(%b)" % (_TOKEN, _TOKEN))
_LEADING_TOKEN = re.compile(rb"\s*(%b)" % _TOKEN)
_LANGUAGE = re.compile(_TOKEN)
_PARAMETER = re.compile(rb";\s*(%b)\s*=\s*(?:\"([^\"\\]*+(?:\\.[^\"\\]*+)*+)\"?|([^\x00-\x20;]*))" % _TOKEN, re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_QUOTED_OR_COMMENT = re.compile(rb"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+|\(", re.DOTALL)
_PIECE = re.compile(rb"([^*]+)\*(0|[1-9][0-9]?)(\*?)")
_ATTRIBUTE_CHAR = re.compile(rb"[^A-Za-z0-9!#$&+.^_`{|}~-]")


class ContentType(NamedTuple):
    """A media type and its parameters in order, all in the case they were written."""

    maintype: bytes
    subtype: bytes
    parameters: Parameters = ()


DEFAULT_TYPE = ContentType(b"text", b"plain", ())
"""What a part without a (readable) Content-Type is (RFC 2045 5.2)."""


def parse_content_type(value: bytes) -> ContentType | None:
    """A Content-Type value; None when it has no ``type/subtype``."""
    value = strip_comments(value)
    match = _TYPE.match(value)
    if match is None:
        return None
    return ContentType(match[1], match[2], parse_parameters(value, match.end()))


def parse_parameters(value: bytes, start: int = 0) -> Parameters:
    """All ``; name=value`` from `start`; pieces of a value are joined, not decoded (RFC 2231 3, RFC 9051 7.5.2)."""
    parameters = tuple((name, _unquote(quoted, plain)) for name, quoted, plain in _PARAMETER.findall(value, start))
    return _join_pieces(parameters) if b"*" in value else parameters


def _join_pieces(parameters: Parameters) -> Parameters:
    """Put ``name*0, name*1…`` together as ``name``, or as ``name*`` when a piece is percent-encoded.

    Pieces that do not count from 0 without a gap stay as they are.
    """
    pieces: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    for name, value in parameters:
        if match := _PIECE.fullmatch(name):
            pieces.setdefault(match[1].lower(), {})[int(match[2])] = (value, bool(match[3]))
    joined: list[tuple[bytes, bytes]] = []
    for name, value in parameters:
        match = _PIECE.fullmatch(name)
        found = pieces.get(match[1].lower()) if match else None
        if match is None or found is None or max(found) != len(found) - 1:
            joined.append((name, value))
        elif match[2] == b"0":
            ordered = [found[number] for number in range(len(found))]
            if any(encoded for _, encoded in ordered):
                joined.append((match[1] + b"*", b"".join(text if done else _escape(text) for text, done in ordered)))
            else:
                joined.append((match[1], b"".join(text for text, _ in ordered)))
    return tuple(joined)


def _escape(text: bytes) -> bytes:
    return _ATTRIBUTE_CHAR.sub(lambda match: b"%%%02X" % match[0][0], text)


def strip_comments(value: bytes) -> bytes:
    """The value without ``(comments)`` outside quoted strings."""
    if b"(" not in value:
        return value
    kept = []
    position = start = 0
    while (match := _QUOTED_OR_COMMENT.search(value, position)) is not None:
        position = match.end()
        if match[0] == b"(":
            kept.append(value[start : match.start()])
            position = start = comment_end(value, position)
        elif value[position : position + 1] == b'"':
            position += 1
    kept.append(value[start:])
    return b" ".join(kept)


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """The first parameter of this lower-case name; its percent-encoded form is decoded to octets (RFC 2231 4)."""
    for key, value in parameters:
        if key.lower() == name:
            return value
        if key[-1:] == b"*" and key[:-1].lower() == name:
            return unquote_to_bytes(value.rpartition(b"'")[2])
    return None


def _unquote(quoted: bytes, plain: bytes) -> bytes:
    if plain:
        return plain.strip(b'"\\') if b'"' in plain else plain
    return _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def parse_disposition(value: bytes | None) -> tuple[bytes, Parameters] | None:
    """Content-Disposition's type and parameters; None when there is no type."""
    if value is None:
        return None
    value = strip_comments(value)
    match = _LEADING_TOKEN.match(value)
    return None if match is None else (match[1], parse_parameters(value, match.end()))


def parse_languages(value: bytes | None) -> list[bytes]:
    """Content-Language's tags in order."""
    return [] if value is None else _LANGUAGE.findall(strip_comments(value))


def parse_encoding(value: bytes | None) -> bytes | None:
    """The first token of Content-Transfer-Encoding."""
    match = None if value is None else _LEADING_TOKEN.match(strip_comments(value))
    return None if match is None else match[1]
