"""What happened of late in a mailbox that is in memory: who comes back to it (QRESYNC) pays for what changed, not for
the mailbox.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

MOST: Final = 1_000
"""Changed messages that are remembered, and as many expunged ones."""


class Journal:
    """The messages that changed and those that were expunged since a modification sequence, in the order of changes.

    Each time the mailbox is brought forward is one step, from a modification sequence to another.
    """

    __slots__ = ("_changed", "_changed_at", "_gone", "_gone_after", "_gone_at", "_since")

    def __init__(self, since: int) -> None:
        self._since = since
        self._changed = array("I")
        self._changed_at = array("Q")
        """What the mailbox had come to when that was known."""
        self._gone = array("I")
        self._gone_after = array("Q")
        """What it was at before."""
        self._gone_at = array("Q")

    def note(self, before: int, reached: int, changed: Sequence[int], gone: Sequence[int]) -> None:
        """The mailbox came from one modification sequence to another; all that happened between is here."""
        self._changed.extend(changed)
        self._changed_at += array("Q", [reached]) * len(changed)
        if gone:
            known = frozenset(self._gone)  # of a change of one's own, the next look may tell again
            new = [uid for uid in gone if uid not in known]
            self._gone.extend(new)
            self._gone_after += array("Q", [before]) * len(new)
            self._gone_at += array("Q", [reached]) * len(new)
        for at in (self._changed_at, self._gone_at):
            if len(at) > MOST:
                self._forget(at[-MOST // 2 - 1])

    def _forget(self, reached: int) -> None:
        """Remember nothing of what happened up to a modification sequence."""
        self._since = reached
        kept = bisect_right(self._changed_at, reached)
        del self._changed[:kept], self._changed_at[:kept]
        kept = bisect_right(self._gone_at, reached)
        del self._gone[:kept], self._gone_after[:kept], self._gone_at[:kept]

    @property
    def octets(self) -> int:
        """The memory that it takes, about."""
        return 512 + 12 * len(self._changed) + 20 * len(self._gone)

    def changed(self, since: int) -> set[int] | None:
        """The UIDs among which are all messages that changed or came after `since`; None when it is not known."""
        if since < self._since:
            return None
        return set(self._changed[bisect_right(self._changed_at, since) :])

    def expunged(self, since: int) -> list[int] | None:
        """The UIDs that were expunged after `since`, ascending; None when it is not known."""
        start = bisect_right(self._gone_at, since)
        if since < self._since or (start < len(self._gone) and self._gone_after[start] < since):
            return None
        return sorted(self._gone[start:])
