"""The collector: deletes contents that no mailbox holds any more, nor the outbound queue (``retained``).

Who expunges notes the content in ``released``. A candidate that was noted longer ago than the grace and that no entry
holds can come back only by a new delivery of the same octets, which sets ``stored_at`` under the message's row lock:
so the deletion looks at ``stored_at`` again under that lock. (A copy needs an entry to copy from, and there is none.)
"""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial
from typing import Final

from sqlalchemy import bindparam, delete, func, select, union

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.store.schema import body_chunk, entry, message, released, retained
from mailgate.store.search.queue import forget

GRACE: Final = 24 * 3600
"""Seconds between the last copy's end and the content's: far above the longest transaction, and a reader's patience."""
GONE: Final = "gone"
"""The topic of the notification that names contents which are to be forgotten at once, in hexadecimal."""
_TOLD_AT_ONCE: Final = 150
_EVER: Final = 2**62
_BATCH: Final = 20_000
_DELETE_BATCH: Final = 200

_CANDIDATES: Final = Statement(
    select(released.c.message_id)
    .group_by(released.c.message_id)
    .having(func.max(released.c.released_at) < bindparam("cutoff"))
    .limit(bindparam("limit"))
)
_HELD: Final = Statement(
    union(
        select(entry.c.message_id).where(member(entry.c.message_id, "candidates")),
        select(retained.c.message_id).where(member(retained.c.message_id, "candidates")),
    )
)
_LOCK: Final = Statement(
    select(message.c.message_id)
    .where(member(message.c.message_id, "candidates"), message.c.stored_at < bindparam("cutoff"))
    .order_by(message.c.message_id)
    .with_for_update()
)
_DELETE_CHUNKS: Final = Statement(delete(body_chunk).where(member(body_chunk.c.message_id, "gone")))
_DELETE_MESSAGES: Final = Statement(delete(message).where(member(message.c.message_id, "gone")))
_FORGET: Final = Statement(
    delete(released).where(member(released.c.message_id, "candidates"), released.c.released_at < bindparam("cutoff"))
)


async def collect(database: Database, *, grace: int = GRACE, now: int | None = None) -> int:
    """Delete contents whose last copy ended more than `grace` seconds ago; give their number.

    One pass looks 20,000 candidates up in the index of entries by content: run it when people sleep.
    """
    cutoff = (int(time.time()) if now is None else now) - grace
    collected = 0
    while True:
        candidates, free = await database.read(lambda tx: _search(tx, cutoff))
        for start in range(0, len(free), _DELETE_BATCH):
            batch = free[start : start + _DELETE_BATCH]
            collected += await database.write(partial(_delete, candidates=batch, cutoff=cutoff))
        if candidates:
            await database.write(partial(_forget, candidates=candidates, cutoff=cutoff))
        if len(candidates) < _BATCH:
            return collected


async def _search(tx: Tx, cutoff: int) -> tuple[list[bytes], list[bytes]]:
    """The candidates, and those among them that no entry holds, in one snapshot."""
    candidates = [row[0] for row in await tx.all(_CANDIDATES, cutoff=cutoff, limit=_BATCH)]
    held = {row[0] for row in await tx.all(_HELD, candidates=candidates)} if candidates else set()
    return candidates, [message_id for message_id in candidates if message_id not in held]


async def _delete(tx: Tx, candidates: list[bytes], cutoff: int) -> int:
    """Delete those contents that were not delivered again meanwhile."""
    gone = [row[0] for row in await tx.all(_LOCK, candidates=candidates, cutoff=cutoff)]
    if gone:
        await tx.run(_DELETE_CHUNKS, gone=gone)
        await tx.run(_DELETE_MESSAGES, gone=gone)
        await forget(tx, gone)
    return len(gone)


async def _forget(tx: Tx, candidates: list[bytes], cutoff: int) -> None:
    """Strike candidates off, except where an account let go of another copy meanwhile."""
    await tx.run(_FORGET, candidates=candidates, cutoff=cutoff)


async def collect_now(database: Database, contents: Collection[bytes]) -> list[bytes]:
    """Delete those of these contents that no mailbox holds, without a grace; give them, and tell every process.

    A delivery of the same octets locks the message's row before it enters mailboxes: it either was first, and is seen
    here, or waits for this and stores the content again.
    """
    return await database.write(partial(_delete_unheld, contents=sorted(contents)))


async def _delete_unheld(tx: Tx, contents: list[bytes]) -> list[bytes]:
    there = [row[0] for row in await tx.all(_LOCK, candidates=contents, cutoff=_EVER)]
    held = {row[0] for row in await tx.all(_HELD, candidates=there)} if there else set()
    gone = [content for content in there if content not in held]
    if gone:
        await tx.run(_DELETE_CHUNKS, gone=gone)
        await tx.run(_DELETE_MESSAGES, gone=gone)
        await forget(tx, gone)
        await tx.run(_FORGET, candidates=gone, cutoff=_EVER)
        for start in range(0, len(gone), _TOLD_AT_ONCE):
            await tx.notify(" ".join([GONE, *(content.hex() for content in gone[start : start + _TOLD_AT_ONCE])]))
    return gone
