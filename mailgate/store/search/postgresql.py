"""The inverted index on PostgreSQL: arrays of integers under GIN."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, Integer, Select, bindparam, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from imap.search.words import Piece, stems
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store.search.inverted import Groups, fitting, piece_grams, word_grams
from mailgate.store.search.schema import postgresql_posting as posting
from mailgate.store.search.schema import postgresql_word as word


def _integers(name: str) -> BindParameter[Sequence[int]]:
    return bindparam(name, type_=ARRAY(Integer))


def _first(found: Select[Any]) -> Select[Any]:
    """Some of what is found, by the index: a planner that sees the limit hopes to meet them soon without it."""
    some = found.cte("found").prefix_with("MATERIALIZED")
    return select(some).limit(bindparam("limit"))


_ADD: Final = Statement(insert(posting).values(message_id=bindparam("message_id"), tokens=_integers("tokens")))
_REMOVE: Final = Statement(delete(posting).where(member(posting.c.message_id, "message_ids")))
_TOKENS: Final = Statement(
    select(posting.c.message_id, posting.c.tokens).where(member(posting.c.message_id, "message_ids"))
)
_KNOWN: Final = Statement(select(word.c.word).where(member(word.c.word, "words")))
_LEARN: Final = Statement(
    insert(word)
    .values(word=bindparam("word"), stem=bindparam("stem"), bare=bindparam("bare"), grams=_integers("grams"))
    .on_conflict_do_nothing()
)
_WORDS: Final = Statement(_first(select(word.c.word).where(word.c.grams.contains(_integers("grams")))))
_related = select(word.c.word).where(or_(member(word.c.stem, "stems"), member(word.c.bare, "stems")))
_RELATIVES: Final = Statement(_first(_related).order_by("word"))
_CLEAR: Final = Statement(text("TRUNCATE search_posting, search_word"))
_COUNT: Final = Statement(select(cast(func.count(), BigInteger)).select_from(word))
_FIND: dict[int, Statement] = {}


class PostgresqlIndex:
    """`InvertedIndex` on PostgreSQL."""

    async def add(self, tx: Tx, contents: Mapping[bytes, Sequence[int]]) -> None:
        await tx.run_many(_ADD, [{"message_id": key, "tokens": tokens} for key, tokens in contents.items()])

    async def remove(self, tx: Tx, message_ids: Collection[bytes]) -> None:
        await tx.run(_REMOVE, message_ids=message_ids)

    async def learn(self, tx: Tx, words: Collection[str]) -> None:
        known = {row[0] for row in await tx.all(_KNOWN, words=words)}
        # In order, so that two indexers with the same new words wait for one another and never in a circle.
        fresh = sorted(set(words) - known)
        rows = [
            {"word": new, "stem": stems(new)[0], "bare": stems(new)[1], "grams": list(word_grams(new))} for new in fresh
        ]
        if rows:
            await tx.run_many(_LEARN, rows)

    async def find(self, tx: Tx, groups: Groups, limit: int) -> list[bytes]:
        statement = _FIND.get(len(groups))
        if statement is None:
            conditions = [posting.c.tokens.overlap(_integers(f"group{n}")) for n in range(len(groups))]
            statement = _FIND[len(groups)] = Statement(_first(select(posting.c.message_id).where(*conditions)))
        parameters: dict[str, object] = {f"group{n}": list(group) for n, group in enumerate(groups)}
        return [row[0] for row in await tx.all(statement, limit=limit, **parameters)]

    async def tokens(self, tx: Tx, message_ids: Collection[bytes]) -> Mapping[bytes, Collection[int]]:
        return {row[0]: set(row[1]) for row in await tx.all(_TOKENS, message_ids=message_ids)}

    async def words(self, tx: Tx, piece: Piece, limit: int) -> list[str] | None:
        wanted = piece_grams(piece)
        if not wanted:
            return None
        rows = await tx.all(_WORDS, grams=list(wanted), limit=limit + 1)
        return None if len(rows) > limit else fitting((row[0] for row in rows), piece)

    async def relatives(self, tx: Tx, stems: Collection[str], limit: int) -> list[str]:
        return [row[0] for row in await tx.all(_RELATIVES, stems=stems, limit=limit)]

    async def clear(self, tx: Tx) -> None:
        await tx.run(_CLEAR)

    async def count_words(self, tx: Tx) -> int:
        row = await tx.one(_COUNT)
        return row[0] if row else 0
