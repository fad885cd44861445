"""Finding text: candidates from the inverted index, decided by their stored texts.

A needle is looked up by way of the words that every text with it has (`imap.search.words`). Where that would not help
(a small mailbox, a needle without a usable word, words that are everywhere) all stored texts of the messages are
looked at, which is still far quicker than reading messages. The answer is that of a scan in either case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, case, func, select

from imap.backend import TextHits, TextKey, TextScope
from imap.search.folded import Matcher, field_values
from imap.search.fuzzy import FuzzyMatcher, relevancy
from imap.search.words import pieces, stems, words
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.store.search.cache import TextCache
from mailgate.store.search.documents import FIELDS, pack, unpack, words_of
from mailgate.store.search.inverted import BODY, HEADER, WIDE, token
from mailgate.store.search.queue import inverted_index, queued
from mailgate.store.search.schema import search_text

SMALL: Final = 200
"""Messages whose texts are looked at without asking the index."""
MOST_ALTERNATIVES: Final = 500
"""Words of the vocabulary in place of one of the needle's; more are no help."""
_MOST_GROUPS: Final = 3
"""Words of a needle that the index is asked for, the most telling ones."""
_MOST_FOUND: Final = 2_000
"""Candidates in the whole store, or twice the messages that are searched if that is more; beyond, all are looked at."""
_AT_ONCE: Final = 500
"""Texts read by one statement."""
_SHORT: Final = 64 * 1024
"""Octets of a packed text that is read together with others."""

_NOTHING: Final = pack(b"")
_PLACES: Final = {TextScope.FIELD: (HEADER,), TextScope.BODY: (BODY,), TextScope.TEXT: (HEADER, BODY)}


def _texts(*columns: ColumnElement[bytes]) -> Statement:
    return Statement(select(search_text.c.message_id, *columns).where(member(search_text.c.message_id, "message_ids")))


def _short_and_full(*columns: ColumnElement[bytes]) -> tuple[Statement, Statement]:
    """Statements that read the columns, NULL in place of what is long; and all of it."""
    return _texts(*(case((func.length(column) <= _SHORT, column)) for column in columns)), _texts(*columns)


_READ: Final = {
    TextScope.FIELD: _short_and_full(search_text.c.header),
    TextScope.BODY: _short_and_full(search_text.c.body),
    TextScope.TEXT: _short_and_full(search_text.c.header, search_text.c.body),
}
_FIELDS_OF: Final = _texts(search_text.c.fields)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What the index says, in one snapshot."""

    unindexed: frozenset[bytes]
    by_key: list[frozenset[bytes]]
    relatives: dict[str, frozenset[str]]
    """The vocabulary's words by the fuzzy word that they are related to."""


