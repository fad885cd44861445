"""Stored contents: written once whatever the number of their copies, read by range (tables message and body_chunk)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache, partial
from itertools import chain, compress, repeat
from operator import not_
from typing import Any, Final

import zstandard
from sqlalchemy import (
    CTE,
    Boolean,
    FromClause,
    Insert,
    Integer,
    LargeBinary,
    bindparam,
    literal,
    literal_column,
    select,
    update,
)

from imap.backend import Rendered, Rendering
from imap.errors import MessageGone
from mailgate.database import Statement, Tx
from mailgate.database.columns import cut_up, end_to_end, pieces
from mailgate.database.statement import insert, member, rows
from mailgate.store.contents import MAY_BE_EMPTY, NOT_RENDERED, Prepared, rendered_texts
from mailgate.store.schema import CHUNK, body_chunk, message, names
from mailgate.store.search.queue import ENQUEUE, enqueuing

_ZSTD_LEVEL: Final = 3
_TEXTS: Final = tuple(NOT_RENDERED)


class _Zstandard(threading.local):
    """A compressor and a decompressor for each thread: to make one takes as long as to compress a message."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstandard: Final = _Zstandard()
_values = {name: bindparam(name, type_=message.c[name].type) for name in ("message_id", "size", "stored_at", *_TEXTS)}
_INSERT: Final = Statement(insert(message).values(_values).on_conflict_do_nothing())
_TOUCH: Final = Statement(
    update(message).where(message.c.message_id == bindparam("id")).values(stored_at=bindparam("now"))
)
_INSERT_CHUNK: Final = Statement(
    insert(body_chunk).values(message_id=bindparam("message_id"), chunk=bindparam("chunk"), data=bindparam("data"))
)


def storing(*tables: FromClause) -> tuple[Insert, CTE, CTE]:
    """What PostgreSQL writes of a content, if `tables` have a row: its first chunk, and as parts of that statement the
    content itself, which gives its ``message_id``, and its place in the queue of the index.

    A content that is there is locked and its ``stored_at`` renewed, and the other parts do nothing.
    """
    new = insert(message).from_select(list(_values), select(*_values.values()).select_from(*tables))
    stored = (
        new.on_conflict_do_update(index_elements=["message_id"], set_={"stored_at": new.excluded.stored_at})
        .returning(message.c.message_id, literal_column("message.xmax = 0", Boolean).label("is_new"))
        .cte("stored")
    )  # only a row that was there has been locked: its xmax is not 0
    added = select(stored.c.message_id).where(stored.c.is_new)
    first = added.add_columns(literal(0, Integer), bindparam("data", type_=LargeBinary))
    return insert(body_chunk).from_select(names(body_chunk), first), stored, enqueuing(added).cte("enqueued")


_first_chunk, _, _enqueued = storing()
_STORE: Final = Statement(_first_chunk.add_cte(_enqueued))
_RANGE: Final = Statement(
    select(body_chunk.c.data)
    .where(
        body_chunk.c.message_id == bindparam("message_id"),
        body_chunk.c.chunk.between(bindparam("first"), bindparam("last")),
    )
    .order_by(body_chunk.c.chunk)
)
_SIZE: Final = Statement(select(message.c.size).where(message.c.message_id == bindparam("message_id")))
_WHOLE: Final = Statement(
    select(body_chunk.c.message_id, body_chunk.c.data)
    .where(member(body_chunk.c.message_id, "message_ids"))
    .order_by(body_chunk.c.message_id, body_chunk.c.chunk)
)
_BEGINNING: Final = Statement(
    select(body_chunk.c.message_id, body_chunk.c.data).where(
        member(body_chunk.c.message_id, "message_ids"), body_chunk.c.chunk == 0
    )
)
_KEEP_PREVIEW: Final = Statement(
    update(message).where(message.c.message_id == bindparam("id")).values(preview=bindparam("text"))
)
_KEEP_TEXTS: Final = Statement(
    update(message)
    .where(message.c.message_id == bindparam("id"), message.c.envelope == bindparam("bare", b"", type_=LargeBinary))
    .values({name: bindparam(name, type_=message.c[name].type) for name in _TEXTS})
)
_wanted = rows("wanted", message_id=LargeBinary)
"""As a table, contents are looked up in the order given, which is mostly that of their arrival and so of their pages;
as a set, SQLite would sort them by their hashes.
"""
_AT_ONCE: Final = 100
"""Contents whose texts SQLite gives as one value: blocks of 256 KiB would come anew from the system each time."""
_make_rendered: Final[Callable[[Iterable[bytes]], Rendered]] = partial(tuple.__new__, Rendered)
"""`Rendered._make` without its count of the fields: half the time."""


