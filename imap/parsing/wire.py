"""Values to the wire: strings, mailbox names, sets and dates as responses carry them (RFC 9051 section 9)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from imap.parsing import utf7
from imap.parsing.lexer import ASTRING_ATOM

NIL: Final = b"NIL"
_MONTHS: Final = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPECIAL: Final = re.compile(rb'(["\\])')
_NOT_QUOTABLE: Final = re.compile(rb"[\x00\r\n\x80-\xff]")
_NOT_QUOTABLE_UTF8: Final = re.compile(rb"[\x00\r\n]")


def quote_string(value: str | bytes, *, utf8: bool = False) -> bytes:
    """A string: quoted where that is legal, else a literal. NUL, legal in neither, is left out.

    ``utf8`` says that the session takes UTF-8 in quoted strings (IMAP4rev2 or UTF8=ACCEPT is enabled).
    """
    octets = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if (_NOT_QUOTABLE_UTF8 if utf8 and _is_utf8(octets) else _NOT_QUOTABLE).search(octets):
        octets = octets.replace(b"\0", b"")
        return b"{%d}\r\n%b" % (len(octets), octets)
    return b'"%b"' % _SPECIAL.sub(rb"\\\1", octets)


def astring(value: str | bytes, *, utf8: bool = False) -> bytes:
    """An atom where that is legal and cannot be taken for NIL, else a string."""
    octets = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if ASTRING_ATOM.fullmatch(octets) and octets.upper() != NIL:
        return octets
    return quote_string(octets, utf8=utf8)


def nstring(value: str | bytes | None, *, utf8: bool = False) -> bytes:
    """NIL for None, else a string."""
    return NIL if value is None else quote_string(value, utf8=utf8)


@lru_cache(maxsize=4096)
def mailbox_name(name: str, *, utf8: bool) -> bytes:
    """A mailbox name, in UTF-8 or modified UTF-7 as the session stands; an atom where that is legal."""
    return astring(name if utf8 else utf7.encode(name), utf8=utf8)


def uid_set(numbers: Iterable[int]) -> bytes:
    """Numbers as a sequence-set in their own order, each run of neighbours as a range; empty for no numbers."""
    ranges: list[bytes] = []
    first = last = -1
    for number in numbers:
        if number == last + 1:
            last = number
            continue
        if first >= 0:
            ranges.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
        first = last = number
    if first >= 0:
        ranges.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
    return b",".join(ranges)


def internal_date(seconds: int) -> bytes:
    """A date-time with its quotes, in UTC: ``"17-Jul-1996 02:44:25 +0000"``."""
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f'"{day:2}-{_MONTHS[month]}-{year:04} {hour:02}:{minute:02}:{second:02} +0000"'.encode()


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
