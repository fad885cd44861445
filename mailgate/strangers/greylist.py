"""Greylisting (RFC 6647): a server that is not known is asked to come back; programs that only spread mail do not.

What is remembered is in the database, so that every node knows whom another has seen, as digests: who wrote to whom
cannot be read from it. A server that came back in time has its whole network known, whatever it sends (section 5).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, NamedTuple

from sqlalchemy import LargeBinary, bindparam, delete, or_, select

from mailgate.config import Greylisting
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.schema import number
from mailgate.strangers.schema import greylist
from smtp.server import network_key

REFRESH: Final = 86_400
"""A known network is noted anew once a day at the most."""

_g = greylist.c
_FIND: Final = Statement(
    select(_g.key, _g.first_at, _g.expires_at).where(
        or_(*(_g.key == bindparam(name, type_=LargeBinary) for name in ("network", "attempt")))
    )
)
_put = insert(greylist).values(
    key=bindparam("key", type_=LargeBinary), first_at=number("first_at"), expires_at=number("expires_at")
)
_NOTE: Final = Statement(
    _put.on_conflict_do_update(
        index_elements=[_g.key], set_={"first_at": _put.excluded.first_at, "expires_at": _put.excluded.expires_at}
    )
)
_FORGET: Final = Statement(delete(greylist).where(_g.expires_at <= number("now")))
_NUMBERS: Final = re.compile(r"[0-9]+")


class _Row(NamedTuple):
    key: bytes
    first_at: int
    expires_at: int


class Greylist:
    """Who came when."""

    def __init__(self, database: Database, settings: Greylisting, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def waits(self, host: str, sender: str, recipient: str) -> bool:
        """Whether the server at this address is to come back later. One statement for a network that is known."""
        now = int(self._clock())
        network = _digest(network_key(host))
        attempt = _digest(network_key(host), _steady(sender), recipient)

        async def find(tx: Tx) -> list[_Row]:
            return [
                _Row(bytes(row[0]), row[1], row[2]) for row in await tx.all(_FIND, network=network, attempt=attempt)
            ]

        rows = {row.key: row for row in await self._database.read(find) if row.expires_at > now}
        if network in rows:
            if rows[network].expires_at < now + self._settings.memory - REFRESH:
                await self._note(network, now, self._settings.memory)
            return False
        if attempt not in rows:
            await self._note(attempt, now, self._settings.window)
            return True
        if now < rows[attempt].first_at + self._settings.delay:
            return True
        await self._note(network, now, self._settings.memory)
        return False

    async def forget(self) -> None:
        """Delete what is expired."""

        async def work(tx: Tx) -> None:
            await tx.run(_FORGET, now=int(self._clock()))

        await self._database.write(work, durable=False)

    async def _note(self, key: bytes, now: int, seconds: int) -> None:
        async def work(tx: Tx) -> None:
            await tx.run(_NOTE, key=key, first_at=now, expires_at=now + seconds)

        await self._database.write_alone(work)


def _steady(sender: str) -> str:
    """A reverse path without what changes from message to message: numbers, and what stands behind a plus."""
    local, _, domain = sender.lower().rpartition("@")
    return f"{_NUMBERS.sub('#', local.partition('+')[0])}@{domain}"


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).lower().encode(), digest_size=16).digest()
