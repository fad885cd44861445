"""STORE worked out from the columns of a selected mailbox, which hold every flag already (`imap.backend.Marking`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from imap.backend import Change, FlagAction, Marking
from imap.flags import DELETED, KEYWORD_SHIFT, SEEN
from imap.selected.mailbox import SharedMailbox

_MOST: Final = 50_000
"""Messages of one STORE: those of more are worked out by the database, which the event loop does not wait for."""


def masks(keywords: Sequence[str], action: FlagAction, system: int, names: Sequence[str]) -> tuple[int, int] | None:
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
    """What the same STORE makes of one set of messages after the other, on a mailbox as it is now."""

    def __init__(self, mailbox: SharedMailbox, kept: int, added: int) -> None:
        self.modseq = mailbox.highestmodseq + 1
        self.changed: list[Change] = []
        self._mailbox = mailbox
        self._kept, self._added = kept, added
        self._spans = self._unseen = self._deleted = 0

    def add(self, spans: Sequence[range]) -> bool:
        """Add the messages at these positions of the columns, none twice; False, and nothing is added, for too many."""
        if sum(map(len, spans)) > _MOST:
            return False
        kept, added, modseq = self._kept, self._added, self.modseq
        counts = (~kept | added) & (SEEN | DELETED)
        for span in spans:
            self._spans += 1
            uids = self._mailbox.uids[span.start : span.stop]
            flags = self._mailbox.flags[span.start : span.stop]
            found = [
                (uid, old, new)
                for uid, old, new in zip(uids, flags, [old & kept | added for old in flags], strict=True)
                if old != new
            ]
            self.changed += [Change(uid, new, modseq) for uid, _, new in found]
            if counts:
                self._unseen += sum((old & SEEN) - (new & SEEN) for _, old, new in found) // SEEN
                self._deleted += sum((new & DELETED) - (old & DELETED) for _, old, new in found) // DELETED
        return True

    @property
    def marking(self) -> Marking:
        """The same for the store."""
        changed = sorted(self.changed)
        return Marking(
            self.modseq - 1,
            self._kept,
            self._added,
            changed,
            is_range=self._spans == 1 or len(changed) == 1,
            unseen=self._unseen,
            deleted=self._deleted,
        )
