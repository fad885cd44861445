"""What is known of a batch of messages when their search keys are decided."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from imap.backend import Entry
from imap.collation import fold
from imap.message.header import decode_field, field_value, split_fields

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 5322 section 3.3: date = day month year; section 4.3: years of two and three digits
_DAY: Final = re.compile(rb"(?<![0-9])([0-9]{1,2})[\s-]{1,8}([A-Za-z]{3})[\s-]{1,8}([0-9]{2,4})(?![0-9])")
_TWO_DIGITS, _THREE_DIGITS, _CENTURY_PIVOT = 2, 3, 50


class Level(enum.IntEnum):
    """Where a fact comes from, the cheapest first; a level knows all that the lower ones know."""

    MEMORY = 0
    """UID, sequence number, flags, modification sequence."""
    ENTRY = 1
    """Internal date and size."""
    HEADER = 2
    """The fields of the header."""
    CONTENT = 3
    """All text of the message."""


class Texts(Protocol):
    """The decoded text of one message."""

    def header(self) -> Iterator[str]:
        """The header's fields."""
        ...

    def body(self) -> Iterator[str]:
        """Text parts, and headers of messages within."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a batch up to a level, by the position of the message."""

    level: Level
    entries: Mapping[int, Entry] = field(default_factory=dict)
    headers: Mapping[int, Header] = field(default_factory=dict)
    texts: Mapping[int, FoldedTexts] = field(default_factory=dict)


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

    def contains(self, name: str, needle: str) -> bool:
        """Whether a field of this lower-case name holds the folded needle."""
        if (values := self._folded.get(name)) is None:
            values = self._folded[name] = [fold(decode_field(value)) for value in self._values(name)]
        return any(needle in value for value in values)

    def sent_day(self) -> datetime.date | None:
        """The day that the Date field names, its time and zone disregarded; None when it names none."""
        values = self._values("date")
        return _day(values[0]) if values else None


class FoldedTexts:
    """The text of one message as it is compared, made once."""

    __slots__ = ("_body", "_header", "_texts")

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._header: list[str] | None = None
        self._body: list[str] | None = None

    def in_header(self, needle: str) -> bool:
        """Whether the folded needle stands in the header."""
        if self._header is None:
            self._header = [fold(text) for text in self._texts.header()]
        return any(needle in text for text in self._header)

    def in_body(self, needle: str) -> bool:
        """Whether the folded needle stands in the body."""
        if self._body is None:
            self._body = [fold(text) for text in self._texts.body()]
        return any(needle in text for text in self._body)


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
