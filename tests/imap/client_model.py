"""What a strict client believes about its mailbox from the responses alone; a breach of the rules fails at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FETCH = re.compile(rb"\* (\d+) FETCH \((.*)\)", re.DOTALL)
_UID = re.compile(rb"\bUID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")


@dataclass
class Belief:
    """One message: nothing is known of it until it is told."""

    uid: int | None = None
    flags: frozenset[bytes] | None = None


@dataclass
class ClientModel:
    """The messages by sequence number."""

    messages: list[Belief] = field(default_factory=list)
    selected: bool = False

    def select(self) -> None:
        """A new mailbox is being opened."""
        self.messages = []
        self.selected = True

    def hear(self, line: bytes, *, expunge_allowed: bool) -> None:
        """Take one untagged response."""
        if found := re.fullmatch(rb"\* (\d+) EXISTS", line):
            count = int(found.group(1))
            assert count >= len(self.messages), f"EXISTS went down: {line!r}"
            self.messages += [Belief() for _ in range(count - len(self.messages))]
        elif found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            assert expunge_allowed, f"EXPUNGE at the wrong time: {line!r}"
            number = int(found.group(1))
            assert 1 <= number <= len(self.messages), f"EXPUNGE of no message: {line!r}"
            del self.messages[number - 1]
        elif line.startswith(b"* VANISHED ") and b"EARLIER" not in line:
            assert expunge_allowed, f"VANISHED at the wrong time: {line!r}"
            self._vanish(line.removeprefix(b"* VANISHED "))
        elif found := _FETCH.fullmatch(line):
            self._fetched(int(found.group(1)), found.group(2))
        elif found := re.fullmatch(rb"\* (\d+) RECENT", line):
            assert int(found.group(1)) <= len(self.messages)

    def _vanish(self, text: bytes) -> None:
        gone = set()
        for piece in text.split(b","):
            first, _, last = piece.partition(b":")
            gone |= set(range(int(first), int(last or first) + 1))
        for uid in gone:
            self._forget(uid)

    def _forget(self, uid: int) -> None:
        """One message less; where its UID was never told, one that stands where it must have stood."""
        low = max((n for n, belief in enumerate(self.messages) if (belief.uid or uid) < uid), default=-1)
        high = min(
            (n for n, belief in enumerate(self.messages) if (belief.uid or uid) > uid), default=len(self.messages)
        )
        between = self.messages[low + 1 : high]
        assert between, f"VANISHED of a message never told: {uid}"
        told = [belief.uid for belief in between]
        del self.messages[low + 1 + (told.index(uid) if uid in told else 0)]
        if uid not in told:
            for belief in between:
                belief.flags = None

    def store_silently(self) -> None:
        """The client changed flags itself and asked not to be told."""
        for belief in self.messages:
            belief.flags = None

    def _fetched(self, number: int, items: bytes) -> None:
        assert 1 <= number <= len(self.messages), f"FETCH of message {number} of {len(self.messages)}"
        belief = self.messages[number - 1]
        if found := _UID.search(items):
            uid = int(found.group(1))
            assert belief.uid in {None, uid}, f"message {number} was UID {belief.uid}, is now {uid}"
            belief.uid = uid
        if found := _FLAGS.search(items):
            belief.flags = frozenset(found.group(1).split()) - {b"\\Recent"}

    def uids(self) -> list[int | None]:
        """What is known of the UIDs, in order; they must ascend."""
        known = [belief.uid for belief in self.messages]
        told = [uid for uid in known if uid is not None]
        assert told == sorted(set(told))
        return known
