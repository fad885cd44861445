"""Header blocks: fields, values, subsets and decoded text (RFC 5322 2.2, RFC 2047, RFC 6532)."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

_FOLD = re.compile(rb"\n(?![ \t])")
_LINE_BREAK = re.compile(rb"\r?\n")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([BbQq])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[BbQq]\?)")

_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Python codecs that no mail is written in; punycode takes quadratic time."""


class Field(NamedTuple):
    """One field: its name in lower case, and its octets without the last line feed."""

    name: bytes
    raw: bytes


def split_fields(header: bytes) -> list[Field]:
    """The fields of a header block in order; the empty line and what follows it are left out."""
    fields = []
    for raw in _FOLD.split(header):
        if raw in {b"", b"\r"}:
            break
        fields.append(Field(raw.partition(b":")[0].rstrip(b" \t\r").lower(), raw))
    return fields


def field_value(raw: bytes) -> bytes:
    """What follows the colon, unfolded and without space at its ends (RFC 5322 2.2.3)."""
    value = raw.partition(b":")[2]
    if b"\n" in value:
        value = _LINE_BREAK.sub(b"", value)
    return value.strip(b" \t\r\n")


def empty_line(header: bytes) -> bytes:
    """The empty line that ends a header block: nothing when the block has none, or a bare LF where it is one."""
    if header.endswith((b"\n\n", b"\n\r\n")) or header in {b"\n", b"\r\n"}:
        return b"\r\n" if header.endswith(b"\r\n") else b"\n"
    return b""


def select_fields(fields: Sequence[Field], names: Collection[bytes], *, exclude: bool = False) -> bytes:
    """The fields whose lower-case name is (or, with `exclude`, is not) among `names`, then the empty line."""
    kept = [raw for name, raw in fields if (name in names) is not exclude]
    return b"\n".join([*kept, b"\r\n"]) if kept else b"\r\n"


def filter_header(header: bytes, fields: Collection[str], exclude: bool = False) -> bytes:  # noqa: FBT001, FBT002
    """HEADER.FIELDS, or HEADER.FIELDS.NOT with `exclude`; it always ends with the empty line (RFC 9051 6.4.5.1)."""
    names = frozenset(name.lower().encode("utf-8", "surrogateescape") for name in fields)
    return select_fields(split_fields(header), names, exclude=exclude)


def decode_field(raw: bytes) -> str:
    """A field's value as text: unfolded, encoded words decoded (RFC 2047), raw UTF-8 accepted (RFC 6532).

    Never raises: an octet that fits no charset becomes U+FFFD, an encoded word that cannot be read stays as it is.
    """
    if b"\n" in raw or b"\r" in raw:
        raw = _LINE_BREAK.sub(b"", raw)
    text = decode_charset(raw, "utf-8")
    if "=?" not in text:
        return text.strip()
    text = _BETWEEN_WORDS.sub(r"\1", text)
    return _ENCODED_WORD.sub(_decode_word, text).strip()


def decode_charset(octets: bytes, charset: str) -> str:
    """Octets to text; latin-1 where the charset is unknown or does not fit. Never raises."""
    try:
        if codecs.lookup(charset).name in _NO_CHARSETS:
            charset = "latin-1"
        return octets.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return octets.decode("latin-1")


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    try:
        if encoding in "Qq":
            octets = binascii.a2b_qp(text.replace("_", " ").encode("latin-1", "replace"), header=True)
        else:
            octets = base64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return match.group()
    return decode_charset(octets, charset)
