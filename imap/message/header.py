"""Header blocks: fields, values, subsets and decoded text (RFC 5322 2.2, RFC 2047, RFC 6532)."""

from __future__ import annotations

import binascii
import itertools
import re
from collections.abc import Collection, Sequence
from encodings.aliases import aliases
from typing import TypeAlias

_FOLD = re.compile(rb"\n(?![ \t])")
_EMPTY = frozenset({b"", b"\r"})
_EMPTY_LINES = frozenset({b"", b"\n", b"\r\n", b"\r"})
_SPACE = b" \t\r\n"
_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([BbQq])\?([^?]*)\?=")

_NOT_CHARSETS = {  # punycode and idna take quadratic time; the others are no charsets
    "base64_codec",
    "bz2_codec",
    "hex_codec",
    "idna",
    "mbcs",
    "punycode",
    "quopri_codec",
    "raw_unicode_escape",
    "rot_13",
    "unicode_escape",
    "uu_codec",
    "zlib_codec",
}
_CODECS = {
    name: codec
    for alias, codec in (
        *aliases.items(),
        ("ansi_x3.110_1983", "latin_1"),
        ("iso_8859_8_i", "iso8859_8"),
        ("iso_8859_8_e", "iso8859_8"),
        ("cp_850", "cp850"),
        ("cp874", "cp874"),
        ("windows_874", "cp874"),
        ("windows_31j", "cp932"),
        ("utf8mb4", "utf_8"),
    )
    for name in (alias, codec)
    if codec not in _NOT_CHARSETS
}


Field: TypeAlias = tuple[bytes, bytes]
"""A field's name in lower case, and all its octets without the last line feed."""


def split_fields(header: bytes) -> list[Field]:
    """The fields of a header block in order; the empty line and what follows it are left out."""
    fields = []
    for raw in _FOLD.split(header):
        if raw in _EMPTY:
            break
        fields.append((raw.partition(b":")[0].rstrip(_SPACE).lower(), raw))
    return fields


def field_name(raw: bytes) -> bytes:
    """The name before the colon in lower case; obsolete syntax allows space between (RFC 5322 4.5)."""
    return raw.partition(b":")[0].rstrip(_SPACE).lower()


def field_value(raw: bytes) -> bytes:
    """What follows the colon without NUL, unfolded: one space for each fold, none at the ends (RFC 5322 2.2.3)."""
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    value = raw.partition(b":")[2].strip(_SPACE)
    return unfold(value) if b"\n" in value else value


def unfold(value: bytes) -> bytes:
    """The lines of a value as one, with one space for each fold."""
    return b" ".join(line for line in (line.strip(_SPACE) for line in value.split(b"\n")) if line)


def select_fields(fields: Sequence[Field], names: Collection[bytes]) -> bytes:
    """The fields whose lower-case name is among `names`, then the empty line."""
    return b"\n".join([*(raw for name, raw in fields if name in names), b"\r\n"])


def filter_header(header: bytes, fields: Collection[str], exclude: bool = False) -> bytes:  # noqa: FBT001, FBT002
    """HEADER.FIELDS, or HEADER.FIELDS.NOT with `exclude`; it always ends with the empty line (RFC 9051 6.4.5.1)."""
    names = frozenset(name.lower().encode("utf-8", "surrogateescape") for name in fields)
    kept = bytearray()
    start = 0
    ends = (match.end() for match in _FOLD.finditer(header))
    for end in itertools.chain(ends, (len(header),)):
        field = header[start:end]
        if field in _EMPTY_LINES:
            break
        if (field_name(field) in names) is not exclude:
            kept += field
        start = end
    if kept and not kept.endswith(b"\n"):
        kept += b"\r\n"
    return bytes(kept) + b"\r\n"


def decode_field(raw: bytes) -> str:
    """A field's value as text: unfolded, encoded words decoded (RFC 2047), raw UTF-8 accepted (RFC 6532).

    Never raises: octets that do not fit their charset are read as latin-1, a broken encoded word stays as it is.
    """
    if b"\n" in raw:
        raw = unfold(raw)
    text = decode_charset(raw, "utf-8")
    return (_decode_words(text) if "=?" in text else text).strip()


def _decode_words(text: str) -> str:
    """Decode encoded words; those of one charset side by side as one, since some writers split characters."""
    pieces: list[str] = []
    octets, charset, position = bytearray(), "", 0
    for match in _ENCODED_WORD.finditer(text):
        word = _word_octets(match)
        if word is None:
            continue
        between = text[position : match.start()]
        if between.strip() or not position:
            pieces += (decode_charset(bytes(octets), charset), between)
            octets.clear()
        elif match[1].lower() != charset:
            pieces.append(decode_charset(bytes(octets), charset))
            octets.clear()
        octets += word
        charset, position = match[1].lower(), match.end()
    return "".join((*pieces, decode_charset(bytes(octets), charset), text[position:]))


def _word_octets(match: re.Match[str]) -> bytes | None:
    """What an encoded word holds, None when its encoding is broken."""
    text = match[3].encode("utf-8")
    try:
        if match[2] in "Qq":
            return binascii.a2b_qp(text, header=True)
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None


def decode_charset(octets: bytes, charset: str) -> str:
    """Octets to text; latin-1 where the charset is unknown or does not fit. Never raises."""
    if not octets:
        return ""
    try:
        return octets.decode(charset_codec(charset) or "latin-1")
    except UnicodeError:
        return octets.decode("latin-1")


def charset_codec(charset: str) -> str | None:
    """The codec of a MIME charset name, None when there is none.

    Only names from a closed list reach the codec registry: it would remember any other for ever, and some codecs that
    are no charsets take quadratic time.
    """
    if charset == "utf-8":
        return "utf_8"
    name = charset.strip("\"' ").lower().replace("-", "_")
    return _CODECS.get(name) or _CODECS.get(name.removeprefix("x_"))
