"""Values that several formats share: UAI, titles, school years, and what no value may hold."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that must never reach a mail header."""
ID_LIMIT: Final = 40
"""Characters of a person's number."""
_FIRST_MONTH: Final = 8
"""Schools turn over in August."""

_UAI: Final = re.compile(r"\d{7}[A-Z]")
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_TITLES: Final = {
    **dict.fromkeys(("1", "M", "MR", "MONSIEUR"), "M."),
    **dict.fromkeys(("2", "3", "F", "MME", "MLLE", "MADAME", "MADEMOISELLE"), "Mme"),
}


def is_uai(text: str) -> bool:
    """Whether `text` is the code of a school: seven digits and the letter that follows from them."""
    return bool(_UAI.fullmatch(text)) and _LETTERS[int(text[:7]) % len(_LETTERS)] == text[7]


def title_of(text: str) -> str:
    """`M.` or `Mme` from a title or a code of sex or title in any spelling; empty for anything else."""
    return _TITLES.get(text.strip().rstrip(".").upper(), "")


def year_of(day: date) -> int:
    """The school year that a day falls in, by the first of its two calendar years."""
    return day.year if day.month >= _FIRST_MONTH else day.year - 1


def year_label(year: int) -> str:
    """A school year as people write it: 2025-2026."""
    return f"{year}-{year + 1}"
