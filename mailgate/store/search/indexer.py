"""The indexer: takes contents from the queue into the index, in the background, a few at a time.

What IMAP shows of a content is rendered here, too, if it was stored without.

A batch is claimed, read, worked out, and written in one transaction with its removal from the queue. A process that
dies in between leaves rows that are free again after a minute; until then SEARCH reads those messages. Any number of
processes may do this on one database. None of it waits for the disk: what the loss of power undoes is queued again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from sqlalchemy import LargeBinary, bindparam, delete, func, select

from imap.backend import Rendering
from imap.errors import MessageGone
from imap.search.folded import Texts
from imap.search.texts import WholeMessage, read_parts
from mailgate.database import Database, DatabaseUnavailable, Statement, Tx
from mailgate.database.contract import Engine
from mailgate.database.statement import insert, member, rows
from mailgate.store import messages
from mailgate.store.contents import rendered_texts
from mailgate.store.schema import message
from mailgate.store.search.documents import Document, document
from mailgate.store.search.queue import claim, dequeue, enqueue_all, has_work, inverted_index, put_off, queue_length
from mailgate.store.search.schema import search_text

log = structlog.stdlib.get_logger("mailgate.search")

BATCH: Final[Mapping[Engine, int]] = {"postgresql": 32, "sqlite": 8}
"""Contents of one transaction: on SQLite, who delivers waits for it to end, some 10 ms."""
_LEASE: Final = 60
"""Seconds that a claim lasts: many times what a batch takes."""
_PUT_OFF: Final = 24 * 3600
"""Seconds until a content is tried again that could not be indexed."""
_QUIET: Final = 0.15
"""Seconds, more or less, in which nothing happens before it begins: clients come first, and only one process begins."""
_PATIENCE: Final = 2.0
"""Seconds that it waits for quiet: what deliveries that never pause have left is indexed between them."""
_LOOK: Final = 60.0
"""Seconds after which an idle indexer looks by itself."""
_WHOLE: Final = 256 * 1024
"""Octets of a content that is read whole; of a larger one only the texts."""
_INLINE: Final = 32 * 1024
"""Octets of a content whose words are found in the event loop: some 3 ms."""

_SIZES: Final = Statement(
    select(message.c.message_id, message.c.size, message.c.envelope == bindparam("bare", b"", type_=LargeBinary)).where(
        member(message.c.message_id, "message_ids")
    )
)
_CLEAR: Final = Statement(delete(search_text))
_FORGET_TEXTS: Final = Statement(delete(search_text).where(member(search_text.c.message_id, "message_ids")))
_WRITE: Final = Statement(
    insert(search_text).from_select(
        ["message_id", "fields", "header", "body"],
        select(rows("documents", message_id=LargeBinary, fields=LargeBinary, header=LargeBinary, body=LargeBinary)),
    )
)
_TEXTS: Final = Statement(select(func.count()).select_from(search_text))


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The state of the index."""

    indexed: int
    waiting: int
    words: int


async def index_status(database: Database) -> IndexStatus:
    """Contents in the index, contents that wait for it, words of its vocabulary."""

    async def work(tx: Tx) -> IndexStatus:
        row = await tx.one(_TEXTS)
        return IndexStatus(row[0] if row else 0, await queue_length(tx), await inverted_index(tx).count_words(tx))

    return await database.read(work)


async def start_afresh(database: Database) -> int:
    """Empty the index and have every content indexed again; give their number. SEARCH reads messages meanwhile."""

    async def work(tx: Tx) -> int:
        count = await enqueue_all(tx)
        await tx.run(_CLEAR)
        await inverted_index(tx).clear(tx)
        return count

    return await database.write(work)


