"""IMAP strings, as responses carry them (RFC 9051 9, "nstring")."""

from __future__ import annotations

import re
from collections.abc import Iterable

NIL = b"NIL"

_PLAIN = bytes(octet for octet in range(0x20, 0x7F) if octet not in b'"\\')
_LITERAL_ONLY = re.compile(rb"[^\x01-\x09\x0b\x0c\x0e-\x7f]")
_ESCAPED = re.compile(rb'["\\]')


def string(value: bytes) -> bytes:
    """A quoted string, or a literal where octets forbid quoting. NUL has no place in either and is left out."""
    if not value.translate(None, _PLAIN):
        return b'"%b"' % value
    if _LITERAL_ONLY.search(value):
        value = value.replace(b"\0", b"")
        return b"{%d}\r\n%b" % (len(value), value)
    return b'"%b"' % _ESCAPED.sub(rb"\\\g<0>", value)


def nstring(value: bytes | None) -> bytes:
    """NIL for None, else a string."""
    return NIL if value is None else string(value)


def nlist(items: Iterable[bytes], separator: bytes = b" ") -> bytes:
    """A parenthesized list of encoded items, or NIL when there is none."""
    joined = separator.join(items)
    return b"(%b)" % joined if joined else NIL
