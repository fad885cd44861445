"""Content-Transfer-Encodings taken off, for BINARY (RFC 3516, RFC 9051 6.4.5), at once or piece by piece."""

from __future__ import annotations

import binascii
import re
from typing import Final, Protocol

IDENTITY = frozenset({"", "7bit", "8bit", "binary"})

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))
_NOT_BASE64_OR_PAD: Final = bytes(set(_NOT_BASE64) - set(b"="))
_PADS: Final = re.compile(rb"={3,}")
_SOFT_BREAK: Final = re.compile(rb"(?<!=)(?:==)*=\r")
"""A soft line break that takes everything up to the next line feed with it."""
_PADDING: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
"""White space at the end of a line (RFC 2045 section 6.7, rule 3)."""
_PADDED: Final = (b" \n", b" \r\n", b"\t\n", b"\t\r\n")
"""What text holds that has some: looked for in a twentieth of the time."""
_MOST_PADDING: Final = 65_536
"""Octets of it that are held back until the line goes on or ends."""
_LAST_EQUALS: Final = re.compile(rb"=+(?=[^=]*\Z)")


class UnknownEncodingError(ValueError):
    """The part has an encoding that is not known: BINARY answers ``NO [UNKNOWN-CTE]``."""


class PartDecoder(Protocol):
    """Takes a part's octets piece by piece; what it gives, joined, is what `decode_part` gives of the whole."""

    def feed(self, raw: bytes) -> bytes: ...

    def end(self) -> bytes:
        """What was held back."""
        ...


def decode_part(raw: bytes, encoding: str) -> bytes:
    """A part's octets without their transfer encoding; broken base64 gives what can be read of it.

    Raises UnknownEncodingError.
    """
    if encoding.lower() in IDENTITY:
        return raw
    decoder = part_decoder(encoding)
    return decoder.feed(raw) + decoder.end()


def part_decoder(encoding: str) -> PartDecoder:
    """A decoder of an encoding that is none of `IDENTITY`. Raises UnknownEncodingError."""
    encoding = encoding.lower()
    if encoding == "quoted-printable":
        return _QuotedPrintable()
    if encoding == "base64":
        return _Base64()
    raise UnknownEncodingError(encoding)


class _Base64:
    """Octets outside the alphabet are passed over; what follows a complete pad is no content (RFC 2045 6.8)."""

    def __init__(self) -> None:
        self._held = b""
        self._done = False

    def feed(self, raw: bytes) -> bytes:
        if self._done:
            return b""
        clean = self._held + raw.translate(None, _NOT_BASE64_OR_PAD)
        if b"===" in clean:  # looked for in a thirtieth of the time
            clean = _PADS.sub(b"==", clean)
        letters = len(clean) - clean.count(b"=")
        stop = _before_last(clean, letters % 4)
        decoded = binascii.a2b_base64(clean[:stop])
        self._held = clean[stop:]
        self._done = len(decoded) < letters // 4 * 3
        return decoded

    def end(self) -> bytes:
        if self._done:
            return b""
        try:
            return binascii.a2b_base64(self._held)
        except binascii.Error:
            letters = self._held.translate(None, _NOT_BASE64)
            letters = letters[:-1] if len(letters) % 4 == 1 else letters
            return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _before_last(clean: bytes, letters: int) -> int:
    """Where the last so many letters begin; pads stand between them, two in a row at most."""
    stop = len(clean)
    while letters:
        stop -= 1
        letters -= clean[stop] != ord("=")
    return stop


class _QuotedPrintable:
    """As `binascii.a2b_qp` reads it, without white space at the ends of lines; what has no end yet is held back."""

    def __init__(self) -> None:
        self._held = b""
        self._padding = b""

    def feed(self, raw: bytes) -> bytes:
        text = self._held + self._padding + raw
        kept = len(text.removesuffix(b"\r").rstrip(b" \t"))
        ends_padded = kept < len(text.removesuffix(b"\r")) and len(text) - kept <= _MOST_PADDING
        self._padding = text[kept:] if ends_padded else b""
        text = text[:kept] if ends_padded else text
        return self._unpadded(_PADDING.sub(b"", text) if any(end in text for end in _PADDED) else text)

    def _unpadded(self, text: bytes) -> bytes:
        line = text.rfind(b"\n") + 1
        if soft := _SOFT_BREAK.search(text, line):
            self._held = b"=\r"
            return binascii.a2b_qp(text[: soft.end() - 2])
        stop = len(text)
        equals = _LAST_EQUALS.search(text, line)
        if equals is not None and stop - equals.end() < 2:  # noqa: PLR2004 - two digits follow a sign
            stop = equals.start() + (equals.end() - equals.start() - 1) // 2 * 2
        self._held = text[stop:]
        return binascii.a2b_qp(text[:stop])

    def end(self) -> bytes:
        padding = self._padding if self._padding.endswith(b"\r") else b""
        return binascii.a2b_qp(self._held + padding)
