"""STORE: changes of flags, and what they did (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from imap.backend.changes import Change


class FlagAction(enum.Enum):
    """STORE's three forms (RFC 9051 6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True)
class Stored:
    """What STORE did: one modification sequence for the whole command."""

    modseq: int
    keywords: tuple[str, ...]
    changed: Sequence[Change]
    """Messages whose mask is now different; the others were left as they were, modseq included."""
    conflicts: Sequence[int] = ()
    """UIDs that UNCHANGEDSINCE left alone (RFC 7162 3.1.3)."""


@dataclass(frozen=True, slots=True)
class Marking:
    """STORE worked out from flags that the caller holds: right as long as nothing else has changed in the mailbox."""

    since: int
    """The mailbox's modification sequence at which the caller's flags are right. The next one is the change's."""
    kept: int
    added: int
    """A message gets ``flags & kept | added``."""
    changed: Sequence[Change]
    """The messages that change, as they are then, by ascending UID."""
    is_range: bool
    """Nothing else changes if all messages from the first to the last of them are so treated."""
    unseen: int
    deleted: int
    """What that adds to the numbers of messages without ``\\Seen`` and with ``\\Deleted``."""
