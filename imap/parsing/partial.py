"""PARTIAL: a part of the results by their places (RFC 5267 section 4.4, RFC 9394 section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from imap.parsing.lexer import Cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartialRange:
    """Places from 1, or from -1 for the last result, as written: bounds in either order, both of one sign."""

    first: int
    last: int

    def of(self, results: Sequence[T]) -> Sequence[T]:
        """The results at these places, in their order; none where there are none."""
        low, high = sorted((abs(self.first), abs(self.last)))
        if self.first > 0:
            return results[low - 1 : high]
        return results[max(len(results) - high, 0) : max(len(results) - low + 1, 0)]

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"


# partial-range = partial-range-first / partial-range-last
# partial-range-first = nz-number ":" nz-number
# partial-range-last = MINUS nz-number ":" MINUS nz-number
def partial_range(cursor: Cursor) -> PartialRange:
    sign = -1 if cursor.skip(b"-") else 1
    first = cursor.nz_number("the place of a result")
    cursor.expect(b":" if sign > 0 else b":-")
    return PartialRange(sign * first, sign * cursor.nz_number("the place of a result"))
