"""How SEARCH, SORT and THREAD compare text: the collation i;unicode-casemap (RFC 5051), as I18NLEVEL=1 asks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_PIECE: Final = 1024
_ASCII: Final = re.compile(r"[\x00-\x7f]")
_SEAM: Final = 64
# Letters whose titlecase property is not what `str.upper` gives: those that become several, digraphs, Georgian.
_OTHER_TITLECASE: Final = re.compile(
    r"([\u00df\u0149\u01c4-\u01cc\u01f0-\u01f3\u0390\u03b0\u0587\u10d0-\u10fa\u10fd-\u10ff\u1e96-\u1e9a\u1f50\u1f52\u1f54\u1f56"
    r"\u1f80-\u1faf\u1fb2-\u1fb4\u1fb6-\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc6-\u1fc7\u1fcc\u1fd2-\u1fd3\u1fd6-\u1fd7\u1fe2-\u1fe4\u1fe6-\u1fe7\u1ff2-\u1ff4\u1ff6-\u1ff7\u1ffc\ufb00-\ufb06\ufb13-\ufb17])"
)


def fold(text: str) -> str:
    """Text as it is compared: each character in titlecase, then decomposed (RFC 5051 section 2).

    ``É`` equals ``é`` in any encoding of theirs, and ``cafe`` is a substring of ``café``. Code points order the folded
    texts as their UTF-8 does. Combining marks come in canonical order, which RFC 5051 section 4 leaves open.
    """
    if text.isascii():
        return text.upper()
    if _OTHER_TITLECASE.search(text) is None:
        text = text.upper()
    else:
        pieces = _OTHER_TITLECASE.split(text)
        pieces[::2] = [piece.upper() for piece in pieces[::2]]
        pieces[1::2] = [_titlecase(letter) for letter in pieces[1::2]]
        text = "".join(pieces)
    return "".join(unicodedata.normalize("NFKD", piece) for piece in _pieces(text))


def _titlecase(letter: str) -> str:
    """The titlecase property of UnicodeData.txt: always one character."""
    title = letter.title()
    return title if len(title) == 1 else letter


def _pieces(text: str) -> Iterator[str]:
    """Cut before an ASCII letter, where no mark moves: long runs of combining marks take quadratic time."""
    start = 0
    while len(text) - start > _PIECE + _SEAM:
        seam = _ASCII.search(text, start + _PIECE, start + _PIECE + _SEAM)
        stop = seam.start() if seam else start + _PIECE
        yield text[start:stop]
        start = stop
    yield text[start:]
