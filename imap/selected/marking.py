"""STORE worked out from the columns of a selected mailbox, which hold every flag already (`imap.backend.Marking`)."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from imap.backend import Change, FlagAction, Marking
from imap.flags import DELETED, KEYWORD_SHIFT, SEEN
from imap.selected.mailbox import SharedMailbox, at, put_at
from imap.selected.view import View

_MOST: Final = 50_000
"""Messages of one STORE: those of more are worked out by the database, which the event loop does not wait for."""


def _masks(keywords: Sequence[str], action: FlagAction, system: int, names: Sequence[str]) -> tuple[int, int] | None:
    """The bits that STORE keeps and adds where one may change all flags; None when it brings a new keyword."""
    known = {name.lower(): KEYWORD_SHIFT + index for index, name in enumerate(keywords)} if names else {}
    mask = system
    for name in names:
        bit = known.get(name.lower())
        if bit is not None:
            mask |= 1 << bit
        elif action is not FlagAction.REMOVE:
            return None
    if action is FlagAction.ADD:
        return -1, mask
    return (~mask, 0) if action is FlagAction.REMOVE else (0, mask)


def spans_of(positions: Iterable[int]) -> list[range]:
    """Ascending positions as ranges."""
    spans: list[range] = []
    for position in positions:
        if spans and spans[-1].stop == position:
            spans[-1] = range(spans[-1].start, position + 1)
        else:
            spans.append(range(position, position + 1))
    return spans


class Marks:
    """What STOREs of a session make of the messages of a mailbox as it is now: a write, then what its columns show."""

    def __init__(self, mailbox: SharedMailbox) -> None:
        self.count = 0
        """Commands so far that change anything."""
        self.uids = array("I")
        """The messages that change."""
        self._mailbox = mailbox
        self._columns = mailbox.uids
        self._since = mailbox.highestmodseq
        self._stamp = mailbox.stamp
        self._flags = array("q")
        self._modseqs = array("Q")
        self._places: list[Sequence[int]] = []
        self._unseen = self._deleted = 0

    @property
    def reached(self) -> int:
        """The modification sequence of the last command: each has its own (RFC 7162 section 3.1)."""
        return self._since + self.count

    def add(self, spans: Sequence[range], action: FlagAction, system: int, names: Sequence[str]) -> bool:
        """Add one command, on messages at these positions of the columns that no other names.

        False, and nothing is added, for too many messages and a new keyword.
        """
        masks = _masks(self._mailbox.keywords, action, system, names)
        if masks is None or sum(map(len, spans)) + len(self.uids) > _MOST:
            return False
        kept, added = masks
        places = [place for place in (self._changing(span, kept, added) for span in spans) if place]
        if not places:
            return True
        self.count += 1
        before = len(self.uids)
        for place in places:
            self.uids.extend(at(self._columns, place))
            self._turn(at(self._mailbox.flags, place), kept, added)
        self._modseqs += array("Q", [self.reached]) * (len(self.uids) - before)
        self._places += places
        return True

    def _changing(self, span: range, kept: int, added: int) -> Sequence[int]:
        """The positions at which flags become others."""
        flags = self._mailbox.flags[span.start : span.stop]
        masks = set(flags)
        changing = {mask for mask in masks if mask & kept | added != mask}
        if len(changing) == len(masks):
            return span
        return [position for position, mask in zip(span, flags, strict=True) if mask in changing] if changing else ()

    def _turn(self, flags: Sequence[int], kept: int, added: int) -> None:
        """Add the new flags of messages that have these, and count."""
        counts = Counter(flags)
        turned = {mask: mask & kept | added for mask in counts}
        for mask, count in counts.items():
            self._unseen += count * ((not turned[mask] & SEEN) - (not mask & SEEN))
            self._deleted += count * (bool(turned[mask] & DELETED) - bool(mask & DELETED))
        self._flags += array("q", map(turned.__getitem__, flags))

    @property
    def is_current(self) -> bool:
        """Whether the mailbox is still as it was."""
        mailbox = self._mailbox
        same = mailbox.highestmodseq == self._since and mailbox.stamp == self._stamp
        return same and mailbox.uids is self._columns

    @property
    def marking(self) -> Marking:
        """The same for the store."""
        return Marking(
            self._since,
            self._stamp,
            self.reached,
            self.uids,
            self._flags,
            self._modseqs,
            unseen=self._unseen,
            deleted=self._deleted,
        )

    async def settle(self, origin: View, stamp: int) -> None:
        """All is written: the columns show it and the other sessions hear of it, if the mailbox is still as it was.

        If others were quicker, the store is asked for all changes. The flags are no news to ``origin``.
        """
        mailbox = self._mailbox
        if mailbox.highestmodseq != self._since or mailbox.uids is not self._columns:
            changed = list(map(Change, self.uids, self._flags, self._modseqs))
            await mailbox.settle(self.reached, changed=changed, origin=origin, stamps=(self._stamp, stamp))
            return
        start = 0
        for place in self._places:
            stop = start + len(place)
            put_at(mailbox.flags, place, self._flags[start:stop])
            put_at(mailbox.modseqs, place, self._modseqs[start:stop])
            start = stop
        mailbox.advance(self.reached, stamp, self.uids, origin)
