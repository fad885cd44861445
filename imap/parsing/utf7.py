"""Modified UTF-7, in which IMAP4rev1 writes mailbox names (RFC 3501 section 5.1.3).

Decoding is strict: what `encode` would not have written is refused, so that one mailbox has one name on the wire.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

_SHIFTED: Final = re.compile(r"[^\x20-\x7e]+|&")
_ENCODED: Final = re.compile(rb"&([^&-]*)-")


def encode(name: str) -> bytes:
    """A name as it is sent. Raises UnicodeEncodeError for a lone surrogate."""
    return _SHIFTED.sub(lambda found: _shift(found.group()), name).encode("ascii")


def decode(encoded: bytes) -> str:
    """The name that `encode` wrote so. Raises ValueError for anything it does not write."""
    text = _ENCODED.sub(_unshift, encoded).decode()
    if encode(text) != encoded:
        message = "not modified UTF-7"
        raise ValueError(message)
    return text


def _shift(run: str) -> str:
    if run == "&":
        return "&-"
    base64 = binascii.b2a_base64(run.encode("utf-16-be"), newline=False).decode()
    return f"&{base64.rstrip('=').replace('/', ',')}-"


def _unshift(found: re.Match[bytes]) -> bytes:
    base64 = found.group(1).replace(b",", b"/")
    if not base64:
        return b"&"
    # a stray "/", padding or any other octet is caught when the whole is encoded again and compared
    return binascii.a2b_base64(base64 + b"=" * (-len(base64) % 4)).decode("utf-16-be").encode()
