"""What one session was told of its selected mailbox, and what it is still to be told."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from imap.parsing.sequence import SequenceSet
from imap.selected.mailbox import SharedMailbox


class State(NamedTuple):
    """A message as the session sees it: sequence number and what may change."""

    number: int
    uid: int
    flags: int
    modseq: int


class View:
    """Sequence numbers of one session: message ``n`` is ``uids[n - 1]``, for n up to ``count``.

    ``uids`` is the mailbox's own array as long as no expunge waits to be announced.
    """

    __slots__ = (
        "changed",
        "count",
        "floor",
        "keywords_told",
        "mailbox",
        "name",
        "notify",
        "readonly",
        "recent",
        "saved",
        "uids",
        "vanished",
    )

    def __init__(self, mailbox: SharedMailbox, name: str, *, readonly: bool) -> None:
        self.mailbox = mailbox
        self.name = name
        self.readonly = readonly
        self.uids = mailbox.uids
        self.count = len(mailbox.uids)
        self.changed: set[int] = set()
        """UIDs whose new flags the client does not know."""
        self.vanished: list[int] = []
        """Announced UIDs that are expunged, which the client does not know."""
        self.floor = 0
        """While ``vanished`` waits: a modification sequence below all of it."""
        self.keywords_told = len(mailbox.keywords)
        self.recent: list[range] = []
        """UIDs that are ``\\Recent`` in this session."""
        self.saved: Sequence[int] = ()
        """The saved search result, ``$`` (RFC 9051 6.4.4.1): UIDs."""
        self.notify: Callable[[], None] | None = None
        mailbox.views.add(self)

    @property
    def in_step(self) -> bool:
        """Whether positions of this view are positions in the mailbox's columns."""
        return self.uids is self.mailbox.uids

    @property
    def has_news(self) -> bool:
        """Whether anything is to be announced."""
        return bool(
            self.vanished
            or self.changed
            or self.count != len(self.mailbox.uids)
            or self.keywords_told != len(self.mailbox.keywords)
        )

    def note(self, changed: Sequence[int], vanished: Sequence[int], before: int) -> None:
        """The mailbox changed: remember what to announce. ``before`` is its modification sequence until now."""
        if vanished:
            told = [uid for uid in vanished if self.position(uid) >= 0]
            if told and not self.vanished:
                self.floor = before
            self.vanished += told
            self.changed.difference_update(vanished)
        self.changed.update(changed)
        if self.notify is not None and self.has_news:
            self.notify()

    def forget_news(self, uids: Iterable[int]) -> None:
        """The session learns of these flags in another way."""
        self.changed.difference_update(uids)

    def announced(self) -> Sequence[int]:
        """The UIDs the client knows of, in order."""
        return self.uids if self.count == len(self.uids) else self.uids[: self.count]

    def position(self, uid: int) -> int:
        """The position (sequence number less one) of a UID, -1 for one that the client was not told of."""
        found = bisect_left(self.uids, uid, 0, self.count)
        return found if found < self.count and self.uids[found] == uid else -1

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        """The positions that a set names, ascending and disjoint; what does not exist is left out."""
        found = messages.uid_positions(self.announced()) if uid else messages.number_positions(self.count)
        if messages.saved:
            return _merged(found, filter((-1).__lt__, map(self.position, self.saved)))
        return found

    def uids_of(self, positions: Sequence[range]) -> array[int]:
        """The UIDs at these positions."""
        uids = array("I")
        for span in positions:
            uids += self.uids[span.start : span.stop]
        return uids

    def states(self, span: range) -> Iterator[State]:
        """The messages at these positions as they are now; expunged ones are left out."""
        mailbox = self.mailbox
        uids = self.uids[span.start : span.stop]
        numbers = range(span.start + 1, span.stop + 1)
        if self.in_step:
            flags = mailbox.flags[span.start : span.stop]
            modseqs = mailbox.modseqs[span.start : span.stop]
            yield from map(State._make, zip(numbers, uids, flags, modseqs, strict=True))
            return
        for number, uid in zip(numbers, uids, strict=True):
            index = mailbox.index(uid)
            if index >= 0:
                yield State(number, uid, mailbox.flags[index], mailbox.modseqs[index])

    def is_recent(self, uid: int) -> bool:
        """Whether the message is ``\\Recent`` in this session."""
        return any(uid in uids for uids in self.recent)

    def recent_count(self) -> int:
        """How many announced messages are ``\\Recent``."""
        ends = (
            (bisect_left(self.uids, r.start, 0, self.count), bisect_left(self.uids, r.stop, 0, self.count))
            for r in self.recent
        )
        return sum(stop - start for start, stop in ends)

    def add_recent(self, uids: range) -> None:
        """These UIDs are this session's ``\\Recent`` ones from now on."""
        if not uids:
            return
        if self.recent and self.recent[-1].stop == uids.start:
            self.recent[-1] = range(self.recent[-1].start, uids.stop)
        else:
            self.recent.append(uids)

    def flag_text(self, uid: int, flags: int) -> bytes:
        """What stands between the parentheses of FLAGS."""
        texts = self.mailbox.flag_texts
        return texts.recent(flags) if self.recent and self.is_recent(uid) else texts[flags]


def _merged(spans: Sequence[range], positions: Iterable[int]) -> list[range]:
    every = sorted({*positions, *(position for span in spans for position in span)})
    merged: list[range] = []
    for position in every:
        if merged and merged[-1].stop == position:
            merged[-1] = range(merged[-1].start, position + 1)
        else:
            merged.append(range(position, position + 1))
    return merged
