"""The results of a context as its client holds them, and the updates that change them (RFC 5267 4.3.2 to 4.3.4)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias


class Update(NamedTuple):
    """UIDs to insert or remove at a context position, in the order of the results; 0 says where they belong."""

    position: int
    uids: Sequence[int]


SortValues: TypeAlias = Mapping[int, tuple[Any, ...]]
"""For each UID what it is sorted by; no two are equal."""


class Results(Protocol):
    """The UIDs that fit, in the requested order."""

    def __len__(self) -> int: ...

    def __contains__(self, uid: object) -> bool: ...

    def remove(self, uids: Collection[int]) -> list[Update]:
        """Remove those of the UIDs that are there."""
        ...

    def insert(self, uids: Iterable[int], values: SortValues) -> list[Update]:
        """Insert UIDs that are not there."""
        ...


class MailboxOrder:
    """The results of SEARCH: in the order of the mailbox, so that no position needs to be told."""

    def __init__(self, uids: Iterable[int]) -> None:
        self._uids = array("I", uids)

    def __len__(self) -> int:
        return len(self._uids)

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self._place(uid) >= 0

    def _place(self, uid: int) -> int:
        place = bisect_left(self._uids, uid)
        return place if place < len(self._uids) and self._uids[place] == uid else -1

    def remove(self, uids: Collection[int]) -> list[Update]:
        gone = sorted(uid for uid in uids if uid in self)
        if not gone:
            return []
        those = frozenset(gone)
        self._uids = array("I", (uid for uid in self._uids if uid not in those))
        return [Update(0, gone)]

    def insert(self, uids: Iterable[int], values: SortValues) -> list[Update]:
        added = sorted(uids)
        if not added:
            return []
        if self._uids and added[0] < self._uids[-1]:
            self._uids = array("I", sorted((*self._uids, *added)))
        else:
            self._uids.extend(added)
        return [Update(0, added)]


class SortedOrder:
    """The results of SORT: what each is sorted by is kept, to find the place of a new one."""

    def __init__(self, uids: Iterable[int], values: SortValues) -> None:
        self._uids = list(uids)
        self._values = [values[uid] for uid in self._uids]
        self._known = set(self._uids)

    def __len__(self) -> int:
        return len(self._uids)

    def __contains__(self, uid: object) -> bool:
        return uid in self._known

    def remove(self, uids: Collection[int]) -> list[Update]:
        gone = self._known.intersection(uids)
        if not gone:
            return []
        updates: list[tuple[int, list[int]]] = []
        passed = 0
        for place, uid in enumerate(self._uids):
            if uid in gone:
                position = place - passed + 1
                if updates and updates[-1][0] == position:
                    updates[-1][1].append(uid)
                else:
                    updates.append((position, [uid]))
                passed += 1
        kept = [place for place, uid in enumerate(self._uids) if uid not in gone]
        self._uids = [self._uids[place] for place in kept]
        self._values = [self._values[place] for place in kept]
        self._known -= gone
        return [Update(*update) for update in updates]

    def insert(self, uids: Iterable[int], values: SortValues) -> list[Update]:
        updates: list[tuple[int, list[int]]] = []
        for uid in sorted(uids, key=values.__getitem__):
            place = bisect_left(self._values, values[uid])
            self._uids.insert(place, uid)
            self._values.insert(place, values[uid])
            self._known.add(uid)
            if updates and updates[-1][0] + len(updates[-1][1]) == place + 1:
                updates[-1][1].append(uid)
            else:
                updates.append((place + 1, [uid]))
        return [Update(*update) for update in updates]
