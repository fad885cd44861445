"""Words of folded text, for an index: every substring that someone may look for is found by way of whole words.

A word is a run of letters with their combining marks, or a run of digits. What a character is does not depend on those
beside it, so the words within a needle are words of any text that holds it, but for the first, which may be the end
of a longer one, and the last, which may be the beginning. A word beyond a bound is taken as overlapping windows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import snowballstemmer

_MARKS: Final = "\u0300-\u036f"
_WORD: Final = re.compile(rf"(?:[^\W\d_]++|[{_MARKS}]++)++|\d++")
_ACCENTS: Final = re.compile(f"[{_MARKS}]+")

LETTERS: Final = 32
"""Characters of the longest word of letters; a longer one is taken as windows of this length."""
_LETTERS_STEP: Final = 16
DIGITS: Final = 4
"""The same for digits, whose windows begin at every place: numbers are without end, their windows 11,110."""

_stemmer = snowballstemmer.stemmer("french")


def words(text: str) -> set[str]:
    """The distinct words of a folded text, windows in place of those that are too long."""
    found: set[str] = set()
    # Space parts words, and most runs without space come again and again: each is looked at once.
    for word in set(_WORD.findall(" ".join(set(text.split())))):
        if len(word) <= (DIGITS if word[0].isdecimal() else LETTERS):
            found.add(word)
        else:
            found.update(_windows(word))
    return found


def _windows(word: str) -> Iterator[str]:
    """Every substring of up to `_reach` characters stands in one of them; the last ends with the word."""
    length, step = (DIGITS, 1) if word[0].isdecimal() else (LETTERS, _LETTERS_STEP)
    for start in range(0, len(word) - length, step):
        yield word[start : start + length]
    yield word[-length:]


@dataclass(frozen=True, slots=True)
class Piece:
    """What a text that holds a needle has among its words: one that holds `text`, begins or ends with it, or is it."""

    text: str
    starts: bool
    ends: bool

    @property
    def whole(self) -> bool:
        """Whether the word is known without a look at the vocabulary."""
        return (self.starts and self.ends) or len(self.text) == (DIGITS if self.text[0].isdecimal() else LETTERS)

    def fits(self, word: str) -> bool:
        """Whether a word is one of those meant."""
        if self.starts:
            return word == self.text if self.ends else word.startswith(self.text)
        return word.endswith(self.text) if self.ends else self.text in word


def pieces(needle: str) -> list[Piece]:
    """The conditions that every text with this folded needle meets; none when the needle has no word."""
    found: list[Piece] = []
    for match in _WORD.finditer(needle):
        starts, ends = match.start() > 0, match.end() < len(needle)
        text = match[0]
        length, reach = (DIGITS, DIGITS) if text[0].isdecimal() else (LETTERS, LETTERS - _LETTERS_STEP)
        if len(text) <= (length if starts and ends else reach):
            found.append(Piece(text, starts, ends))
        else:
            found.append(Piece(text[:reach], starts, ends=False))
            found.append(Piece(text[-reach:], starts=False, ends=ends))
    return found


def without_accents(word: str) -> str:
    """A folded word as FUZZY compares it: small letters, no accents."""
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", word)).lower().replace("œ", "oe").replace("æ", "ae")


@lru_cache(maxsize=8192)
def stems(word: str) -> tuple[str, str]:
    """The French stem of a folded word without accents, and the stem of the word without accents.

    Two words are related when they share one of them: the first joins inflections of words that are written properly,
    the second also those that are written without their accents.
    """
    if word.isascii() and word.isdecimal():
        return word, word
    plain, proper = without_accents(word), unicodedata.normalize("NFC", word.lower())
    bare: str = _stemmer.stemWord(plain)
    return (bare if plain == proper else without_accents(_stemmer.stemWord(proper))), bare


def related(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two results of `stems` share a stem."""
    return not set(one).isdisjoint(other)
