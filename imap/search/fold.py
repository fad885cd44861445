"""How SEARCH compares text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_PIECE: Final = 1024
_ASCII: Final = re.compile(r"[\x00-\x7f]")
_SEAM: Final = 64


def fold(text: str) -> str:
    """Text as it is compared: without case and in one Unicode form, after the idea of i;unicode-casemap (RFC 5051).

    ``É`` equals ``é`` in any encoding of theirs, and a ligature equals its letters. Accents stay: the form is the
    composed NFKC where RFC 5051 takes NFKD, so that ``cafe`` is no substring of ``café``.
    """
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFKC", piece) for piece in _pieces(text.casefold()))


def _pieces(text: str) -> Iterator[str]:
    """Cut before an ASCII letter, where nothing composes: long runs of combining marks take quadratic time."""
    start = 0
    while len(text) - start > _PIECE + _SEAM:
        seam = _ASCII.search(text, start + _PIECE, start + _PIECE + _SEAM)
        stop = seam.start() if seam else start + _PIECE
        yield text[start:stop]
        start = stop
    yield text[start:]
