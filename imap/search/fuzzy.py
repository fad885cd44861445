"""FUZZY: word by word, inflections and accents aside, with a relevancy (RFC 6203).

Each word of the needle counts 100 where it stands in the header (or the field that is searched), 67 where a related
word does, 34 and 1 for the same in the body; the best of these counts. A message fits when it has all the words; its
relevancy is their mean.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from imap.search.words import related, stems, words

RELEVANCY: Final = (100, 67, 34, 1)
"""The word itself in the header, a related one there, the word itself in the body, a related one there."""


def relevancy(places: Sequence[int | None]) -> int:
    """The relevancy of a message from the best place of each word, an index of `RELEVANCY`; 0 when one has none."""
    total = 0
    for place in places:
        if place is None:
            return 0
        total += RELEVANCY[place]
    return round(total / len(places))


class FuzzyMatcher:
    """A fuzzy needle, made ready for many messages."""

    __slots__ = ("words",)

    def __init__(self, needle: str) -> None:
        self.words = [(word, stems(word)) for word in sorted(words(needle))]

    def relevancy(self, header: Collection[str], body: Collection[str]) -> int:
        """The relevancy of a message with these words; 0 when it does not fit."""
        return relevancy([self._place(word, stem, header, body) for word, stem in self.words])

    @staticmethod
    def _place(word: str, stem: tuple[str, str], header: Collection[str], body: Collection[str]) -> int | None:
        for place, found in ((0, header), (2, body)):
            if word in found:
                return place
            if any(related(stem, stems(other)) for other in found):
                return place + 1
        return None
