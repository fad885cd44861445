"""An inverted index of tokens and its vocabulary of words, one implementation for each engine."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from imap.search.words import Piece
from mailgate.database import Tx

HEADER, BODY = b"h", b"b"
"""Where a word stands: the same word has another token in each."""
WIDE = 0
"""The one token of a content with too many words: it is a candidate of every search."""

Groups = Sequence[Collection[int]]
"""A content is found that has one token at least of each group."""


class InvertedIndex(Protocol):
    """Within one transaction. What it finds are candidates: tokens are hashes."""

    async def add(self, tx: Tx, contents: Mapping[bytes, Sequence[int]]) -> None:
        """Put contents in that are not there, each with its distinct tokens."""
        ...

    async def remove(self, tx: Tx, message_ids: Collection[bytes]) -> None:
        """Take contents out, if they are there."""
        ...

    async def learn(self, tx: Tx, words: Collection[str]) -> None:
        """Add to the vocabulary."""
        ...

    async def find(self, tx: Tx, groups: Groups, limit: int) -> list[bytes]:
        """Contents that have a token of each group, `limit` of them at most."""
        ...

    async def tokens(self, tx: Tx, message_ids: Collection[bytes]) -> Mapping[bytes, Collection[int]]:
        """The tokens of contents."""
        ...

    async def words(self, tx: Tx, piece: Piece, limit: int) -> list[str] | None:
        """The words of the vocabulary that fit, None when there may be more than `limit`."""
        ...

    async def relatives(self, tx: Tx, stems: Collection[str], limit: int) -> list[str]:
        """Words that have one of these stems, `limit` of them at most."""
        ...

    async def clear(self, tx: Tx) -> None:
        """Forget everything."""
        ...

    async def count_words(self, tx: Tx) -> int:
        """The size of the vocabulary."""
        ...


def token(place: bytes, word: str) -> int:
    """The token of a word, of 32 bits with a sign; never `WIDE`."""
    return (zlib.crc32(place + word.encode("utf-8", "surrogatepass")) - 2**31) or 1


def grams(text: str) -> set[int]:
    """Tokens of three characters each; none of a text that is shorter."""
    return {token(b"g", text[start : start + 3]) for start in range(len(text) - 2)}


def word_grams(word: str) -> set[int]:
    """What `piece_grams` of every piece that this word fits is part of."""
    return grams(f"^{word}$")


def piece_grams(piece: Piece) -> set[int]:
    """The grams that a word which fits has."""
    return grams(f"{'^' if piece.starts else ''}{piece.text}{'$' if piece.ends else ''}")


def fitting(words: Iterable[str], piece: Piece) -> list[str]:
    """Those of the words that fit indeed."""
    return [word for word in words if piece.fits(word)]
