"""The reference of a run: what was written, by the results of the writes themselves, and what clients were told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from imap import flags
from imap.backend import Appended, Change, Copied, MailboxRef, NewMessage

Flags: TypeAlias = "frozenset[bytes]"
Place: TypeAlias = tuple[MailboxRef, int]


def named(mask: int, keywords: Iterable[str]) -> Flags:
    """Flags as they are on the wire."""
    return frozenset(name.encode() for name in flags.flag_names(mask, tuple(keywords)))


@dataclass
class History:
    """Facts that may never contradict each other, whoever is told them."""

    told: set[tuple[str, int, Flags]] = field(default_factory=set)
    """Flags of a message by its mailbox and UID, at whatever time."""
    _facts: dict[tuple[object, ...], object] = field(default_factory=dict)
    _states: dict[Place, set[Flags]] = field(default_factory=dict)
    _keywords: dict[MailboxRef, tuple[str, ...]] = field(default_factory=dict)
    _made: set[Place] = field(default_factory=set)
    """Messages that a command made; the others were delivered, without flags."""
    _copied: list[tuple[Place, Place]] = field(default_factory=list)

    def same(self, what: tuple[object, ...], value: object) -> None:
        """A fact that is the same for ever: the content of a UID, the flags at a modification sequence."""
        assert self._facts.setdefault(what, value) == value, f"{what}: {value!r}, was {self._facts[what]!r}"

    def named_by(self, ref: MailboxRef, keywords: tuple[str, ...]) -> None:
        """A mailbox's keywords, which only become more."""
        self._keywords[ref] = max(self._keywords.get(ref, ()), keywords, key=len)

    def stored(self, ref: MailboxRef, changed: Iterable[Change]) -> None:
        """The result of STORE."""
        for uid, mask, _ in changed:
            self._states.setdefault((ref, uid), set()).add(named(mask, self._keywords.get(ref, ())))

    def appended(self, appended: Appended, messages: Iterable[NewMessage]) -> None:
        """The result of APPEND or REPLACE."""
        for uid, message in zip(appended.uids, messages, strict=True):
            names = frozenset(name.encode() for name in message.keywords)
            self._new((appended.mailbox, uid)).add(named(message.flags, ()) | names)

    def copied(self, source: MailboxRef, copied: Copied) -> None:
        """The result of COPY or MOVE."""
        for old, new in zip(copied.source, copied.target, strict=True):
            self._new((copied.mailbox, new))
            self._copied.append(((source, old), (copied.mailbox, new)))

    def _new(self, place: Place) -> set[Flags]:
        assert place not in self._made, f"UID given twice: {place}"
        self._made.add(place)
        return self._states.setdefault(place, set())

    def check(self, places: dict[str, MailboxRef], *, own_seen: bool) -> None:
        """Every flag that was told had been written; ``own_seen``: but for ``\\Seen``, which each reader has alone."""
        copies: dict[Place, list[Place]] = {}
        for old, new in self._copied:
            copies.setdefault(new, []).append(old)

        def states(place: Place) -> set[Flags]:
            found = set(self._states.get(place, ()))
            for old in copies.get(place, ()):
                found |= states(old)
            return found if place in self._made else found | {frozenset()}

        hidden = {b"\\Seen"} if own_seen else set()
        for box, uid, told in self.told:
            written = {one - hidden for one in states((places[box], uid))}
            assert told - hidden in written, f"{box} {uid}: {told} was never so, but {written}"
