"""Held messages in the database: put in, read, decided once, and let go of."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import IO, Any, Final

import msgspec
import zstandard
from sqlalchemy import and_, bindparam, delete, exists, insert, or_, select, update

from directory.schema import address, person
from mailgate.database import Database, Row, Statement, Tx
from mailgate.i18n import Language
from mailgate.moderation.moderators import Moderator
from mailgate.moderation.schema import held_content, held_message, held_moderator
from mailgate.store.schema import CHUNK, account

SPOOL_MEMORY: Final = 1024 * 1024
"""Octets of a held message that may be in memory while it is read; a larger one goes to a temporary file."""
RETENTION: Final = 90 * 24 * 3600
"""Seconds that is kept what became of a message, so that an old link can say so."""
_ZSTD_LEVEL: Final = 3


class State(StrEnum):
    """What became of a held message."""

    HELD = "held"
    """A moderator is to decide."""
    WAITING = "waiting"
    """It goes by itself at `expires_at`; its writer may take it back until then."""
    APPROVED = "approved"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SENT = "sent"
    """Its wait was over."""


DELAY: Final = "delay"
"""The reason of what waits for the minutes of its list."""
JUNK: Final = "junk"
"""The reason of what a check takes for junk."""
POSTPONED: Final = "postponed"
"""The kind of a message that is to be sent later, as a whole; `target` are its recipients then."""
LATER: Final = "later"
"""The reason of what waits for the time that its writer named."""
OPEN: Final = frozenset({State.HELD, State.WAITING})
DELIVERED: Final = frozenset({State.APPROVED, State.SENT})


class Direct(msgspec.Struct, frozen=True):
    """The recipients of the same message that did not wait, by number."""

    people: tuple[int, ...] = ()
    lists: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message held for one list or one person, or postponed as a whole (`kind`); `direct` is a `Direct` as JSON.

    Sizes are octets.
    """

    held_id: int
    content_id: int
    state: State
    reason: str
    language: Language
    sender_id: int
    writer: str
    kind: str
    target_id: int
    target: str
    label: str
    subject: str
    message_ref: str
    size: int
    header_size: int
    reach: int
    direct: str
    created_at: int
    expires_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    words: str | None = None
    dispatch_id: str | None = None
    """The id that the client was told; `author_id` is the account in whose name it was written."""
    author_id: int | None = None
    wish: str | None = None
    """A `mailgate.delivery.success.Wish` as JSON: who asked to be told when it is delivered."""
    require_tls: int = 0
    """1: its writer asked for REQUIRETLS (RFC 8689)."""
    envelope: str | None = None
    """A `mailgate.delivery.postponing.Postponed` as JSON, of one of kind `POSTPONED`."""

    def as_of(self, now: int) -> HeldMessage:
        """As it is to who asks now: one whose time is over can be decided no more, though nobody has noted it yet."""
        if self.state not in OPEN or self.expires_at > now:
            return self
        state = State.EXPIRED if self.state is State.HELD else State.SENT
        return HeldMessage(**{**_values(self), "state": state, "decided_at": self.expires_at, "decided_by": ""})


_NAMES: Final = tuple(field.name for field in fields(HeldMessage))


def _values(held: HeldMessage) -> dict[str, Any]:
    return {name: getattr(held, name) for name in _NAMES}


def _from_row(row: Row) -> HeldMessage:
    values = dict(zip(_NAMES, row, strict=True))
    return HeldMessage(**{**values, "state": State(values["state"])})


_columns = [held_message.c[name] for name in _NAMES]
_INSERT: Final = Statement(
    insert(held_message).values({name: bindparam(name, type_=held_message.c[name].type) for name in _NAMES})
)
_INSERT_MODERATOR: Final = Statement(
    insert(held_moderator).values({name: bindparam(name) for name in ("held_id", "slot", "account_id")})
)
_INSERT_CHUNK: Final = Statement(
    insert(held_content).values({name: bindparam(name) for name in ("content_id", "chunk", "data")})
)
_ONE: Final = Statement(select(*_columns).where(held_message.c.held_id == bindparam("held_id")))
_of_content = (
    select(*_columns).where(held_message.c.content_id == bindparam("content_id")).order_by(held_message.c.held_id)
)
_SIBLINGS: Final = Statement(_of_content)
_LOCK_SIBLINGS: Final = Statement(_of_content.with_for_update())
OF_DISPATCH: Final = Statement(
    select(*_columns).where(held_message.c.dispatch_id == bindparam("dispatch_id")).order_by(held_message.c.target)
)
_OPEN: Final = Statement(
    select(*_columns)
    .where(or_(held_message.c.state == State.HELD, held_message.c.state == State.WAITING))
    .order_by(held_message.c.created_at, held_message.c.held_id)
)
_DUE: Final = Statement(
    select(held_message.c.held_id)
    .where(
        or_(held_message.c.state == State.HELD, held_message.c.state == State.WAITING),
        held_message.c.expires_at <= bindparam("now"),
    )
    .order_by(held_message.c.expires_at)
    .limit(bindparam("most"))
)
_DECIDE: Final = Statement(
    update(held_message)
    .where(held_message.c.held_id == bindparam("held"), held_message.c.state == bindparam("before"))
    .values({name: bindparam(name) for name in ("state", "decided_at", "decided_by", "words")})
)
_PUT_OFF: Final = Statement(
    update(held_message)
    .where(held_message.c.held_id == bindparam("held"), held_message.c.state == bindparam("before"))
    .values(expires_at=bindparam("until"))
)
_MODERATOR: Final = Statement(
    select(held_moderator.c.account_id)
    .join(account, and_(account.c.account_id == held_moderator.c.account_id, account.c.state == "active"))
    .where(held_moderator.c.held_id == bindparam("held_id"), held_moderator.c.slot == bindparam("slot"))
)
_MODERATORS: Final = Statement(
    select(held_moderator.c.account_id, address.c.address, person.c.display)
    .join(account, and_(account.c.account_id == held_moderator.c.account_id, account.c.state == "active"))
    .join(person, person.c.person_id == held_moderator.c.account_id)
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
    .where(held_moderator.c.held_id == bindparam("held_id"))
    .order_by(held_moderator.c.slot)
)
_CHUNK: Final = Statement(
    select(held_content.c.data).where(
        held_content.c.content_id == bindparam("content_id"), held_content.c.chunk == bindparam("chunk")
    )
)
_LET_GO: Final = Statement(delete(held_content).where(held_content.c.content_id == bindparam("content_id")))
_FORGET_MODERATORS: Final = Statement(
    delete(held_moderator).where(
        exists().where(
            held_message.c.held_id == held_moderator.c.held_id, held_message.c.decided_at < bindparam("before")
        )
    )
)
_FORGET: Final = Statement(delete(held_message).where(held_message.c.decided_at < bindparam("before")))


