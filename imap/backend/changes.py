"""A mailbox as one selects it, what happened in it since, and the news that something did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from imap.rights import Rights


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole mailbox at one modification sequence; the three columns are aligned and ordered by UID."""

    uidvalidity: int
    uidnext: int
    highestmodseq: int
    recent_from: int
    """UIDs from this one on were announced to no session yet (RFC 3501 ``\\Recent``)."""
    keywords: tuple[str, ...]
    uids: Sequence[int]
    flags: Sequence[int]
    """Those of others' mailboxes have the ``\\Seen`` of this reader."""
    modseqs: Sequence[int]
    rights: Rights = Rights.ALL
    stamp: int = 0


class Known(NamedTuple):
    """How far a mailbox is known to who asks what happened since."""

    modseq: int
    uidnext: int
    stamp: int
    """Of the last change of flags, 0 before the first. Stamps grow, and no other change ever gets this one: a change of
    flags that a crash undid is told by it from what came to have the same modification sequence.
    """


EVERYTHING: Final = Known(2**62, 2**62, 2**62)
"""More than there is: who knows it is told of the mailbox, and of no change."""


class Change(NamedTuple):
    """A message that is new, or whose flags changed."""

    uid: int
    flags: int
    modseq: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox after a modification sequence; a UID is in `changed` or in `vanished`, not in both."""

    highestmodseq: int
    uidnext: int
    keywords: tuple[str, ...]
    changed: Sequence[Change]
    """Ordered by UID."""
    vanished: Sequence[int]
    """All UIDs expunged since, in ascending order; those of messages that came meanwhile included."""
    complete: bool = True
    """False when the logs do not reach back that far, or a crash undid what was known: all is then to be compared."""
    rights: Rights = Rights.ALL
    stamp: int = 0


@dataclass(frozen=True, slots=True)
class Vanished:
    """What was expunged in a mailbox after a modification sequence."""

    uids: Sequence[int]
    """In ascending order; those of messages that came meanwhile included."""
    complete: bool
    """False when the expunge log does not reach back that far: the UIDs are then those that are not there."""


@dataclass(frozen=True, slots=True)
class Hint:
    """News that mailboxes of one owner may have changed: the log is the truth, this only says where to look.

    ``mailbox_ids`` is None when anything may have changed (the listener lost its connection for a while).
    """

    mailbox_ids: frozenset[int] | None
    mailboxes_changed: bool = field(default=False)
    """True when a mailbox was created, renamed, deleted or (un)subscribed."""
    annotations_changed: bool = field(default=False)
    """True when annotations of any mailbox or of the server changed."""
    reached: Mapping[int, int] = field(default_factory=dict)
    """The modification sequences of those of the mailboxes that only came to these: who is there already need not look.
    """
