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
    before: int = 0
    """The stamp of the change of flags before this one."""
    stamp: int = 0
    """That of this one; the same when nothing changed."""


@dataclass(frozen=True, slots=True)
class Marking:
    """STORE worked out from flags that the caller holds: right as long as nothing else has changed in the mailbox.

    It may be several commands, one after the other, each on messages of its own and with a modification sequence of
    its own (RFC 7162 section 3.1).
    """

    since: int
    """The mailbox's modification sequence at which the caller's flags are right. The next ones are the commands'."""
    stamp: int
    """The stamp of the last change of flags by then."""
    reached: int
    """That of the last command."""
    uids: Sequence[int]
    """The messages that change, each named once; of one command in ascending order."""
    flags: Sequence[int]
    """What they have then."""
    modseqs: Sequence[int]
    unseen: int
    deleted: int
    """What that adds to the numbers of messages without ``\\Seen`` and with ``\\Deleted``."""