class Finder:
    """Finds text in contents; shared by all accounts of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fields = TextCache()

    async def find(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        """As `imap.backend.Account.find_text`."""
        wanted = frozenset(message_ids)
        candidates = await self._database.read(lambda tx: _candidates(tx, wanted, keys))
        found = [
            await self._decide(key, among, candidates.relatives)
            for key, among in zip(keys, candidates.by_key, strict=True)
        ]
        return TextHits(found, candidates.unindexed)

    async def _decide(
        self, key: TextKey, among: frozenset[bytes], relatives: Mapping[str, frozenset[str]]
    ) -> dict[bytes, int]:
        """Those of the candidates that fit, with their relevancy."""
        if key.fuzzy and key.scope is not TextScope.FIELD:
            return await self._by_tokens(key, among, relatives)
        if _is_listed(key):
            return await self._by_fields(key, among)
        return await self._by_texts(key, among)

    async def _by_fields(self, key: TextKey, among: Collection[bytes]) -> dict[bytes, int]:
        judge = _judge_field(key)
        found, missing = self._fields.take(among)
        for some in _pieces(missing):
            rows = await self._database.read(partial(_listed_fields, message_ids=some))
            self._fields.add(rows)
            found.update(rows)
        return {message_id: relevancy for message_id, fields in found.items() if (relevancy := judge(fields))}

    async def _by_texts(self, key: TextKey, among: Collection[bytes]) -> dict[bytes, int]:
        judge = _judge(key)
        hits: dict[bytes, int] = {}
        for some in _pieces(list(among)):
            texts = await self._read(some, key.scope)
            hits.update((message_id, found) for message_id, text in texts.items() if (found := judge(*text)))
            await asyncio.sleep(0)
        return hits

    async def _read(self, message_ids: Sequence[bytes], scope: TextScope) -> dict[bytes, tuple[bytes, bytes]]:
        """Header and body of each, what the scope does not need empty; long ones are read one by one."""
        short, full = _READ[scope]
        texts: dict[bytes, tuple[bytes, bytes]] = {}
        for row in await self._database.read(lambda tx: tx.all(short, message_ids=message_ids)):
            if None in row:
                texts[row[0]] = await asyncio.to_thread(_unpacked, await self._row(full, row[0]), scope)
            else:
                texts[row[0]] = _unpacked(row, scope)
        return texts

    async def _row(self, statement: Statement, message_id: bytes) -> Row:
        rows = await self._database.read(lambda tx: tx.all(statement, message_ids=[message_id]))
        return rows[0] if rows else (message_id, _NOTHING, _NOTHING)

    async def _by_tokens(
        self, key: TextKey, among: Collection[bytes], relatives: Mapping[str, frozenset[str]]
    ) -> dict[bytes, int]:
        matcher = _TokenMatcher(key, relatives)
        hits: dict[bytes, int] = {}
        wide: list[bytes] = []
        for some in _pieces(list(among)):
            tokens = await self._database.read(partial(_tokens, message_ids=some))
            wide += [message_id for message_id, has in tokens.items() if WIDE in has]
            hits.update((message_id, found) for message_id, has in tokens.items() if (found := matcher.relevancy(has)))
        return hits | await self._by_texts(key, wide)


class _TokenMatcher:
    """`FuzzyMatcher` over tokens: what the index knows of a message."""

    def __init__(self, key: TextKey, relatives: Mapping[str, frozenset[str]]) -> None:
        header = key.scope is TextScope.TEXT
        self._words = [
            tuple(
                frozenset(token(place, alternative) for alternative in alternatives) if wanted else frozenset()
                for place, wanted in ((HEADER, header), (BODY, True))
                for alternatives in ({word}, relatives[word])
            )
            for word in words(key.needle)
        ]

    def relevancy(self, tokens: Collection[int]) -> int:
        """The relevancy of a message with these tokens; 0 when it does not fit."""
        return relevancy(
            [
                next((n for n, place in enumerate(places) if not place.isdisjoint(tokens)), None)
                for places in self._words
            ]
        )


def _is_listed(key: TextKey) -> bool:
    return key.scope is TextScope.FIELD and key.field in FIELDS


def _pieces(message_ids: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (message_ids[start : start + _AT_ONCE] for start in range(0, len(message_ids), _AT_ONCE))


def _unpacked(row: Row, scope: TextScope) -> tuple[bytes, bytes]:
    match scope:
        case TextScope.FIELD:
            return unpack(row[1]), b""
        case TextScope.BODY:
            return b"", unpack(row[1])
        case TextScope.TEXT:
            return unpack(row[1]), unpack(row[2])


def _judge_field(key: TextKey) -> Callable[[bytes], int]:
    """The relevancy of a message by its header, for a key of one field."""
    if key.fuzzy:
        fuzzy = FuzzyMatcher(key.needle)
        return lambda header: fuzzy.relevancy(words(field_values(header, key.field)), ())
    matcher = Matcher(key)
    return lambda header: 100 if matcher.in_field(header) else 0


def _judge(key: TextKey) -> Callable[[bytes, bytes], int]:
    """The relevancy of a message by its header and body; 0 when it does not fit."""
    if key.scope is TextScope.FIELD:
        judge = _judge_field(key)
        return lambda header, _: judge(header)
    if not key.fuzzy:
        matcher = Matcher(key)
        return lambda header, body: 100 if matcher.fits(header, body) else 0
    fuzzy = FuzzyMatcher(key.needle)
    return lambda header, body: fuzzy.relevancy(words_of(header), words_of(body))


async def _candidates(tx: Tx, wanted: frozenset[bytes], keys: Sequence[TextKey]) -> _Candidates:
    """What waits for the index, and the messages that may fit each key."""
    unindexed = await queued(tx, wanted)
    indexed = wanted - unindexed
    relatives: dict[str, frozenset[str]] = {}
    by_key: list[frozenset[bytes]] = []
    limit = max(_MOST_FOUND, 2 * len(indexed))
    for key in keys:
        groups: list[frozenset[str]] = []
        if key.fuzzy:
            groups = await _related(tx, key, relatives)
        elif len(indexed) > SMALL:
            groups = await _alternatives(tx, key.needle)
        by_key.append(await _having(tx, groups, key.scope, indexed, limit) if groups else indexed)
    return _Candidates(unindexed, by_key, relatives)


async def _listed_fields(tx: Tx, message_ids: Sequence[bytes]) -> dict[bytes, bytes]:
    return {row[0]: row[1] for row in await tx.all(_FIELDS_OF, message_ids=message_ids)}


async def _tokens(tx: Tx, message_ids: Sequence[bytes]) -> Mapping[bytes, Collection[int]]:
    return await inverted_index(tx).tokens(tx, message_ids)


async def _having(
    tx: Tx, groups: Iterable[frozenset[str]], scope: TextScope, indexed: frozenset[bytes], limit: int
) -> frozenset[bytes]:
    places = _PLACES[scope]
    tokens = [{WIDE, *(token(place, word) for word in group for place in places)} for group in groups]
    found = await inverted_index(tx).find(tx, tokens, limit)
    return indexed if len(found) >= limit else indexed.intersection(found)


async def _alternatives(tx: Tx, needle: str) -> list[frozenset[str]]:
    """For some of the needle's words, those that a message must have one of; none when the index is no help."""
    groups: list[frozenset[str]] = []
    for piece in sorted(pieces(needle), key=lambda piece: (-len(piece.text), not piece.whole)):
        if piece.whole:
            groups.append(frozenset({piece.text}))
        elif (found := await inverted_index(tx).words(tx, piece, MOST_ALTERNATIVES)) is not None:
            groups.append(frozenset(found))
        if len(groups) == _MOST_GROUPS or (groups and not groups[-1]):
            break
    return groups


async def _related(tx: Tx, key: TextKey, relatives: dict[str, frozenset[str]]) -> list[frozenset[str]]:
    groups = []
    for word in words(key.needle):
        if word not in relatives:
            found = await inverted_index(tx).relatives(tx, stems(word), MOST_ALTERNATIVES)
            relatives[word] = frozenset({word, *found})
        groups.append(relatives[word])
    return groups
