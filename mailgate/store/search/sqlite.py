"""The inverted index on SQLite: FTS5 over tokens in hexadecimal, which no tokenizer can misread."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import bindparam, delete, func, or_, select, text

from imap.search.words import Piece, stems
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store.search.inverted import Groups, fitting, piece_grams, word_grams
from mailgate.store.search.schema import sqlite_posting as posting
from mailgate.store.search.schema import sqlite_word as word

_TYPECODE: Final = "i"


_ADD: Final = Statement(insert(posting).values(message_id=bindparam("message_id"), tokens=bindparam("tokens")))
_INDEX: Final = Statement(
    text(
        "INSERT INTO search_posting_index (rowid, tokens) "
        "SELECT number, :query FROM search_posting WHERE message_id = :id"
    )
)
_TOKENS: Final = Statement(
    select(posting.c.message_id, posting.c.tokens, posting.c.number).where(member(posting.c.message_id, "message_ids"))
)
_UNINDEX: Final = Statement(
    text("INSERT INTO search_posting_index (search_posting_index, rowid, tokens) VALUES ('delete', :number, :query)")
)
_REMOVE: Final = Statement(delete(posting).where(member(posting.c.message_id, "message_ids")))
_FIND: Final = Statement(
    select(posting.c.message_id).where(
        text("number IN (SELECT rowid FROM search_posting_index WHERE search_posting_index MATCH :query LIMIT :limit)")
    )
)
_KNOWN: Final = Statement(select(word.c.word).where(member(word.c.word, "words")))
_LEARN: Final = Statement(insert(word).values(word=bindparam("word"), stem=bindparam("stem"), bare=bindparam("bare")))
_INDEX_WORD: Final = Statement(
    text("INSERT INTO search_word_index (rowid, tokens) SELECT number, :query FROM search_word WHERE word = :word")
)
_WORDS: Final = Statement(
    select(word.c.word).where(
        text("number IN (SELECT rowid FROM search_word_index WHERE search_word_index MATCH :query LIMIT :limit)")
    )
)
_RELATIVES: Final = Statement(
    select(word.c.word)
    .where(or_(member(word.c.stem, "stems"), member(word.c.bare, "stems")))
    .order_by(word.c.word)
    .limit(bindparam("limit"))
)
_CLEAR: Final = (
    Statement(delete(posting)),
    Statement(delete(word)),
    Statement(text("INSERT INTO search_posting_index (search_posting_index) VALUES ('delete-all')")),
    Statement(text("INSERT INTO search_word_index (search_word_index) VALUES ('delete-all')")),
)
_COUNT: Final = Statement(select(func.count()).select_from(word))


class SqliteIndex:
    """`InvertedIndex` on SQLite."""

    async def add(self, tx: Tx, contents: Mapping[bytes, Sequence[int]]) -> None:
        for message_id, tokens in contents.items():
            await tx.run(_ADD, message_id=message_id, tokens=array(_TYPECODE, tokens).tobytes())
            await tx.run(_INDEX, id=message_id, query=_spelled(tokens))

    async def remove(self, tx: Tx, message_ids: Collection[bytes]) -> None:
        for _, tokens, number in await tx.all(_TOKENS, message_ids=message_ids):
            await tx.run(_UNINDEX, number=number, query=_spelled(array(_TYPECODE, tokens)))
        await tx.run(_REMOVE, message_ids=message_ids)

    async def learn(self, tx: Tx, words: Collection[str]) -> None:
        known = {row[0] for row in await tx.all(_KNOWN, words=words)}
        fresh = sorted(set(words) - known)
        await tx.run_many(_LEARN, [{"word": new, "stem": stems(new)[0], "bare": stems(new)[1]} for new in fresh])
        await tx.run_many(_INDEX_WORD, [{"word": new, "query": _spelled(word_grams(new))} for new in fresh])

    async def find(self, tx: Tx, groups: Groups, limit: int) -> list[bytes]:
        query = " AND ".join(f"({_spelled(group, ' OR ')})" for group in groups)
        return [row[0] for row in await tx.all(_FIND, query=query, limit=limit)]

    async def tokens(self, tx: Tx, message_ids: Collection[bytes]) -> Mapping[bytes, Collection[int]]:
        return {row[0]: set(array(_TYPECODE, row[1])) for row in await tx.all(_TOKENS, message_ids=message_ids)}

    async def words(self, tx: Tx, piece: Piece, limit: int) -> list[str] | None:
        wanted = piece_grams(piece)
        if not wanted:
            return None
        rows = await tx.all(_WORDS, query=_spelled(wanted, " AND "), limit=limit + 1)
        return None if len(rows) > limit else fitting((row[0] for row in rows), piece)

    async def relatives(self, tx: Tx, stems: Collection[str], limit: int) -> list[str]:
        return [row[0] for row in await tx.all(_RELATIVES, stems=stems, limit=limit)]

    async def clear(self, tx: Tx) -> None:
        for statement in _CLEAR:
            await tx.run(statement)

    async def count_words(self, tx: Tx) -> int:
        row = await tx.one(_COUNT)
        return row[0] if row else 0


def _spelled(tokens: Iterable[int], operator: str = " ") -> str:
    return operator.join([f"{token & 0xFFFFFFFF:x}" for token in tokens])
