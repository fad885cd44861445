"""The selected mailbox as it stands when a searching command begins."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from imap.parsing.sequence import SequenceSet
from imap.selected.view import View


@dataclass(frozen=True, slots=True)
class FrozenView:
    """The `imap.search.SearchView` of a session: expunged messages that are still shown are there."""

    view: View
    uids: array[int]
    flags: array[int]
    modseqs: array[int]
    keywords: Sequence[str]

    @classmethod
    def of(cls, view: View) -> FrozenView:
        """Copies of the columns: they do not change while the search awaits the account."""
        mailbox, count = view.mailbox, view.count
        uids = view.uids[:count]
        if view.in_step:
            return cls(view, uids, mailbox.flags[:count], mailbox.modseqs[:count], mailbox.keywords)
        flags, modseqs = array("q", bytes(8 * count)), array("Q", bytes(8 * count))
        for state in view.states(range(count)):
            flags[state.number - 1] = state.flags
            modseqs[state.number - 1] = state.modseq
        return cls(view, uids, flags, modseqs, mailbox.keywords)

    def is_recent(self, uid: int) -> bool:
        """Whether the message is ``\\Recent`` in this session."""
        return self.view.is_recent(uid)

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        """The positions that a set names."""
        return self.view.positions(messages, uid=uid)
