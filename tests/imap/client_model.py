"""What a strict client believes about its mailbox from the responses alone; a breach of the rules fails at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.imap.client_contexts import Context, numbers_of
from tests.imap.history import History

_FETCH = re.compile(rb"\* (\d+) (UID)?FETCH \((.*)\)", re.DOTALL)
_UID = re.compile(rb"\bUID (\d+)")
_MODSEQ = re.compile(rb"\bMODSEQ \((\d+)\)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_SUBJECT = re.compile(rb"\r\nSubject: (\S+)")
_HIGHEST = re.compile(rb"\* OK \[HIGHESTMODSEQ (\d+)\]")
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "([^"]+)"\)( UID)?(?: (.*))?')
_STATUS = re.compile(rb"\* STATUS (\S+) \(.*\bUIDNEXT (\d+).*\)")

Flags: TypeAlias = "frozenset[bytes]"


@dataclass(eq=False)
class Belief:
    """One message: nothing is known of it until it is told."""

    uid: int | None = None
    flags: Flags | None = None


@dataclass
class Cache:
    """What a client that enabled QRESYNC keeps on disk (RFC 7162 section 6)."""

    uidvalidity: int
    modseq: int
    messages: dict[int, Flags] = field(default_factory=dict)


@dataclass
class ClientModel:
    """The messages of the selected mailbox, in the order of their sequence numbers."""

    history: History = field(default_factory=History)
    """What all clients were told, to be compared between them."""
    reader: str = ""
    """Who reads: flags may differ from one person to the next."""
    uidonly: bool = False
    qresync: bool = False
    expunges_any_time: bool = False
    """NOTIFY with SELECTED: expunges are told also within commands that were sent meanwhile (RFC 5465 section 5.2)."""
    box: str = ""
    messages: list[Belief] = field(default_factory=list)
    contexts: dict[str, Context] = field(default_factory=dict)
    caches: dict[str, Cache] = field(default_factory=dict)
    """By mailbox, also of those that are not selected now."""
    modseq: int = 0
    """The client's copy of HIGHESTMODSEQ."""
    uidvalidity: int = 0
    _heard: int = 0
    _code: int = 0
    _uidnexts: dict[bytes, int] = field(default_factory=dict)

    # The client acts

    def select(self, box: str) -> Cache | None:
        """A mailbox is being opened; give what is cached of it, unless it is not known up to when that holds."""
        self.box = box
        if box in self.caches and not self.caches[box].modseq:
            del self.caches[box]
        self.messages, self.contexts = [], {}
        self.modseq = self.uidvalidity = self._heard = self._code = 0
        return self.caches.get(box)

    def selected(self) -> None:
        """The mailbox is open: a cache that is brought up to date holds every message (RFC 7162 section 3.2.5)."""
        if not self.qresync:
            return
        cache = self.caches.get(self.box)
        if cache is None or cache.uidvalidity != self.uidvalidity:
            self.caches[self.box] = Cache(self.uidvalidity, 0)
        self.completed()

    def completed(self) -> None:
        """A tagged response: the new HIGHESTMODSEQ is calculated as RFC 7162 section 6 says."""
        if self._code:
            self.modseq = self._code
        else:
            self.modseq = max(self.modseq, self._heard)
        self._heard = self._code = 0
        cache = self.caches.get(self.box)
        if cache is not None and self._is_whole(cache):
            cache.modseq = self.modseq

    def _is_whole(self, cache: Cache) -> bool:
        """A client writes down how far it is once it has asked for all messages it was told of."""
        return len(cache.messages) == len(self.messages)

    def store_silently(self) -> None:
        """The client changed flags itself and asked not to be told."""
        for belief in self.messages:
            belief.flags = None

    # The client hears

    def hear(self, line: bytes, *, expunge_allowed: bool) -> None:
        """Take one untagged response."""
        expunge_allowed = expunge_allowed or self.expunges_any_time
        if found := re.fullmatch(rb"\* (\d+) EXISTS", line):
            count = int(found.group(1))
            assert count >= len(self.messages), f"EXISTS went down: {line!r}"
            self.messages += [Belief() for _ in range(count - len(self.messages))]
        elif found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            assert expunge_allowed, f"EXPUNGE at the wrong time: {line!r}"
            assert not self.qresync, f"EXPUNGE instead of VANISHED: {line!r}"
            assert not self.uidonly, f"EXPUNGE instead of VANISHED: {line!r}"
            self._expunged(int(found.group(1)))
        elif line.startswith(b"* VANISHED (EARLIER) "):
            self._vanished_earlier(numbers_of(line.removeprefix(b"* VANISHED (EARLIER) ")))
        elif line.startswith(b"* VANISHED "):
            assert expunge_allowed, f"VANISHED at the wrong time: {line!r}"
            assert self.qresync or self.uidonly, f"VANISHED to a client that does not know it: {line!r}"
            for uid in numbers_of(line.removeprefix(b"* VANISHED ")):
                self._forget(uid)
        elif found := _FETCH.fullmatch(line):
            self._fetched(int(found.group(1)), found.group(3), by_uid=found.group(2) is not None)
        elif found := re.fullmatch(rb"\* (\d+) RECENT", line):
            assert int(found.group(1)) <= len(self.messages)
        elif found := _ESEARCH.fullmatch(line):
            self._results(found.group(1).decode(), found.group(3) or b"", uid=found.group(2) is not None)
        else:
            self._hear_state(line)

    def _hear_state(self, line: bytes) -> None:
        """What tells of the mailbox as a whole."""
        if found := _HIGHEST.match(line):
            self._code = int(found.group(1))
        elif found := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
            self.uidvalidity = int(found.group(1))
            self.history.same(("uidvalidity", self.box), self.uidvalidity)
        elif found := _STATUS.fullmatch(line):
            name, uidnext = found.group(1), int(found.group(2))
            assert uidnext >= self._uidnexts.get(name, 0), f"UIDNEXT went down: {line!r}"
            self._uidnexts[name] = uidnext

    def hear_completion(self, line: bytes) -> None:
        """The tagged response."""
        if found := re.match(rb"\S+ OK \[HIGHESTMODSEQ (\d+)\]", line):
            self._code = int(found.group(1))
        self.completed()

    def _expunged(self, number: int) -> None:
        assert 1 <= number <= len(self.messages), f"EXPUNGE of message {number} of {len(self.messages)}"
        belief = self.messages.pop(number - 1)
        for context in self.contexts.values():
            assert not context.holds(belief), "an expunged message is still in the results (RFC 5267 section 4.3.4)"

    def _vanished_earlier(self, uids: Iterable[int]) -> None:
        assert self.qresync, "VANISHED (EARLIER) to a client that does not know it"
        known = {belief.uid for belief in self.messages}
        for uid in uids:
            assert uid not in known, f"VANISHED (EARLIER) of message {uid}, which the session shows"
            if cache := self.caches.get(self.box):
                cache.messages.pop(uid, None)

    def _forget(self, uid: int) -> None:
        """One message less; where its UID was never told, one that stands where it must have stood."""
        for context in self.contexts.values():
            assert uid not in context.results, "a vanished message is still in the results (RFC 5267 section 4.3.4)"
        if cache := self.caches.get(self.box):
            cache.messages.pop(uid, None)
        if self.uidonly:
            self._forget_anywhere(uid)
            return
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

    def _forget_anywhere(self, uid: int) -> None:
        """The same for a client that knows no order but that of UIDs."""
        fit = [n for n, belief in enumerate(self.messages) if belief.uid == uid]
        fit = fit or [n for n, belief in enumerate(self.messages) if belief.uid is None]
        assert fit, f"VANISHED of a message never told: {uid}"
        del self.messages[fit[0]]

    def _fetched(self, number: int, items: bytes, *, by_uid: bool) -> None:
        assert by_uid == self.uidonly, f"a message number to a client that enabled UIDONLY, or the opposite: {items!r}"
        told = number if by_uid else None
        if found := _UID.search(items):
            assert told in {None, int(found.group(1))}
            told = int(found.group(1))
        belief = self._belief_of(number) if by_uid else self._belief_at(number)
        if told is not None:
            assert belief.uid in {None, told}, f"message {number} was UID {belief.uid}, is now {told}"
            belief.uid = told
        if found := _FLAGS.search(items):
            belief.flags = frozenset(found.group(1).split()) - {b"\\Recent"}
            self._told_flags(belief, belief.flags, _MODSEQ.search(items))
        if found := _MODSEQ.search(items):
            self._heard = max(self._heard, int(found.group(1)))
        if belief.uid is not None and (found := _SUBJECT.search(items)):
            self.history.same(("content", self.box, belief.uid), found.group(1))

    def _told_flags(self, belief: Belief, flags: Flags, modseq: re.Match[bytes] | None) -> None:
        if belief.uid is None:
            return
        self.history.told.add((self.box, belief.uid, flags))
        if modseq is not None:
            self.history.same(("flags", self.reader, self.box, belief.uid, int(modseq.group(1))), flags)
        if cache := self.caches.get(self.box):
            cache.messages[belief.uid] = flags

    def _belief_at(self, number: int) -> Belief:
        assert 1 <= number <= len(self.messages), f"FETCH of message {number} of {len(self.messages)}"
        return self.messages[number - 1]

    def _belief_of(self, uid: int) -> Belief:
        """The message with this UID, or one whose UID was never told: the client does not know where these stand."""
        for belief in self.messages:
            if belief.uid == uid:
                return belief
        unknown = [belief for belief in self.messages if belief.uid is None]
        assert unknown, f"UIDFETCH of UID {uid}, one message too many"
        unknown[0].uid = uid
        self.messages.sort(key=lambda belief: (belief.uid is None, belief.uid))
        return unknown[0]

    def _results(self, tag: str, data: bytes, *, uid: bool) -> None:
        context = self.contexts.get(tag)
        if context is None:
            return
        assert uid == context.uid
        context.hear(data, self.messages)

    def uids(self) -> list[int | None]:
        """What is known of the UIDs, in order; they must ascend."""
        known = [belief.uid for belief in self.messages]
        told = [uid for uid in known if uid is not None]
        assert told == sorted(set(told))
        return known
