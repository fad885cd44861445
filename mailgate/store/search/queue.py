"""The contents that wait for the index: a row is written with each content, and goes with its entry in the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Insert, Select, bindparam, delete, func, select, update

from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store.schema import message
from mailgate.store.search.inverted import InvertedIndex
from mailgate.store.search.postgresql import PostgresqlIndex
from mailgate.store.search.schema import search_queue, search_text
from mailgate.store.search.sqlite import SqliteIndex

_FEW: Final = 2_000
"""A queue of up to this length is read whole."""

ENQUEUE: Final = Statement(insert(search_queue).values(message_id=bindparam("message_id")).on_conflict_do_nothing())
"""Has a new content indexed."""
_ENQUEUE_ALL: Final = Statement(
    insert(search_queue)
    .from_select(["message_id"], select(message.c.message_id))
    .on_conflict_do_update(index_elements=["message_id"], set_={"claimed_until": 0})
)
_free = (
    select(search_queue.c.message_id).where(search_queue.c.claimed_until < bindparam("now")).limit(bindparam("limit"))
)
_WAITING: Final = Statement(_free)
_CLAIM: Final = Statement(
    update(search_queue)
    .where(search_queue.c.message_id.in_(_free.with_for_update(skip_locked=True)))
    .values(claimed_until=bindparam("until"))
    .returning(search_queue.c.message_id)
)
_PUT_OFF: Final = Statement(
    update(search_queue)
    .where(member(search_queue.c.message_id, "message_ids"))
    .values(claimed_until=bindparam("until"))
)
_DEQUEUE: Final = Statement(
    delete(search_queue).where(member(search_queue.c.message_id, "message_ids")).returning(search_queue.c.message_id)
)
_HEAD: Final = Statement(select(search_queue.c.message_id).limit(_FEW + 1))
_AMONG: Final = Statement(select(search_queue.c.message_id).where(member(search_queue.c.message_id, "message_ids")))
_LENGTH: Final = Statement(select(func.count()).select_from(search_queue))
_FORGET_TEXTS: Final = Statement(delete(search_text).where(member(search_text.c.message_id, "message_ids")))
_INDEXES: Final[dict[str, InvertedIndex]] = {"postgresql": PostgresqlIndex(), "sqlite": SqliteIndex()}


def inverted_index(tx: Tx) -> InvertedIndex:
    """The index of the transaction's engine."""
    return _INDEXES[tx.engine]


def enqueuing(contents: Select[tuple[bytes]]) -> Insert:
    """Have these contents indexed: part of a larger statement of PostgreSQL."""
    return insert(search_queue).from_select(["message_id"], contents).on_conflict_do_nothing()


async def enqueue_all(tx: Tx) -> int:
    """Have every content indexed; give their number."""
    return await tx.run(_ENQUEUE_ALL)


async def has_work(tx: Tx, now: int) -> bool:
    """Whether a content waits that nobody is at."""
    return await tx.one(_WAITING, now=now, limit=1) is not None


async def claim(tx: Tx, now: int, until: int, limit: int) -> list[bytes]:
    """Take contents that nobody is at; others leave them alone until that time."""
    return [row[0] for row in await tx.all(_CLAIM, now=now, until=until, limit=limit)]


async def put_off(tx: Tx, message_ids: Collection[bytes], until: int) -> None:
    """Leave contents alone until that time."""
    await tx.run(_PUT_OFF, message_ids=message_ids, until=until)


async def dequeue(tx: Tx, message_ids: Collection[bytes]) -> set[bytes]:
    """Strike contents off; give those that were still there."""
    return {row[0] for row in await tx.all(_DEQUEUE, message_ids=message_ids)}


async def queued(tx: Tx, message_ids: Collection[bytes]) -> frozenset[bytes]:
    """Those of these contents that wait."""
    head = await tx.all(_HEAD)
    if len(head) > _FEW:
        head = await tx.all(_AMONG, message_ids=message_ids)
    return frozenset(row[0] for row in head).intersection(message_ids)


async def queue_length(tx: Tx) -> int:
    """How many contents wait."""
    row = await tx.one(_LENGTH)
    return row[0] if row else 0


async def forget(tx: Tx, message_ids: Collection[bytes]) -> None:
    """Drop contents that are deleted from the queue and the index.

    The queue comes first: an indexer that is about to write one of them strikes it off there, and so is waited for.
    """
    await dequeue(tx, message_ids)
    await tx.run(_FORGET_TEXTS, message_ids=message_ids)
    await inverted_index(tx).remove(tx, message_ids)
