"""Putting positions in order. Ranks over a whole mailbox are kept for the next SORT, as long as its messages stay."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

from imap.parsing.sort import SortCriterion, SortKey
from imap.search.view import MessageSource
from imap.selected.mailbox import SharedMailbox
from imap.sort.columns import GONE, Column, aside, needed, sorted_in_runs, values
from imap.sort.reading import Progress, read_keyed, sort_keys


class _Ranks:
    """The ranks of one mailbox, and orders made of them: 4 octets for each message and key, or criteria."""

    def __init__(self, uids: array[int]) -> None:
        self.uids = uids
        self.columns: dict[SortKey, array[int]] = {}
        self.orders: dict[tuple[SortCriterion, ...], array[int]] = {}
        """The whole mailbox by these criteria: the next page of a sorted list asks for the same."""


_HIGHEST: Final = 100
"""The highest relevancy."""
_MOST_ORDERS: Final = 4

_KEPT: Final[WeakKeyDictionary[SharedMailbox, _Ranks]] = WeakKeyDictionary()


async def sort_positions(
    criteria: Sequence[SortCriterion],
    uids: array[int],
    found: Sequence[int],
    mailbox: SharedMailbox,
    source: MessageSource,
    progress: Progress | None = None,
    scores: Mapping[int, int] = MappingProxyType({}),
) -> list[int]:
    """The ascending positions `found` of `uids` in the order of the criteria, equal ones by sequence number.

    `scores` tells their relevancy where it is not 100 for all; the highest comes first (RFC 6203 6).
    Messages that were expunged meanwhile may be left out.
    """
    keys = list(dict.fromkeys(criterion.key for criterion in criteria if criterion.key is not SortKey.RELEVANCY))
    scored = any(criterion.key is SortKey.RELEVANCY for criterion in criteria)
    if 2 * len(found) < len(uids):
        chosen = array("I", [uids[position] for position in found])
        columns = await _read(keys, chosen, mailbox, source, progress)
        if scored:
            columns[SortKey.RELEVANCY] = _distances(found, scores)
        places = await _sorted(criteria, columns, range(len(found)))
        return [found[place] for place in places]
    kept = _KEPT.get(mailbox)
    if kept is None or kept.uids != uids:
        kept = _KEPT[mailbox] = _Ranks(uids)
    missing = [key for key in keys if key not in kept.columns]
    if missing:
        kept.columns.update(await _read(missing, uids, mailbox, source, progress))
    if scored:
        columns = {**kept.columns, SortKey.RELEVANCY: _distances(range(len(uids)), scores)}
        return await _sorted(criteria, columns, found)
    if len(found) < len(uids):
        return await _sorted(criteria, kept.columns, found)
    if (order := kept.orders.get(tuple(criteria))) is None:
        if len(kept.orders) >= _MOST_ORDERS:
            kept.orders.clear()
        order = kept.orders[tuple(criteria)] = array("I", await _sorted(criteria, kept.columns, found))
    return order.tolist()


def _distances(positions: Sequence[int], scores: Mapping[int, int]) -> array[int]:
    """How far each message is from the highest relevancy."""
    return array("I", [_HIGHEST - scores.get(position, _HIGHEST) for position in positions])


async def _read(
    keys: Sequence[SortKey],
    uids: array[int],
    mailbox: SharedMailbox,
    source: MessageSource,
    progress: Progress | None,
) -> dict[SortKey, array[int]]:
    if not keys:
        return {}
    which = needed(keys)
    columns = {key: Column(len(uids)) for key in keys}
    async for keyed in read_keyed(source, mailbox.ref, uids, which, progress):
        places = [place for place, _, _ in keyed]
        entries = [entry for _, entry, _ in keyed]
        texts = await sort_keys(source, keyed) if which else ()
        for key, column in columns.items():
            column.fill(places, values(key, entries, texts))
    return {key: await column.ranks() for key, column in columns.items()}


async def _sorted(
    criteria: Sequence[SortCriterion], columns: dict[SortKey, array[int]], places: Sequence[int]
) -> list[int]:
    """From the last criterion to the first: each sort keeps the order of what is equal to it."""

    def work() -> list[int]:
        ranks = columns[criteria[0].key]
        ordered = [place for place in places if ranks[place] != GONE]
        for criterion in reversed(criteria):
            ordered = sorted_in_runs(ordered, columns[criterion.key].__getitem__, reverse=criterion.reverse)
        return ordered

    return await aside(len(places), work)
