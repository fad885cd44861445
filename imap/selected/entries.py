"""What does not change of the messages of a selected mailbox, kept once it was read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from imap.backend import Entries

_COLUMNS: Final = 3
"""Internal dates, sizes, saving dates."""


class EntryColumns:
    """Entries in columns that are aligned with the mailbox's UIDs: 45 octets a message and no objects."""

    __slots__ = ("_columns", "_ids", "_known", "_width")

    def __init__(self, count: int) -> None:
        self._known = bytearray(count)
        self._columns = tuple(array("q", bytes(8 * count)) for _ in range(_COLUMNS))
        self._ids = bytearray()
        self._width = 0
        """Octets of a message's id, once one is known."""

    @property
    def octets(self) -> int:
        """The memory that they take."""
        return len(self._known) * (1 + 8 * _COLUMNS + self._width)

    def unknown(self, positions: Sequence[int]) -> Sequence[int]:
        """Those of the positions of which nothing is known yet."""
        if isinstance(positions, range) and self._known.find(0, positions.start, positions.stop) < 0:
            return ()
        return [position for position in positions if not self._known[position]]

    def set(self, positions: Sequence[int], entries: Entries) -> None:
        """Keep these entries at these positions, a range where they follow each other."""
        if not entries:
            return
        if not isinstance(positions, range):
            for index, position in enumerate(positions):
                self.set(range(position, position + 1), entries[index : index + 1])
            return
        width, start, stop = len(entries.joined_ids) // len(entries), positions.start, positions.stop
        if not self._width:
            self._width = width
            self._ids = bytearray(width * len(self._known))
        if width != self._width:
            raise ValueError("message ids are not of one length")
        self._ids[start * width : stop * width] = entries.joined_ids
        for column, values in zip(self._columns, entries.numbers, strict=True):
            column[start:stop] = array("q", values)
        self._known[start:stop] = b"\1" * len(positions)

    def entries(self, uids: Sequence[int], positions: Sequence[int]) -> Entries:
        """The entries of the messages at these positions of all ``uids``; unknown ones are left out."""
        width = self._width
        if not isinstance(positions, range) or self._known.find(0, positions.start, positions.stop) >= 0:
            known = [position for position in positions if self._known[position]]
            ids = b"".join([self._ids[position * width : (position + 1) * width] for position in known])
            values = ([column[position] for position in known] for column in self._columns)
            return Entries([uids[position] for position in known], ids, *values)
        start, stop = positions.start, positions.stop
        ids = bytes(self._ids[start * width : stop * width])
        return Entries(uids[start:stop], ids, *(column[start:stop] for column in self._columns))

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
