"""Sets of sequence numbers or UIDs (RFC 9051 section 9, ``sequence-set``): ranges, never lists of numbers.

``*`` is kept as `STAR` until the set is resolved against a mailbox. Nothing here costs more than the number of ranges
written by the client, so that ``1:4294967295`` is as cheap as ``1``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STAR: Final = 0
"""Stands for ``*`` in a range: zero itself is no legal number."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The ranges as written, bounds in either order; ``saved`` says that ``$`` (RFC 5182) belongs to the set."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    @property
    def open_ended(self) -> bool:
        """Whether ``*`` is in the set."""
        return any(0 in bounds for bounds in self.ranges)

    def bounds(self, largest: int) -> list[tuple[int, int]]:
        """Disjoint ascending ranges, ``*`` being ``largest`` (0 for an empty mailbox); ``$`` is not looked at.

        ``10:*`` holds ``largest`` even when that is below 10 (RFC 9051 section 9, ``seq-range``).
        """
        ordered = sorted(
            (first, last) if first <= last else (last, first)
            for first, last in ((first or largest, last or largest) for first, last in self.ranges)
        )
        merged: list[tuple[int, int]] = []
        for first, last in ordered:
            if merged and first <= merged[-1][1] + 1:
                if last > merged[-1][1]:
                    merged[-1] = (merged[-1][0], last)
            else:
                merged.append((first, last))
        return merged

    def exceeds(self, messages: int) -> bool:
        """Whether a sequence number is beyond a mailbox of this many messages: BAD (RFC 9051 section 9, seq-number)."""
        if messages == 0 and self.ranges:
            return True
        return any(first > messages or last > messages for first, last in self.ranges)

    def contains(self, number: int, largest: int) -> bool:
        """Whether ``number`` is in the set; ``$`` is not looked at."""
        return any(first <= number <= last for first, last in self.bounds(largest))

    def uid_positions(self, uids: Sequence[int]) -> list[range]:
        """Where the set's UIDs stand in the ascending ``uids``: disjoint ascending ranges of indexes, none empty."""
        positions = []
        for first, last in self.bounds(uids[-1] if uids else 0):
            start, stop = bisect_left(uids, first), bisect_right(uids, last)
            if start < stop:
                positions.append(range(start, stop))
        return positions

    def number_positions(self, messages: int) -> list[range]:
        """The indexes (from 0) of the set's sequence numbers, cut to the mailbox's size."""
        positions = []
        for first, last in self.bounds(messages):
            start, stop = max(first - 1, 0), min(last, messages)
            if start < stop:
                positions.append(range(start, stop))
        return positions

    def __str__(self) -> str:
        texts = [_bound(first) if first == last else f"{_bound(first)}:{_bound(last)}" for first, last in self.ranges]
        return ",".join(texts + ["$"] * self.saved)


def _bound(number: int) -> str:
    return "*" if number == STAR else str(number)