async def write_message(tx: Tx, content: Prepared) -> None:
    """Store a content unless it is there, and lock its row so that the collector leaves it.

    Only one chunk of a large content is in memory at a time. Several contents of one transaction are to be written in
    the order of their ids.
    """
    if not await _add(tx, content):
        return
    for number, start in enumerate(range(CHUNK, content.size, CHUNK), start=1):
        data = _compressed(content.buffer[start : start + CHUNK])
        await tx.run(_INSERT_CHUNK, message_id=content.message_id, chunk=number, data=data)


async def _add(tx: Tx, content: Prepared) -> bool:
    """Write a content's row, its first chunk and its place in the queue of the index; False when it is there."""
    row = first_row(content)
    if tx.engine == "postgresql":
        return bool(await tx.run(_STORE, **row))
    data = row.pop("data")
    key = {"message_id": content.message_id}
    if not await tx.run(_INSERT, **row):
        await tx.run(_TOUCH, id=content.message_id, now=content.stored_at)
        return False
    await tx.run(_INSERT_CHUNK, **key, chunk=0, data=data)
    await tx.run(ENQUEUE, **key)
    return True


def first_row(content: Prepared) -> dict[str, object]:
    """The parameters of `storing`."""
    data = _compressed(content.buffer[0:CHUNK])
    key = {"message_id": content.message_id, "size": content.size, "stored_at": content.stored_at}
    return {**key, **content.texts, "data": data}


def _compressed(octets: bytes) -> bytes:
    return _zstandard.compressor.compress(octets)


