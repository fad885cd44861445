"""Text criteria of a search, and what an index knows of them (RFC 9051 section 6.4.4)."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


class TextScope(enum.Enum):
    """Where a text is looked for (RFC 9051 6.4.4)."""

    FIELD = "HEADER"
    """The values of one header field."""
    BODY = "BODY"
    """Text parts, and headers of messages within."""
    TEXT = "TEXT"
    """The whole header, MIME headers and names of attachments, and all that BODY means."""


@dataclass(frozen=True, slots=True)
class TextKey:
    """One text criterion of a search."""

    scope: TextScope
    needle: str
    """As `imap.collation.fold` gives it; empty only for a field: it exists."""
    field: str = ""
    """The name of the field in lower case, for `TextScope.FIELD`."""
    fuzzy: bool = False
    """Word by word and without accents (RFC 6203), not as a substring."""


@dataclass(frozen=True, slots=True)
class TextHits:
    """What an index of texts knows, by message id; what is in neither part does not fit."""

    found: Sequence[Mapping[bytes, int]]
    """For each key, in their order: the messages that fit, with their relevancy from 1 to 100."""
    unindexed: Collection[bytes]
    """Messages that the index has not taken in yet: they are to be read."""
