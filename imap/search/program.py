"""The course of a search: which facts are read, for which messages, in which batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from imap.backend import Entry, MailboxRef, Rendered, Rendering
from imap.message import LISTING_FIELDS
from imap.message.scanner import MAX_HEADER
from imap.message.text import MAX_TEXT
from imap.objectid import thread_id
from imap.parsing.search_keys import SearchKey
from imap.search.facts import Facts, FoldedTexts, Header, Indexed, Level
from imap.search.plan import Plan, make_plan
from imap.search.sent import GONE
from imap.search.texts import WholeMessage, read_parts
from imap.search.view import SearchSource, SearchView

_BATCHES: Final = {
    Level.MEMORY: 20_000,
    Level.ENTRY: 5_000,
    Level.INDEX: 20_000,
    Level.SENT: 20_000,
    Level.HEADER: 500,
    Level.CONTENT: 200,
}
"""Messages decided at once."""
_MIB: Final = 1024 * 1024
_MOST_READ: Final = {Level.HEADER: (MAX_HEADER, 32 * _MIB), Level.CONTENT: (MAX_TEXT, _MIB)}
"""Octets that are read of one message at most, and of a batch together."""
_WHOLE: Final = 256 * 1024
"""A message up to this size is read whole, of a larger one only its text parts."""
_IN_LOOP: Final = frozenset({Level.MEMORY, Level.ENTRY, Level.INDEX, Level.SENT})
_WORK_IN_LOOP: Final = 60_000
"""Messages times keys that are decided in the event loop: a few milliseconds. More goes to a thread."""
_LISTING: Final = frozenset(name.lower() for name in LISTING_FIELDS)


Progress: TypeAlias = Callable[[int, int], Awaitable[None]]
"""Is told, batch by batch, how many messages are decided, and of how many."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    positions: list[int]
    """Ascending."""
    relevancy: Mapping[int, int]
    """Of each position from 1 to 100; empty when there are no fuzzy texts, which stands for 100.

    The mean over the fuzzy texts: 0 for one that the message does not fit, or that did not have to be read.
    """


async def search(
    key: SearchKey,
    view: SearchView,
    source: SearchSource,
    mailbox: MailboxRef,
    progress: Progress | None = None,
) -> list[int]:
    """The UIDs of the messages that fit, ascending.

    Messages that were expunged meanwhile are left out where their content would have to be read. Cancelling is safe:
    a batch under way in a thread ends by itself.
    """
    found = await find(key, view, source, mailbox, progress)
    return list(map(view.uids.__getitem__, found.positions))


async def find(
    key: SearchKey,
    view: SearchView,
    source: SearchSource,
    mailbox: MailboxRef,
    progress: Progress | None = None,
) -> Found:
    """As `search`, but positions, with the relevancy that FUZZY gives."""
    plan = make_plan(key, view)
    found: list[int] = []
    doubt: Sequence[int] = range(len(view.uids))
    loader = _Loader(plan, view, source, mailbox)
    decided = 0
    for level in sorted(plan.levels):
        still_in_doubt: list[int] = []
        for start in range(0, len(doubt), _BATCHES[level]):
            async for batch, facts in loader.load(level, doubt[start : start + _BATCHES[level]]):
                if level in _IN_LOOP and len(batch) * plan.keys <= _WORK_IN_LOOP:
                    verdict = plan.decide(facts, batch)
                else:
                    verdict = await asyncio.to_thread(plan.decide, facts, batch)
                found += verdict.fit
                still_in_doubt += verdict.doubt
                decided += len(batch) - len(verdict.doubt)
                if progress is not None:
                    await progress(decided, len(view.uids))
        doubt = still_in_doubt
    found.sort()
    return Found(found, _relevancies(found, loader.indexed))


def _relevancies(found: Sequence[int], indexed: Indexed) -> dict[int, int]:
    fuzzy = [hits for key, hits in indexed.hits.items() if key.fuzzy]
    if not fuzzy:
        return {}
    return {p: max(1, round(sum(hits.get(p, 0) for hits in fuzzy) / len(fuzzy))) for p in found}


