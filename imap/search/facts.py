"""What is known of a batch of messages when their search keys are decided."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from imap.backend import Entry, TextKey
from imap.collation import fold
from imap.message.header import decode_field, field_value, split_fields
from imap.search.folded import Texts, folded_body, folded_header

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 5322 section 3.3: date = day month year; section 4.3: years of two and three digits
_DAY: Final = re.compile(rb"(?<![0-9])([0-9]{1,2})[\s-]{1,8}([A-Za-z]{3})[\s-]{1,8}([0-9]{2,4})(?![0-9])")
_TWO_DIGITS, _THREE_DIGITS, _CENTURY_PIVOT = 2, 3, 50


class Level(enum.IntEnum):
    """Where a fact comes from, the cheapest first; a level knows all that the lower ones know."""

    MEMORY = 0
    """UID, sequence number, flags, modification sequence."""
    ENTRY = 1
    """Internal date, size and content; the thread."""
    INDEX = 2
    """Texts of the messages that the application has indexed."""
    SENT = 3
    """The day that the Date field names."""
    HEADER = 4
    """The fields of the header."""
    CONTENT = 5
    """All text of the message."""


@dataclass(slots=True)
class Indexed:
    """What the index of texts said."""

    hits: Mapping[TextKey, dict[int, int]]
    """For each key the positions that fit, with their relevancy; those that are read are added."""
    tail: set[int] = field(default_factory=set)
    """Positions that the index does not know: they are to be read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a batch up to a level, by the position of the message."""

    level: Level
    entries: Mapping[int, Entry] = field(default_factory=dict)
    indexed: Indexed = field(default_factory=lambda: Indexed({}))
    headers: Mapping[int, Header] = field(default_factory=dict)
    texts: Mapping[int, FoldedTexts] = field(default_factory=dict)
    threads: Mapping[int, str] = field(default_factory=dict)
    """THREADID (RFC 8474), where the search asks for one."""
    sent: Mapping[int, int] = field(default_factory=dict)
    """Days as `imap.search.sent` counts them, where the search asks for them."""


class Header:
    """A header block whose fields are decoded when they are asked for, once."""

    __slots__ = ("_fields", "_folded", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._fields: dict[bytes, list[bytes]] | None = None
        self._folded: dict[str, list[str]] = {}

    def _values(self, name: str) -> Sequence[bytes]:
        if self._fields is None:
            self._fields = {}
            for field_name, raw in split_fields(self._raw):
                self._fields.setdefault(field_name, []).append(field_value(raw))
        return self._fields.get(name.encode(), ())

    def texts(self, name: str) -> Sequence[str]:
        """The folded values of the fields of this lower-case name."""
        if (values := self._folded.get(name)) is None:
            values = self._folded[name] = [fold(decode_field(value)) for value in self._values(name)]
        return values

    def sent_day(self) -> datetime.date | None:
        """The day that the Date field names, its time and zone disregarded; None when it names none."""
        values = self._values("date")
        return _day(values[0]) if values else None


class FoldedTexts:
    """The text of one message as it is compared, made once."""

    __slots__ = ("_body", "_header", "_texts")

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._header: bytes | None = None
        self._body: bytes | None = None

    @property
    def header(self) -> bytes:
        """As `folded_header` gives it."""
        if self._header is None:
            self._header = folded_header(self._texts)
        return self._header

    @property
    def body(self) -> bytes:
        """As `folded_body` gives it."""
        if self._body is None:
            self._body = folded_body(self._texts)
        return self._body


def _day(value: bytes) -> datetime.date | None:
    found = _DAY.search(value[:200])
    if found is None:
        return None
    day, month, year = found.group(1), found.group(2).decode().lower(), found.group(3)
    number = int(year)
    if len(year) == _TWO_DIGITS:
        number += 2000 if number < _CENTURY_PIVOT else 1900
    elif len(year) == _THREE_DIGITS:
        number += 1900
    try:
        return datetime.date(number, _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None
