"""Months as numbers: 202610 is October 2026."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

_FORM: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)
_YEAR: Final = 12


def month_of(at: float, zone: ZoneInfo) -> int:
    """The month of a time, in seconds since the epoch."""
    moment = datetime.fromtimestamp(at, zone)
    return moment.year * 100 + moment.month


def parse(text: str) -> int:
    """``2026-10``. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no month; write it as 2026-10")
    return int(found[1]) * 100 + int(found[2])


def shown(month: int) -> str:
    """The inverse of `parse`."""
    return f"{month // 100:04}-{month % 100:02}"


def shift(month: int, by: int) -> int:
    """The month so many months later."""
    years, rest = divmod(month // 100 * _YEAR + month % 100 - 1 + by, _YEAR)
    return years * 100 + rest + 1


def span(first: int, last: int) -> Iterator[int]:
    """All months from `first` to `last`."""
    while first <= last:
        yield first
        first = shift(first, 1)
