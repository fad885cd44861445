"""The keys that sign now, as one process knows them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import select

from certs import dkim
from mailgate.database import Database, Statement, Tx, member
from mailgate.signing.schema import dkim_key
from smtp.authentication.signing import SigningKey

KNOWN: Final = 60.0
"""Seconds for which a process goes on with what it read: a key that was retired stays published for days."""

_k = dkim_key.c
_signs = (_k.signs_at > 0) & (_k.retired_at == 0)
_NAMES: Final = Statement(select(_k.domain, _k.selector).where(_signs).order_by(_k.domain, _k.selector))
_KEYS: Final = Statement(
    select(_k.selector, _k.private).where(_signs, member(_k.domain, "domains")).order_by(_k.kind.desc(), _k.selector)
)


class Keyring:
    """Finds the keys of a domain. What is secret is read when something is to be signed with it, and then kept."""

    def __init__(
        self, database: Database, holds: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`holds` says whether an address is in a domain of this installation."""
        self._database = database
        self._holds = holds
        self._clock = clock
        self._until = 0.0
        self._names: dict[str, list[str]] = {}
        self._keys: dict[str, tuple[SigningKey, ...]] = {}

    async def any(self) -> bool:
        """Whether there are keys at all."""
        return bool(await self._read_names())

    async def keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys that sign for addresses of a domain, RSA first; () where there are none.

        Where the domain has none of its own, those of the nearest one above it: DMARC takes both for aligned (RFC 7489
        section 3.1.1), unless its owner asks for strict alignment.
        """
        names = await self._read_names()
        labels = domain.split(".")
        above = (".".join(labels[at:]) for at in range(len(labels)))
        nearest = next((one for one in above if one in names and self._holds(f"@{one}")), None)
        if nearest is None:
            return ()
        found = self._keys.get(nearest, ())
        if sorted(one.selector for one in found) != names[nearest]:
            found = self._keys[nearest] = await self._read_keys(nearest)
        return found

    async def _read_names(self) -> dict[str, list[str]]:
        if self._clock() >= self._until:
            rows = await self._database.read(lambda tx: tx.all(_NAMES))
            names: dict[str, list[str]] = {}
            for domain, selector in rows:
                names.setdefault(domain, []).append(selector)
            self._names, self._until = names, self._clock() + KNOWN
            self._keys = {domain: keys for domain, keys in self._keys.items() if domain in names}
        return self._names

    async def _read_keys(self, domain: str) -> tuple[SigningKey, ...]:
        async def work(tx: Tx) -> list[tuple[str, bytes]]:
            return [(row[0], bytes(row[1])) for row in await tx.all(_KEYS, domains=[domain])]

        rows = await self._database.read(work)
        return tuple(SigningKey(domain, selector, dkim.from_octets(octets)) for selector, octets in rows)
