"""What a client that was away must be told of expunged messages: VANISHED (EARLIER) (RFC 7162 section 3.2)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from imap.backend import Vanished
from imap.parsing.sequence import SequenceSet
from imap.selected.view import View


def vanished_since(view: View, vanished: Vanished, wanted: SequenceSet, *, above: int = 0) -> bytes:
    """The expunged UIDs among ``wanted`` and above ``above``, as a set; empty for none.

    Where the expunge log does not reach back, all UIDs that are not in the mailbox (RFC 7162 3.2.6, note). Messages
    that the session still shows are left to its VANISHED without EARLIER.
    """
    bounds = wanted.bounds(max(view.mailbox.uidnext - 1, 1))
    top = view.mailbox.uidnext - 1
    ranges: list[tuple[int, int]] = []
    for first, last in bounds:
        low, high = max(first, above + 1), min(last, top)
        if low > high:
            continue
        if vanished.complete:
            ranges += _runs(_between(vanished.uids, view, low, high))
        else:
            ranges += _gaps(view, low, high)
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)


def matched_uid(view: View, numbers: SequenceSet, uids: SequenceSet) -> int:
    """The greatest UID up to which client and server agree: no UID below it needs telling (RFC 7162 3.2.5.2)."""
    agreed = 0
    for number, uid in zip(_each(numbers, view.count), _each(uids, view.mailbox.uidnext), strict=False):
        if number > view.count or view.uids[number - 1] != uid:
            break
        agreed = uid
    return agreed


def _each(numbers: SequenceSet, limit: int) -> Iterable[int]:
    """The numbers as written, ascending, none far beyond the limit."""
    for first, last in numbers.ranges:
        yield from range(first, min(last, limit + 1) + 1)


def _between(vanished: Sequence[int], view: View, low: int, high: int) -> Iterable[int]:
    for uid in vanished[bisect_left(vanished, low) : bisect_right(vanished, high)]:
        if view.position(uid) < 0:
            yield uid


def _gaps(view: View, low: int, high: int) -> Iterable[tuple[int, int]]:
    """The ranges between the UIDs that exist."""
    start = low
    for uid in view.uids[bisect_left(view.uids, low, 0, view.count) : bisect_right(view.uids, high, 0, view.count)]:
        if uid > start:
            yield start, uid - 1
        start = uid + 1
    if start <= high:
        yield start, high


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
