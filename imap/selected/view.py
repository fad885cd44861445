"""What one session was told of its selected mailbox, and what it is still to be told."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from imap.flags import SEEN, marks
from imap.parsing.sequence import SequenceSet
from imap.selected.course import Course
from imap.selected.mailbox import SharedMailbox

if TYPE_CHECKING:
    from imap.contexts import Contexts


class State(NamedTuple):
    """A message as the session sees it: sequence number and what may change."""

    number: int
    uid: int
    flags: int
    modseq: int


class Wanted(NamedTuple):
    """Kinds of news to tell."""

    expunges: bool = True
    arrivals: bool = True
    flags: bool = True


class Columns(NamedTuple):
    """Messages as the session sees them, column by column: all of the same length, in order."""

    numbers: Sequence[int]
    uids: Sequence[int]
    flags: Sequence[int]
    modseqs: Sequence[int]

    def only(self, indexes: Sequence[int]) -> Columns:
        """Some of the messages."""
        return Columns(*([column[index] for index in indexes] for column in self))

    def since(self, modseq: int) -> Columns:
        """Those that changed after a modification sequence."""
        return self.only([index for index, changed in enumerate(self.modseqs) if changed > modseq])


_SOME: Final = 8_192
"""Messages whose flags are looked at in one go."""
_FEW: Final = 64
"""The same for the first of them."""
_NO_UIDS: Final[set[int]] = set()
"""An empty set of their own would cost all sessions 216 octets each; nothing is ever added to this one."""


class View:
    """Sequence numbers of one session: message ``n`` is ``uids[n - 1]``, for n up to ``count``.

    ``uids`` is the mailbox's own array as long as no expunge waits to be announced.
    """

    __slots__ = (
        "changed",
        "contexts",
        "count",
        "course",
        "floor",
        "keywords_told",
        "mailbox",
        "notify",
        "readonly",
        "recent",
        "rights_told",
        "saved",
        "uids",
        "vanished",
    )

    def __init__(self, mailbox: SharedMailbox, *, readonly: bool) -> None:
        self.mailbox = mailbox
        self.readonly = readonly
        self.begin()
        self.recent: list[range] = []
        """UIDs that are ``\\Recent`` in this session."""
        self.saved: Sequence[int] = ()
        """The saved search result, ``$`` (RFC 9051 6.4.4.1): UIDs."""
        self.contexts: Contexts | None = None
        """Results that are kept up to date (RFC 5267), from the first UPDATE on."""
        self.course: Course | None = None
        """In what order it reads bodies, from the first one on."""
        self.notify: Callable[[], None] | None = None
        mailbox.views.append(self)

    def begin(self) -> None:
        """Nothing was told yet: what the client is about to be told is the mailbox as it is now."""
        mailbox = self.mailbox
        self.uids = mailbox.uids
        self.count = len(mailbox.uids)
        self.changed = _NO_UIDS
        """UIDs whose new flags the client does not know."""
        self.vanished: list[int] = []
        """Announced UIDs that are expunged, which the client does not know."""
        self.floor = 0
        """While ``vanished`` waits: a modification sequence below all of it."""
        self.keywords_told = len(mailbox.keywords)
        self.rights_told = mailbox.rights

    @property
    def in_step(self) -> bool:
        """Whether positions of this view are positions in the mailbox's columns."""
        return self.uids is self.mailbox.uids

    @property
    def last_uid(self) -> int:
        """The highest UID that the client was told of, 0 for none."""
        return self.uids[self.count - 1] if self.count else 0

    @property
    def is_up_to_date(self) -> bool:
        """Whether the client knows all that is known here."""
        mailbox = self.mailbox
        return (
            self.uids is mailbox.uids
            and self.count == len(mailbox.uids)
            and not self.changed
            and not self.vanished
            and self.keywords_told == len(mailbox.keywords)
            and self.rights_told is mailbox.rights
            and self.contexts is None
        )

    def has_arrivals(self, wanted: Wanted) -> bool:
        """Whether new messages are to be announced: not before expunges, which may have to wait."""
        if not wanted.arrivals or (self.vanished and not wanted.expunges):
            return False
        return bool(self.mailbox.uids) and self.mailbox.uids[-1] > self.last_uid

    def has_news(self, wanted: Wanted) -> bool:
        """Whether anything of what is wanted is to be announced."""
        return bool(
            (wanted.expunges and self.vanished)
            or (wanted.flags and self.changed)
            or self.keywords_told != len(self.mailbox.keywords)
            or self.rights_told != self.mailbox.rights
            or self.has_arrivals(wanted)
        )

    def note(self, changed: Sequence[int], vanished: Sequence[int], before: int, *, known: bool = False) -> None:
        """The mailbox changed: remember what to announce, flags only if they are not ``known`` to this session.

        ``before`` is the mailbox's modification sequence until now.
        """
        if vanished:
            told = [uid for uid in vanished if self.position(uid) >= 0]
            if told and not self.vanished:
                self.floor = before
            self.vanished += told
            self.changed.difference_update(vanished)
        if self.changed and not known:
            self.changed.update(changed)
        elif changed and not known:
            self.changed = set(changed)
        if self.contexts is not None:
            self.contexts.note(changed, vanished)
        if self.notify is not None:
            self.notify()

    def forget_news(self, uids: Iterable[int]) -> None:
        """The session learns of these flags in another way."""
        if self.changed:
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

    def changed_positions(self, uids: SequenceSet, since: int) -> list[range]:
        """Where those of a set of UIDs without ``*`` stand that may have changed after a modification sequence."""
        changed = self.mailbox.changed_since(since)
        if changed is None:
            return self.positions(uids, uid=True)
        ordered = sorted(changed)
        wanted = (uid for span in uids.uid_positions(ordered) for uid in ordered[span.start : span.stop])
        return _merged((), filter((-1).__lt__, map(self.position, wanted)))

    def uids_of(self, positions: Sequence[range]) -> array[int]:
        """The UIDs at these positions."""
        uids = array("I")
        for span in positions:
            uids += self.uids[span.start : span.stop]
        return uids

    def columns(self, span: range) -> Columns:
        """The messages at these positions as they are now; expunged ones are left out."""
        mailbox = self.mailbox
        uids = self.uids[span.start : span.stop]
        numbers = range(span.start + 1, span.stop + 1)
        if self.in_step:
            cut = slice(span.start, span.stop)
            return Columns(numbers, uids, mailbox.flags[cut], mailbox.modseqs[cut])
        indexes = list(map(mailbox.index, uids))
        kept = [place for place, index in enumerate(indexes) if index >= 0]
        return Columns(
            [numbers[place] for place in kept],
            [uids[place] for place in kept],
            [mailbox.flags[indexes[place]] for place in kept],
            [mailbox.modseqs[indexes[place]] for place in kept],
        )

    def states(self, span: range) -> Iterator[State]:
        """The same message by message."""
        return map(State._make, zip(*self.columns(span), strict=True))

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

    def first_unseen(self) -> int:
        """The number of the first message without ``\\Seen``, 0 when all have it; while the view is in step."""
        start, some = 0, _FEW
        while start < self.count:
            found = marks(self.mailbox.flags[start : min(start + some, self.count)], SEEN, there=False).find(1)
            if found >= 0:
                return start + found + 1
            start, some = start + some, _SOME
        return 0

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
        mailbox = self.mailbox
        return (mailbox.recent_flag_texts if self.is_recent(uid) else mailbox.flag_texts)[flags]

    def flag_column(self, columns: Columns) -> Sequence[bytes]:
        """The same for many messages."""
        plain, recent = self.mailbox.flag_texts, self.mailbox.recent_flag_texts
        uids, flags = columns.uids, columns.flags
        if not self.recent or not uids or self.recent[-1].stop <= uids[0]:
            return [plain[mask] for mask in flags]
        if uids[0] in self.recent[-1] and uids[-1] in self.recent[-1]:
            return [recent[mask] for mask in flags]
        return [self.flag_text(uid, mask) for uid, mask in zip(uids, flags, strict=True)]


def _merged(spans: Sequence[range], positions: Iterable[int]) -> list[range]:
    every = sorted({*positions, *(position for span in spans for position in span)})
    merged: list[range] = []
    for position in every:
        if merged and merged[-1].stop == position:
            merged[-1] = range(merged[-1].start, position + 1)
        else:
            merged.append(range(position, position + 1))
    return merged
