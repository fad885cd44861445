"""The results of a search as a client keeps them by ADDTO and REMOVEFROM (RFC 5267 section 4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_UPDATE = re.compile(rb"(ADDTO|REMOVEFROM) \(([^)]*)\)")
_ALL = re.compile(rb"\bALL ([0-9:,]+)")


def numbers_of(text: bytes) -> Iterator[int]:
    """The numbers of a set, in their order."""
    for piece in text.split(b","):
        first, _, last = piece.partition(b":")
        yield from range(int(first), int(last or first) + 1)


@dataclass
class Context:
    """One searching command with UPDATE: UIDs, or the client's own notion of a message where numbers are used."""

    key: str
    uid: bool
    ordered: bool = False
    """SORT: positions are told."""
    results: list[object] = field(default_factory=list)

    def holds(self, message: object) -> bool:
        """Whether a message is among the results: by itself, or by the UID that the client knows of it."""
        return any(one is message or one == getattr(message, "uid", message) for one in self.results)

    def hear(self, data: bytes, messages: Sequence[object]) -> None:
        """Take the data of an ESEARCH response; ``messages`` are those that numbers name now."""
        if found := _ALL.search(data):
            assert not self.results, "the results are told twice"
            self.results += self._named(found.group(1), messages)
        for update in _UPDATE.finditer(data):
            pairs = update.group(2).split()
            for position, numbers in zip(pairs[::2], pairs[1::2], strict=True):
                for shift, one in enumerate(self._named(numbers, messages)):
                    if update.group(1) == b"ADDTO":
                        self._add(int(position), shift, one)
                    else:
                        self._remove(int(position), one)

    def _named(self, text: bytes, messages: Sequence[object]) -> list[object]:
        if self.uid:
            return list(numbers_of(text))
        numbers = list(numbers_of(text))
        assert all(1 <= number <= len(messages) for number in numbers), f"results of no message: {text!r}"
        return [messages[number - 1] for number in numbers]

    def _add(self, position: int, shift: int, one: object) -> None:
        assert not any(one is other or (self.uid and one == other) for other in self.results), f"ADDTO twice: {one}"
        assert bool(position) == self.ordered
        if self.ordered:
            assert position + shift <= len(self.results) + 1, f"ADDTO beyond the end: {position}"
            self.results.insert(position + shift - 1, one)
        else:
            self.results.append(one)

    def _remove(self, position: int, one: object) -> None:
        places = [n for n, other in enumerate(self.results) if one is other or (self.uid and one == other)]
        assert places, f"REMOVEFROM of what is not there: {one}"
        assert not position or places == [position - 1], f"REMOVEFROM at {position}, it stands at {places[0] + 1}"
        del self.results[places[0]]
