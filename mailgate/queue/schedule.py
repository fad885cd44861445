"""When something is tried again, and what goes first: pure functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

JITTER: Final = 0.2
"""Share by which a pause is shortened or lengthened, so that what failed together does not come back together."""
LONGEST_SILENCE: Final = 3_600
"""Seconds at the most that a domain whose servers fail is left alone: new mail for it is not to wait for ever."""
_FEW: Final = 10


class Priority(IntEnum):
    """What goes first to the same domain."""

    PERSONAL = 0
    NORMAL = 1
    BULK = 2
    UNHINDERED = 3
    """Tried also while servers are left alone: they may be so for their TLS, which this message does without."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds: the pauses between attempts, the last of which is repeated; the life of a message; the first notice."""

    pauses: Sequence[int]
    expiry: int
    notice: int

    def pause(self, attempts: int, chance: float) -> int:
        """Before the next attempt after so many; `chance` is a random number from 0 to 1."""
        pause = self.pauses[min(max(attempts, 1), len(self.pauses)) - 1]
        return max(1, round(pause * (1 + JITTER * (2 * chance - 1))))

    def silence(self, failures: int, chance: float) -> int:
        """Before a domain is tried again whose servers failed so many times in a row."""
        return min(self.pause(failures, chance), LONGEST_SILENCE)

    def first_notice(self, created_at: int, expires_at: int) -> int:
        """When the sender is told that the message waits; the end of its life where there is no such notice."""
        return min(created_at + self.notice, expires_at) if self.notice else expires_at


def priority_of(recipients: int, *, of_list: bool = False) -> Priority:
    """A reply to a few people goes before a message to many, and that before copies of a list."""
    if of_list:
        return Priority.BULK
    return Priority.PERSONAL if recipients <= _FEW else Priority.NORMAL
