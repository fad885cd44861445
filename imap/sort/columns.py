"""The values of one sort key over a mailbox, and their ranks: comparing numbers is all that is left to do."""

from __future__ import annotations

import asyncio
import heapq
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from imap.backend import Entry, Rendering
from imap.message import SortKeys
from imap.parsing.sort import SortKey

GONE: Final = 0xFFFFFFFF
"""The rank of a message that was expunged before it could be read."""
_RUN: Final = 20_000
"""Values that are sorted in one go: some ten milliseconds during which nothing else runs."""

T = TypeVar("T")

_FROM_ENTRY: Final[dict[SortKey, Callable[[Entry], int]]] = {
    SortKey.ARRIVAL: lambda entry: entry.internal_date,
    SortKey.SIZE: lambda entry: entry.size,
}
_FROM_KEYS: Final[dict[SortKey, Callable[[SortKeys], str]]] = {
    SortKey.CC: lambda keys: keys.cc,
    SortKey.DISPLAYFROM: lambda keys: keys.display_from,
    SortKey.DISPLAYTO: lambda keys: keys.display_to,
    SortKey.FROM: lambda keys: keys.from_,
    SortKey.SUBJECT: lambda keys: keys.subject,
    SortKey.TO: lambda keys: keys.to,
}


def needed(keys: Iterable[SortKey]) -> Rendering:
    """What has to be read beside the entries."""
    return Rendering(0) if _FROM_ENTRY.keys() >= set(keys) else Rendering.SORT_KEYS


def values(key: SortKey, entries: Sequence[Entry], sort_keys: Sequence[SortKeys]) -> list[Any]:
    """The values of one key, all numbers or all texts; ``sort_keys`` may be empty where `needed` is nothing."""
    if (of_entry := _FROM_ENTRY.get(key)) is not None:
        return list(map(of_entry, entries))
    if key is SortKey.DATE:
        return [sent_date(entry, keys) for entry, keys in zip(entries, sort_keys, strict=True)]
    return list(map(_FROM_KEYS[key], sort_keys))


def sent_date(entry: Entry, keys: SortKeys) -> int:
    """The sent date, or INTERNALDATE where there is none (RFC 5256 2.2)."""
    return entry.internal_date if keys.sent_at is None else keys.sent_at


class Column:
    """The values of one key by the message's place, each different value kept once."""

    __slots__ = ("_numbers", "_values")

    def __init__(self, messages: int) -> None:
        self._values: dict[Any, int] = {}
        self._numbers = array("I", [GONE]) * messages

    def fill(self, places: Iterable[int], values: Iterable[Any]) -> None:
        """Put values at these places."""
        known, numbers = self._values, self._numbers
        for place, value in zip(places, values, strict=True):
            numbers[place] = known.setdefault(value, len(known))

    async def ranks(self) -> array[int]:
        """For each place the rank of its value among all; `GONE` where none was put."""
        return await aside(len(self._numbers), self._ranks)

    def _ranks(self) -> array[int]:
        known = list(self._values)
        rank_of = array("I", bytes(4 * len(known)))
        for rank, number in enumerate(sorted_in_runs(range(len(known)), known.__getitem__)):
            rank_of[number] = rank
        return array("I", [GONE if number == GONE else rank_of[number] for number in self._numbers])


async def aside(messages: int, work: Callable[[], T]) -> T:
    """Do the work for so many messages: in a thread when they are many, so that it does not hold up the event loop."""
    return work() if messages <= _RUN else await asyncio.to_thread(work)


def sorted_in_runs(items: Sequence[T], key: Callable[[T], Any], *, reverse: bool = False) -> list[T]:
    """Sorted as by `sorted`, stable too, in runs: one sort of all would let no other thread run."""
    starts = range(0, len(items), _RUN)
    runs = [sorted(items[start : start + _RUN], key=key, reverse=reverse) for start in starts]
    return runs[0] if len(runs) == 1 else list(heapq.merge(*runs, key=key, reverse=reverse))
