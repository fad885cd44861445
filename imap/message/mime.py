"""Structured MIME fields: Content-Type, Content-Disposition, Content-Language (RFC 2045 5.1, RFC 2183, RFC 3282)."""

from __future__ import annotations

import re
from typing import NamedTuple

Parameters = tuple[tuple[bytes, bytes], ...]

_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
_TYPE = re.compile(rb"\s*(%b)\s*/\s*(%b)" % (_TOKEN, _TOKEN))
_PARAMETER = re.compile(
    rb";\s*([^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"?|([^\x00-\x20\";]*))", re.DOTALL
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*\)", re.DOTALL)
_QUOTED_OR_COMMENT = re.compile(rb"(\"(?:[^\"\\]|\\.)*\"?)|\((?:[^()\\]|\\.)*\)", re.DOTALL)


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
    """All ``; name=value`` from `start`, as they are written: RFC 2231 pieces are not joined."""
    return tuple((name, _unquote(quoted, plain)) for name, quoted, plain in _PARAMETER.findall(value, start))


def strip_comments(value: bytes) -> bytes:
    """The value without ``(comments)`` outside quoted strings."""
    if b"(" not in value:
        return value
    return _QUOTED_OR_COMMENT.sub(lambda match: match[1] or b" ", value)


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """The first parameter of this lower-case name."""
    for key, value in parameters:
        if key.lower() == name:
            return value
    return None


def _unquote(quoted: bytes, plain: bytes) -> bytes:
    if plain:
        return plain
    return _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted


_DISPOSITION = re.compile(rb"\s*(%b)" % _TOKEN)
_LANGUAGE = re.compile(_TOKEN)


def parse_disposition(value: bytes | None) -> tuple[bytes, Parameters] | None:
    """Content-Disposition's type and parameters; None when there is no type."""
    if value is None:
        return None
    value = strip_comments(value)
    match = _DISPOSITION.match(value)
    return None if match is None else (match[1], parse_parameters(value, match.end()))


def parse_languages(value: bytes | None) -> list[bytes]:
    """Content-Language's tags in order."""
    return [] if value is None else _LANGUAGE.findall(strip_comments(value))


def parse_encoding(value: bytes | None) -> bytes | None:
    """The first token of Content-Transfer-Encoding."""
    match = None if value is None else _DISPOSITION.match(strip_comments(value))
    return None if match is None else match[1]
