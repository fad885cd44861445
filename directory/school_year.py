"""A school year: the days it has, and how people write it. It is called by the first of its two calendar years."""

from __future__ import annotations

from datetime import date
from typing import Final

_FIRST_MONTH: Final = 8
"""Schools turn over in August."""


def year_of(day: date) -> int:
    """The school year that a day falls in."""
    return day.year if day.month >= _FIRST_MONTH else day.year - 1


def year_label(year: int) -> str:
    """A school year as people write it: 2025-2026."""
    return f"{year}-{year + 1}"
