"""How far an LDAP server was looked at, what is known of its entries, and what a look finds new, changed or gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from directory.readers.ldap_entry import Entry

T = TypeVar("T")


class PositionLostError(Exception):
    """What changed since the last look cannot be told: everything is to be compared."""


def _nothing(_: Entry) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Watch:
    """A branch that is looked at: the object classes of its entries, and what is noted of each, from `attributes`."""

    branch: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    note: Callable[[Entry], str] = _nothing


class Branch(msgspec.Struct, frozen=True):
    """How far a branch was looked at. `entries` has a number of each entry and what is noted of it, as `encoded` gives
    them: they are of no use to a look that finds nothing new.
    """

    entries: msgspec.Raw
    cookie: bytes = b""
    since: str = ""
    """The latest modifyTimestamp."""
    seen: frozenset[bytes] = frozenset()
    """The states of entries that changed in the last few minutes."""

    def notes(self) -> dict[bytes, str]:
        """What is noted of each entry, by number. Raises PositionLostError."""
        return _decoded(self.entries, dict[bytes, str])


class Position(msgspec.Struct, frozen=True):
    """How far a server was looked at, and by which way."""

    way: str
    branches: tuple[Branch, ...]

    def encode(self) -> bytes:
        """As it is kept."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, kept: bytes) -> Position:
        """What was kept. Raises PositionLostError."""
        return _decoded(kept, cls)


class Touched(NamedTuple):
    """An entry that is new, changed or gone: its DN, empty when it is gone; what was noted of it, and what is now: None
    when it was, or is, not there.
    """

    dn: str
    before: str | None
    now: str | None


@dataclass(slots=True)
class Look:
    """What a look found, branch by branch, and the position from which the next begins."""

    position: Position
    touched: list[list[Touched]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(self.touched)


def encoded(notes: Mapping[bytes, str]) -> msgspec.Raw:
    """The `entries` of a branch."""
    return msgspec.Raw(msgspec.msgpack.encode(notes))


def follow_notes(
    watch: Watch, notes: dict[bytes, str], named: Mapping[bytes, Entry], gone: set[bytes]
) -> list[Touched]:
    """Bring notes up to date: those of entries that are new or changed, and of those that are gone. What it touches."""
    touched = []
    for number, entry in named.items():
        now = watch.note(entry)
        touched.append(Touched(entry.dn, notes.get(number), now))
        notes[number] = now
    return touched + [Touched("", notes.pop(number), None) for number in sorted(gone)]


def _decoded(kept: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(kept, type=kind)
    except msgspec.DecodeError as error:
        raise PositionLostError("what was kept of the last look cannot be read") from error
