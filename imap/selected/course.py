"""Whether a session reads one message after the other, and how far ahead it is worth to read."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 4
_MOST: Final = 32
"""Messages read ahead: twice as many each time that the client went on in order."""


class Course:
    """The positions that a session reads bodies of."""

    __slots__ = ("_expected", "_until", "_window")

    def __init__(self) -> None:
        self._expected = self._until = self._window = 0

    def after(self, asked: range, count: int) -> range:
        """The positions below ``count`` to read together with those asked for: none where they were read ahead."""
        in_order = asked.start == self._expected
        self._expected = asked.stop
        if not in_order:
            self._until = self._window = 0
        elif asked.stop > self._until:
            self._window = min(max(_FIRST, 2 * self._window), _MOST)
            self._until = min(asked.stop + self._window, count)
            return range(asked.stop, max(asked.stop, self._until))
        return range(0)