class _Loader:
    """Reads the facts of a level for messages in doubt."""

    def __init__(self, plan: Plan, view: SearchView, source: SearchSource, mailbox: MailboxRef) -> None:
        self.plan = plan
        self.view = view
        self.source = source
        self.mailbox = mailbox
        self.indexed = Indexed({key: {} for key in plan.texts})

    async def load(self, level: Level, positions: Sequence[int]) -> AsyncIterator[tuple[Sequence[int], Facts]]:
        """The positions in batches of bounded size with their facts; messages that are gone are left out."""
        if level is Level.MEMORY:
            yield positions, Facts(level)
            return
        sent: dict[int, int] = {}
        if level >= Level.SENT and Level.SENT in self.plan.levels:
            sent = await self._sent_days(positions)
            positions = list(sent)
        if level is Level.SENT and self.plan.levels <= {Level.MEMORY, Level.SENT}:
            yield positions, Facts(level, sent=sent)
            return
        entries = await self._entries(positions)
        threads = await self._threads(entries) if self.plan.threads else {}
        if self.plan.threads:
            entries = {position: entry for position, entry in entries.items() if position in threads}
        if level is Level.ENTRY:
            yield list(entries), Facts(level, entries, threads=threads)
            return
        if level is Level.INDEX:
            await self._ask_index(entries)
            yield list(entries), Facts(level, entries, self.indexed, threads=threads)
            return
        if level is Level.SENT:
            yield list(entries), Facts(level, entries, self.indexed, threads=threads, sent=sent)
            return
        for batch in _by_size(entries, level):
            headers = await self._headers(batch) if self.plan.fields else {}
            texts = await self._texts(batch) if level is Level.CONTENT else {}
            present = [
                position
                for position in batch
                if (not self.plan.fields or position in headers) and (level < Level.CONTENT or position in texts)
            ]
            yield present, Facts(level, batch, self.indexed, headers, texts, threads, sent)

    async def _sent_days(self, positions: Sequence[int]) -> dict[int, int]:
        days = dict(zip(positions, await self.source.sent_days(self.mailbox, self._uids(positions)), strict=True))
        return days if GONE not in days.values() else {p: day for p, day in days.items() if day != GONE}

    def _uids(self, positions: Sequence[int]) -> Sequence[int]:
        uids = self.view.uids
        if isinstance(positions, range):
            return uids[positions.start : positions.stop]
        return list(map(uids.__getitem__, positions))

    async def _entries(self, positions: Sequence[int]) -> dict[int, Entry]:
        uids = self._uids(positions)
        entries = await self.source.entries(self.mailbox, uids)
        if len(entries) == len(uids):
            return dict(zip(positions, entries, strict=True))
        position_of = dict(zip(uids, positions, strict=True))
        return {position_of[entry.uid]: entry for entry in entries}

    async def _threads(self, entries: Mapping[int, Entry]) -> dict[int, str]:
        found = await self._rendered(entries, Rendering.THREAD_KEYS)
        return {
            position: thread_id(entries[position].message_id, rendered.thread_keys)
            for position, rendered in found.items()
        }

    async def _ask_index(self, entries: Mapping[int, Entry]) -> None:
        keys = list(self.indexed.hits)
        answer = await self.source.find_text({entry.message_id for entry in entries.values()}, keys)
        for key, found in zip(keys, answer.found, strict=True):
            if found:
                hits = self.indexed.hits[key]
                hits.update((p, found[entry.message_id]) for p, entry in entries.items() if entry.message_id in found)
        if answer.unindexed:
            self.indexed.tail.update(p for p, entry in entries.items() if entry.message_id in answer.unindexed)

    async def _headers(self, entries: Mapping[int, Entry]) -> dict[int, Header]:
        if self.plan.fields <= _LISTING:
            found = await self._rendered(entries, Rendering.LISTING)
            return {position: Header(rendered.listing) for position, rendered in found.items()}
        found = await self._rendered(entries, Rendering.HEADER)
        return {position: Header(rendered.header) for position, rendered in found.items()}

    async def _rendered(self, entries: Mapping[int, Entry], which: Rendering) -> dict[int, Rendered]:
        found = await self.source.rendered({entry.message_id for entry in entries.values()}, which)
        return {p: found[entry.message_id] for p, entry in entries.items() if entry.message_id in found}

    async def _texts(self, entries: Mapping[int, Entry]) -> dict[int, FoldedTexts]:
        texts: dict[int, FoldedTexts] = {}
        small = {position: entry.message_id for position, entry in entries.items() if entry.size <= _WHOLE}
        if small:
            contents = await self.source.read_whole(set(small.values()))
            for position, message_id in small.items():
                if message_id in contents:
                    texts[position] = FoldedTexts(WholeMessage(contents[message_id]))
        large = {position: entry for position, entry in entries.items() if entry.size > _WHOLE}
        if large:
            for position, rendered in (await self._rendered(large, Rendering.HEADER | Rendering.PARTS)).items():
                message_id = large[position].message_id
                parts = await read_parts(self.source, message_id, rendered.header, rendered.parts)
                texts[position] = FoldedTexts(parts)
        return texts


def _by_size(entries: Mapping[int, Entry], level: Level) -> Iterator[dict[int, Entry]]:
    """Batches whose octets together stay below the level's bound; one message may exceed it alone."""
    each, together = _MOST_READ[level]
    batch: dict[int, Entry] = {}
    octets = 0
    for position, entry in entries.items():
        cost = min(entry.size, each)
        if batch and octets + cost > together:
            yield batch
            batch, octets = {}, 0
        batch[position] = entry
        octets += cost
    if batch:
        yield batch
