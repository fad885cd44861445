"""What the index keeps of a content, worked out once from its texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import zstandard

from imap.search.folded import Texts, folded_body, folded_header, select_folded
from imap.search.words import words
from mailgate.store.search.inverted import BODY, HEADER, WIDE, token

FIELDS: Final = ("subject", "from", "to", "cc", "bcc")
"""The fields that have search keys of their own: kept apart from the header, and in memory."""
MOST_WORDS: Final = 5_000
"""Distinct words of a content; one with more is looked at in every search, so that it cannot fill the vocabulary."""
_ZSTD_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Document:
    """One content, ready for the index."""

    message_id: bytes
    fields: bytes
    header: bytes
    """As `folded_header` gives it, packed."""
    body: bytes
    tokens: list[int]
    """Ascending."""
    words: frozenset[str]


def document(message_id: bytes, texts: Texts) -> Document:
    """Work out what the index keeps. The time is linear in the texts: some 0.1 ms for each KiB."""
    header, body = folded_header(texts), folded_body(texts)
    in_header, in_body = words_of(header), words_of(body)
    tokens = {token(HEADER, word) for word in in_header} | {token(BODY, word) for word in in_body}
    found = in_header | in_body
    if len(found) > MOST_WORDS:
        tokens, found = {WIDE}, set()
    return Document(
        message_id, select_folded(header, FIELDS), pack(header), pack(body), sorted(tokens), frozenset(found)
    )


def words_of(text: bytes) -> set[str]:
    """The words of a folded text in UTF-8."""
    return words(text.decode("utf-8", "surrogatepass"))


def pack(text: bytes) -> bytes:
    """A text as it is stored."""
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(text)


def unpack(packed: bytes) -> bytes:
    """What `pack` was given."""
    return zstandard.ZstdDecompressor().decompress(packed)
