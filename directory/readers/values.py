"""Values that several formats share: UAI, titles, the length of a number."""

from __future__ import annotations

import re
from typing import Final

ID_LIMIT: Final = 40
"""Characters of a person's number."""

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
