"""Content-Transfer-Encodings taken off, for BINARY (RFC 3516, RFC 9051 6.4.5)."""

from __future__ import annotations

import binascii
import re

IDENTITY = frozenset({"", "7bit", "8bit", "binary"})

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


class UnknownEncodingError(ValueError):
    """The part has an encoding that is not known: BINARY answers ``NO [UNKNOWN-CTE]``."""


def decode_part(raw: bytes, encoding: str) -> bytes:
    """A part's octets without their transfer encoding; broken base64 gives what can be read of it.

    Raises UnknownEncodingError.
    """
    encoding = encoding.lower()
    if encoding in IDENTITY:
        return raw
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw)
    if encoding == "base64":
        return _decode_base64(raw)
    raise UnknownEncodingError(encoding)


def _decode_base64(raw: bytes) -> bytes:
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = _NOT_BASE64.sub(b"", raw)
        if len(clean) % 4 == 1:
            clean = clean[:-1]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
