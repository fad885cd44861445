"""The search program of a context: message numbers mean what they meant when the command came (RFC 5267 4.3)."""

from __future__ import annotations

from collections.abc import Iterable

from imap.parsing import search_keys as keys
from imap.parsing.search_keys import SearchKey
from imap.parsing.sequence import SequenceSet
from imap.search.frozen import FrozenView

_LASTING = (
    keys.All,
    keys.IsRecent,
    keys.UidIn,
    keys.ReceivedDate,
    keys.SavedDate,
    keys.OlderThan,
    keys.YoungerThan,
    keys.LargerThan,
    keys.SmallerThan,
    keys.SentDate,
    keys.HeaderContains,
    keys.BodyContains,
    keys.TextContains,
)
"""Keys that flags have nothing to do with."""


def with_uids(key: SearchKey, frozen: FrozenView) -> SearchKey:
    """The key with UIDs for its message numbers and for ``$``."""
    match key:
        case keys.And(children):
            return keys.And(tuple(with_uids(child, frozen) for child in children))
        case keys.Or(left, right):
            return keys.Or(with_uids(left, frozen), with_uids(right, frozen))
        case keys.Not(child):
            return keys.Not(with_uids(child, frozen))
        case keys.Fuzzy(child):
            return keys.Fuzzy(with_uids(child, frozen))
        case keys.NumberIn(numbers):
            return keys.UidIn(SequenceSet(_uid_ranges(frozen, frozen.positions(numbers, uid=False))))
        case keys.UidIn(uids) if uids.saved:
            saved = _uid_ranges(frozen, frozen.positions(SequenceSet((), saved=True), uid=True))
            return keys.UidIn(SequenceSet((*uids.ranges, *saved)))
        case _:
            return key


def _uid_ranges(frozen: FrozenView, spans: Iterable[range]) -> tuple[tuple[int, int], ...]:
    """Between the UIDs of neighbours no message will ever come."""
    return tuple((frozen.uids[span.start], frozen.uids[span.stop - 1]) for span in spans)


def among(uids: Iterable[int], key: SearchKey) -> SearchKey:
    """The key for these messages only."""
    return keys.And((keys.UidIn(SequenceSet(tuple((uid, uid) for uid in uids))), key))


def names_last(key: SearchKey) -> bool:
    """Whether ``*`` stands in a set of UIDs: it then also means the last message, whichever that is."""
    match key:
        case keys.UidIn(uids):
            return uids.open_ended
        case _:
            return any(map(names_last, _children(key)))


def lasts(key: SearchKey) -> bool:
    """Whether a message that fits goes on to, whatever flags it gets."""
    children = _children(key)
    return all(map(lasts, children)) if children else isinstance(key, _LASTING)


def _children(key: SearchKey) -> tuple[SearchKey, ...]:
    match key:
        case keys.And(children):
            return children
        case keys.Or(left, right):
            return left, right
        case keys.Not(child) | keys.Fuzzy(child):
            return (child,)
        case _:
            return ()
