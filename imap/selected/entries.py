"""What the store said of the messages of a selected mailbox, kept beside its columns and never asked for twice."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Final

from imap.backend import Entry

_TYPES: Final = "qqq"
"""Internal dates, sizes, saving dates."""
_make_entry: Final[Callable[[Iterable[object]], Entry]] = partial(tuple.__new__, Entry)
"""`Entry._make` without its count of the fields."""


class EntryColumns:
    """Entries in columns that are aligned with the mailbox's UIDs: 45 octets a message and no objects."""

    __slots__ = ("_columns", "_ids", "_known", "_width")

    def __init__(self, count: int) -> None:
        self._known = bytearray(count)
        self._columns = tuple(array(code, bytes(8 * count)) for code in _TYPES)
        self._ids = bytearray()
        self._width = 0
        """Octets of a message's id, once one is known."""

    @property
    def octets(self) -> int:
        """The memory that they take."""
        return len(self._known) * (1 + 8 * len(_TYPES) + self._width)

    def unknown(self, positions: Sequence[int]) -> list[int]:
        """Those of the positions of which nothing is known yet."""
        if isinstance(positions, range) and self._known.find(0, positions.start, positions.stop) < 0:
            return []
        return [position for position in positions if not self._known[position]]

    def set(self, positions: Sequence[int], entries: Sequence[Entry]) -> None:
        """Keep these entries at these positions, a range where they follow each other."""
        if not entries:
            return
        if not self._width:
            self._width = len(entries[0].message_id)
            self._ids = bytearray(self._width * len(self._known))
        width = self._width
        if isinstance(positions, range):
            start, stop = positions.start, positions.stop
            _, ids, *values = zip(*entries, strict=True)
            joined = b"".join(ids)
            if len(joined) != width * len(positions):
                raise ValueError("message ids are not of one length")
            self._ids[start * width : stop * width] = joined
            for column, code, new in zip(self._columns, _TYPES, values, strict=True):
                column[start:stop] = array(code, new)
            self._known[start:stop] = b"\1" * len(positions)
            return
        for position, entry in zip(positions, entries, strict=True):
            self.set(range(position, position + 1), [entry])

    def entries(self, uids: Sequence[int], start: int) -> list[Entry]:
        """The entries of the messages at `start` and following, whose UIDs are given; unknown ones are left out."""
        width, stop = self._width, start + len(uids)
        if not width:
            return []
        ids = bytes(self._ids[start * width : stop * width])
        found = zip(
            uids,
            [ids[place : place + width] for place in range(0, len(ids), width)],
            *(column[start:stop] for column in self._columns),
            strict=True,
        )
        return list(map(_make_entry, compress(found, self._known[start:stop])))

    def append(self, count: int) -> None:
        """So many messages more, of which nothing is known."""
        self._known += bytes(count)
        self._ids += bytes(self._width * count)
        for column in self._columns:
            column.frombytes(bytes(8 * count))

    def remove(self, positions: Sequence[int]) -> None:
        """The messages at these ascending positions are gone."""
        for position in reversed(positions):
            del self._known[position]
            del self._ids[position * self._width : (position + 1) * self._width]
            for column in self._columns:
                del column[position]
