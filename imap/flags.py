"""Message flags as one integer mask: five system flags, then the mailbox's keywords.

The mask fits a signed 64-bit column: bits 0-4 are the system flags of RFC 9051 section 2.3.2, bit ``KEYWORD_SHIFT + n``
is the keyword at index ``n`` of the mailbox's keyword table. ``\\Recent`` is a property of a session, never stored.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import compress
from typing import Final

SEEN: Final = 1
ANSWERED: Final = 2
FLAGGED: Final = 4
DELETED: Final = 8
DRAFT: Final = 16

SYSTEM_FLAGS: Final = {
    "\\Seen": SEEN,
    "\\Answered": ANSWERED,
    "\\Flagged": FLAGGED,
    "\\Deleted": DELETED,
    "\\Draft": DRAFT,
}
SYSTEM_MASK: Final = SEEN | ANSWERED | FLAGGED | DELETED | DRAFT
KEYWORD_SHIFT: Final = 5
MAX_KEYWORDS: Final = 58
_SPARSE: Final = 8
"""A look for the next of few takes as long as passing so many one by one."""


def flag_names(mask: int, keywords: Sequence[str]) -> list[str]:
    """The names of the flags set in ``mask``, system flags first, keywords in the order of the mailbox's table."""
    names = [name for name, bit in SYSTEM_FLAGS.items() if mask & bit]
    if mask > SYSTEM_MASK:
        names += [name for index, name in enumerate(keywords) if mask >> (KEYWORD_SHIFT + index) & 1]
    return names


def marks(flags: array[int], mask: int, *, there: bool) -> bytes:
    """An octet for each message of a column of flags: 1 where it has the one flag of the mask (or has it not), else 0.

    No object is made for each message. The mask 0 stands for a flag that nothing has.
    """
    octet, bit = divmod(max(mask.bit_length() - 1, 0), 8)
    place = octet if sys.byteorder == "little" else flags.itemsize - 1 - octet
    return flags.tobytes()[place :: flags.itemsize].translate(_table(bit if mask else None, there=there))


def marked(positions: range, octets: bytes) -> list[int]:
    """Those of consecutive positions whose octet of `marks` is 1: of few among many, the others cost nothing."""
    if octets.count(1) * _SPARSE > len(octets):
        return list(compress(positions, octets))
    found = []
    place = octets.find(1)
    while place >= 0:
        found.append(positions.start + place)
        place = octets.find(1, place + 1)
    return found


@cache
def _table(bit: int | None, *, there: bool) -> bytes:
    return bytes((bit is not None and value >> bit & 1) == there for value in range(256))