async def put(tx: Tx, content: IO[bytes], held: Sequence[tuple[HeldMessage, Sequence[Moderator]]]) -> None:
    """Keep one content and its rows; `content` is a whole message, read from its start."""
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    content.seek(0)
    number = 0
    while block := content.read(CHUNK):
        data = compressor.compress(block)
        await tx.run(_INSERT_CHUNK, content_id=held[0][0].content_id, chunk=number, data=data)
        number += 1
    for one, moderators in held:
        await tx.run(_INSERT, **_values(one))
        slots = [
            {"held_id": one.held_id, "slot": slot, "account_id": moderator.account_id}
            for slot, moderator in enumerate(moderators, 1)
        ]
        if slots:
            await tx.run_many(_INSERT_MODERATOR, slots)


async def find(tx: Tx, held_id: int) -> HeldMessage | None:
    """One held message."""
    row = await tx.one(_ONE, held_id=held_id)
    return None if row is None else _from_row(row)


async def siblings_of(tx: Tx, content_id: int, *, lock: bool = False) -> list[HeldMessage]:
    """All rows of one content."""
    statement = _LOCK_SIBLINGS if lock else _SIBLINGS
    return [_from_row(row) for row in await tx.all(statement, content_id=content_id)]


async def of_dispatch(tx: Tx, dispatch_id: str) -> list[HeldMessage]:
    """What of a message, by the id that its sender was told, had to wait."""
    return [_from_row(row) for row in await tx.all(OF_DISPATCH, dispatch_id=dispatch_id)]


async def waiting(tx: Tx) -> list[HeldMessage]:
    """What nobody has decided, the oldest first."""
    return [_from_row(row) for row in await tx.all(_OPEN)]


async def due(tx: Tx, now: int, most: int) -> list[int]:
    """The numbers of those whose time is over."""
    return [row[0] for row in await tx.all(_DUE, now=now, most=most)]


async def decide(tx: Tx, before: HeldMessage, after: HeldMessage) -> bool:
    """Write what became of a message; False when somebody else was first."""
    values = {name: getattr(after, name) for name in ("state", "decided_at", "decided_by", "words")}
    return bool(await tx.run(_DECIDE, held=after.held_id, before=before.state, **values))


async def put_off(tx: Tx, held: HeldMessage, until: int) -> None:
    """Have it wait for longer, unless somebody has decided."""
    await tx.run(_PUT_OFF, held=held.held_id, before=held.state, until=until)


async def let_go(tx: Tx, content_id: int) -> None:
    """Delete a content that no open row needs any more."""
    await tx.run(_LET_GO, content_id=content_id)


async def moderator_in(tx: Tx, held_id: int, slot: int) -> int | None:
    """The account of a moderator; None for one who has left."""
    row = await tx.one(_MODERATOR, held_id=held_id, slot=slot)
    return None if row is None else int(row[0])


async def moderators_in(tx: Tx, held_id: int) -> list[Moderator]:
    """The moderators who got the notice and have not left."""
    return [Moderator(*row) for row in await tx.all(_MODERATORS, held_id=held_id)]


async def forget(tx: Tx, before: int) -> None:
    """Delete what was decided before this moment."""
    await tx.run(_FORGET_MODERATORS, before=before)
    await tx.run(_FORGET, before=before)


async def _chunk(tx: Tx, content_id: int, number: int) -> Row | None:
    return await tx.one(_CHUNK, content_id=content_id, chunk=number)


async def read_content(database: Database, held: HeldMessage, most: int | None = None) -> IO[bytes] | None:
    """The message, rewound, or its first `most` octets and some more; the caller closes it. None when it is gone."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_MEMORY)  # noqa: SIM115 - the caller closes it
    decompressor = zstandard.ZstdDecompressor()
    for number in range(-(-(held.size if most is None else min(most, held.size)) // CHUNK)):
        row = await database.read(partial(_chunk, content_id=held.content_id, number=number))
        if row is None:
            spool.close()
            return None
        spool.write(decompressor.decompress(row[0]))
    spool.seek(0)
    return spool
