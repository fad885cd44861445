"""Entries: what a mailbox knows of its messages that does not change."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, overload


class Entry(NamedTuple):
    """One message in one mailbox: what does not change."""

    uid: int
    message_id: bytes
    """The content's key, shared by all copies; all keys of a server are of one length."""
    internal_date: int
    size: int
    saved_at: int
    """When it came into this mailbox (RFC 8514)."""


_make_entry: Final[Callable[[Iterable[object]], Entry]] = partial(tuple.__new__, Entry)
"""`Entry._make` without its count of the fields."""


class Entries(Sequence[Entry]):
    """Entries column by column: who looks at one column of many messages makes no object for each."""

    __slots__ = ("_width", "internal_dates", "joined_ids", "saved_at", "sizes", "uids")

    def __init__(
        self,
        uids: Sequence[int] = (),
        joined_ids: bytes = b"",
        internal_dates: Sequence[int] = (),
        sizes: Sequence[int] = (),
        saved_at: Sequence[int] = (),
    ) -> None:
        """Columns of one length, and the message ids end to end. Raises ValueError for ids that cannot be."""
        self.uids = uids
        self.joined_ids = joined_ids
        self.internal_dates = internal_dates
        self.sizes = sizes
        self.saved_at = saved_at
        self._width = len(joined_ids) // max(len(uids), 1)
        if self._width * len(uids) != len(joined_ids):
            raise ValueError("message ids are not of one length")

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """The same entries. Raises ValueError when their message ids are not of one length."""
        rows = list(entries)
        if not rows:
            return cls()
        uids, ids, *columns = zip(*rows, strict=True)
        if len(set(map(len, ids))) > 1:
            raise ValueError("message ids are not of one length")
        return cls(uids, b"".join(ids), *(array("q", column) for column in columns))

    @property
    def numbers(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """The other columns: internal dates, sizes, saving dates."""
        return self.internal_dates, self.sizes, self.saved_at

    @property
    def message_ids(self) -> list[bytes]:
        """The contents' keys."""
        ids, width = self.joined_ids, self._width
        return [ids[place : place + width] for place in range(0, len(ids), width or 1)]

    def only(self, indexes: Sequence[int]) -> Entries:
        """Some of them."""
        ids = self.message_ids
        return Entries(
            [self.uids[index] for index in indexes],
            b"".join([ids[index] for index in indexes]),
            *([column[index] for index in indexes] for column in self.numbers),
        )

    def __len__(self) -> int:
        return len(self.uids)

    def __iter__(self) -> Iterator[Entry]:
        return map(_make_entry, zip(self.uids, self.message_ids, *self.numbers, strict=True))

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Entries: ...

    def __getitem__(self, index: int | slice) -> Entry | Entries:
        place = range(len(self))[index]
        if isinstance(place, range):
            return self.only(place)
        key = self.joined_ids[place * self._width : (place + 1) * self._width]
        return _make_entry((self.uids[place], key, *(column[place] for column in self.numbers)))