class Indexer:
    """Indexes what is delivered, from `start` until `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted = asyncio.Event()
        self._heard = 0.0
        """When something was last heard of, on the monotonic clock."""
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin with what waits already."""
        self._wanted.set()
        self._stop_listening = self._database.listen(self._hear)
        self._task = asyncio.create_task(self._keep(), name="indexer")

    async def close(self) -> None:
        """End; a batch that is not written yet is left to another."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _hear(self, _: str | None) -> None:
        self._heard = time.monotonic()
        self._wanted.set()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._wanted.wait()
            await self._quiet()
            self._wanted.clear()
            try:
                await self._drain()
            except DatabaseUnavailable as error:
                log.warning("indexing waits for the database", reason=str(error))
            except Exception:
                log.exception("indexing failed")

    async def _quiet(self) -> None:
        """Wait until nothing was heard of for a while, or for long enough."""
        deadline = time.monotonic() + _PATIENCE
        pause = _QUIET * random.uniform(0.5, 1.5)  # noqa: S311 no secret
        left = min(pause, _PATIENCE)
        while left > 0:
            await asyncio.sleep(left)
            left = min(self._heard + pause, deadline) - time.monotonic()

    async def _drain(self) -> None:
        while await self._database.read(lambda tx: has_work(tx, _now())):
            begun = time.monotonic()
            if not await self.index_batch(BATCH[self._database.engine]):
                return
            # Half of one core at most, and deliveries come between.
            await asyncio.sleep(time.monotonic() - begun)

    async def index_batch(self, limit: int) -> int:
        """Index up to `limit` contents; give how many were taken up, 0 when none is free."""
        now = _now()
        claimed = await self._database.write_alone(lambda tx: claim(tx, now, now + _LEASE, limit))
        if not claimed:
            return 0
        rows = await self._database.read(lambda tx: tx.all(_SIZES, message_ids=claimed))
        sizes = {message_id: size for message_id, size, _ in rows}
        small = [message_id for message_id, size in sizes.items() if size <= _WHOLE]
        contents = messages.joined(await self._database.read(lambda tx: messages.read_chunks(tx, small)))
        await self._render({row[0]: contents[row[0]] for row in rows if row[2] and row[0] in contents})
        documents: list[Document] = []
        failed: list[bytes] = []
        for message_id, size in sizes.items():
            try:
                content = contents.get(message_id)
                texts = await self._parts(message_id) if content is None else WholeMessage(content)
                documents.append(await _worked_out(message_id, texts, size))
            except MessageGone:
                continue
            except Exception:
                log.exception("a message cannot be indexed", message_id=message_id.hex())
                failed.append(message_id)
        await self._database.write(partial(_write, documents=documents), durable=False, brief=False)
        gone = set(claimed) - sizes.keys()
        if failed or gone:
            await self._database.write(partial(_settle, failed=failed, gone=gone))
        return len(claimed)

    async def _render(self, contents: Mapping[bytes, bytes]) -> None:
        """Write down what IMAP shows of contents that were stored without it."""
        texts = {}
        for message_id, content in contents.items():
            await asyncio.sleep(0)
            texts[message_id] = rendered_texts(content)
        if texts:
            await self._database.write(partial(messages.keep_texts, texts=texts), durable=False, brief=False)

    async def _parts(self, message_id: bytes) -> Texts:
        """The texts of a large content. Raises MessageGone."""
        which = Rendering.HEADER | Rendering.PARTS
        rendered = await self._database.read(lambda tx: messages.read_rendered(tx, [message_id], which))
        if message_id not in rendered:
            raise MessageGone("This message is gone")
        return await read_parts(self, message_id, rendered[message_id].header, rendered[message_id].parts)

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        """A range of a content, for `read_parts`. Raises MessageGone."""
        chunks = await self._database.read(lambda tx: messages.read_range(tx, message_id, start, stop))
        return messages.cut(chunks, start, stop)


async def _worked_out(message_id: bytes, texts: Texts, size: int) -> Document:
    if size > _INLINE:
        return await asyncio.to_thread(document, message_id, texts)
    await asyncio.sleep(0)
    return document(message_id, texts)


async def _write(tx: Tx, documents: Sequence[Document]) -> None:
    """Put documents in, except those that were deleted meanwhile."""
    if not documents:
        return
    still = await dequeue(tx, [made.message_id for made in documents])
    fresh = [made for made in documents if made.message_id in still]
    index = inverted_index(tx)
    await index.remove(tx, still)
    await index.learn(tx, frozenset().union(*(made.words for made in fresh)))
    await index.add(tx, {made.message_id: made.tokens for made in fresh})
    await tx.run(_FORGET_TEXTS, message_ids=still)
    written = [(made.message_id, made.fields, made.header, made.body) for made in fresh]
    await tx.run(_WRITE, documents=written)


async def _settle(tx: Tx, failed: Collection[bytes], gone: Collection[bytes]) -> None:
    if failed:
        await put_off(tx, failed, _now() + _PUT_OFF)
    if gone:
        await dequeue(tx, gone)


def _now() -> int:
    return int(time.time())