async def read_range(tx: Tx, message_id: bytes, start: int, stop: int) -> list[bytes]:
    """The compressed chunks that hold octets `start` to `stop`. Raises MessageGone."""
    rows = await tx.all(_RANGE, message_id=message_id, first=start // CHUNK, last=max(start, stop - 1) // CHUNK)
    if not rows and await tx.one(_SIZE, message_id=message_id) is None:
        raise MessageGone("This message is gone")
    return [row[0] for row in rows]


def cut(chunks: Iterable[bytes], start: int, stop: int) -> bytes:
    """Octets `start` to `stop` of a content, from the chunks that `read_range` gave for them."""
    if stop <= start:
        return b""
    offset = start // CHUNK * CHUNK
    return _joined(chunks)[start - offset : stop - offset]


async def read_chunks(tx: Tx, message_ids: Collection[bytes]) -> dict[bytes, list[bytes]]:
    """The compressed chunks of whole contents; those that are gone are left out."""
    found: dict[bytes, list[bytes]] = {}
    for message_id, data in await tx.all(_WHOLE, message_ids=message_ids):
        found.setdefault(message_id, []).append(data)
    return found


def joined(chunks: Mapping[bytes, Iterable[bytes]]) -> dict[bytes, bytes]:
    """Whole contents from what `read_chunks` gave."""
    return {message_id: _joined(data) for message_id, data in chunks.items()}


async def read_beginnings(tx: Tx, message_ids: Collection[bytes]) -> dict[bytes, list[bytes]]:
    """The first compressed chunk of each content, for `joined`; those that are gone are left out."""
    return {row[0]: [row[1]] for row in await tx.all(_BEGINNING, message_ids=message_ids)}


async def keep_previews(tx: Tx, previews: Mapping[bytes, bytes]) -> None:
    """Write down previews that messages were stored without."""
    await tx.run_many(
        _KEEP_PREVIEW, [{"id": message_id, "text": previews[message_id]} for message_id in sorted(previews)]
    )


async def keep_texts(tx: Tx, texts: Mapping[bytes, Mapping[str, bytes]]) -> None:
    """Write down the texts of contents that were stored without."""
    await tx.run_many(_KEEP_TEXTS, [{"id": message_id, **texts[message_id]} for message_id in sorted(texts)])


async def read_rendered(tx: Tx, message_ids: Collection[bytes], which: Rendering) -> dict[bytes, Rendered]:
    """The wire texts of these messages; those that are gone are left out."""
    read, bare = await read_texts(tx, message_ids, which)
    if bare:
        read |= rendered_now(await read_beginnings(tx, bare), which)
    return read


def rendered_now(contents: Mapping[bytes, Iterable[bytes]], which: Rendering) -> dict[bytes, Rendered]:
    """The wire texts of contents that are not rendered yet, from their only chunks. This takes 0.3 ms for each."""
    asked = _asked(which)
    made = {message_id: rendered_texts(content) for message_id, content in joined(contents).items()}
    return {message_id: Rendered(**{name: texts[name] for name in asked}) for message_id, texts in made.items()}


@lru_cache
def _asked(which: Rendering) -> list[str]:
    return [name for name in Rendered._fields if Rendering[name.upper()] in which]


async def read_texts(
    tx: Tx, message_ids: Collection[bytes], which: Rendering
) -> tuple[dict[bytes, Rendered], list[bytes]]:
    """The wire texts of those of these messages that are rendered, and the others; what is gone is left out."""
    wanted = [(message_id,) for message_id in message_ids]
    step = _AT_ONCE if tx.engine == "sqlite" else len(wanted) or 1
    made: dict[bytes, Rendered] = {}
    bare: list[bytes] = []
    for start in range(0, len(wanted), step):
        values = await tx.one(_texts_of(which), wanted=wanted[start : start + step])
        bare += _take(made, which, *values or ())
    return made, bare


def _take(made: dict[bytes, Rendered], which: Rendering, ids: bytes | None, *values: Any) -> list[bytes]:  # noqa: ANN401
    """Add what one statement found; give those that are not rendered."""
    if not ids:
        return []
    names = _read(which)
    columns = {name: cut_up(*values[2 * place : 2 * place + 2]) for place, name in enumerate(names)}
    told = columns[names[0]]
    width = len(ids) // len(told)
    found = [ids[place : place + width] for place in range(0, len(ids), width)]
    asked = _asked(which)
    rendered = zip(*(columns[name] if name in asked else repeat(b"") for name in Rendered._fields), strict=False)
    made.update(zip(found, map(_make_rendered, rendered), strict=True))
    bare = list(compress(found, map(not_, told))) if b"" in told else []
    for message_id in bare:
        del made[message_id]
    return bare


@lru_cache
def _read(which: Rendering) -> list[str]:
    """The columns to read: first one that tells whether a message is rendered."""
    asked = _asked(which)
    telling = next((name for name in asked if name not in MAY_BE_EMPTY), "envelope")
    return list(dict.fromkeys((telling, *asked)))


@lru_cache
def _texts_of(which: Rendering) -> Statement:
    columns = (message.c.message_id, *(message.c[name] for name in _read(which)))
    found = select(*columns).join_from(_wanted, message, message.c.message_id == _wanted.c.message_id).subquery("found")
    message_id, *texts = found.c
    return Statement(select(end_to_end(message_id), *chain.from_iterable(map(pieces, texts))))


def _joined(chunks: Iterable[bytes]) -> bytes:
    return b"".join([_zstandard.decompressor.decompress(chunk) for chunk in chunks])
