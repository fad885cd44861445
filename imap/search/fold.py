"""How SEARCH compares text."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Text as it is compared: without case and in one Unicode form, after the idea of i;unicode-casemap (RFC 5051).

    ``É`` equals ``é`` in any encoding of theirs, and a ligature equals its letters. Accents stay: the form is the
    composed NFKC where RFC 5051 takes NFKD, so that ``cafe`` is no substring of ``café``.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.casefold())
