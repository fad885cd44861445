"""What leaves, signed: DKIM for its author's domain, and a seal of ARC on what came from outside and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from mailgate.database import Database
from mailgate.signing.keyring import Keyring
from smtp.addresses import parse_addresses
from smtp.authentication.arc import Status, seal
from smtp.authentication.canonical import BodyHash
from smtp.authentication.results import FIELD, AuthenticationResults, parse
from smtp.authentication.signatures import Malformed
from smtp.authentication.signing import Algorithm, SigningKey, sign
from smtp.header import read_fields

_AT_ONCE: Final = 64 * 1024
"""Octets that are hashed in the event loop; more in a thread."""


class Signer:
    """Signs for a gateway."""

    def __init__(
        self,
        database: Database,
        holds: Callable[[str], bool],
        hostname: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`hostname` is what our Authentication-Results call us."""
        self._keyring = Keyring(database, holds)
        self._hostname = hostname.lower()
        self._clock = clock

    async def able(self) -> bool:
        """Whether there are keys at all."""
        return await self._keyring.any()

    async def keys(self, header: bytes) -> tuple[SigningKey, ...]:
        """Those that sign for the author of a header; () where none is of ours, or it has no keys."""
        domain = author_domain(header)
        return await self._keyring.keys(domain) if domain else ()

    async def sign(
        self,
        header: bytes,
        keys: Sequence[SigningKey],
        body: AsyncIterator[bytes],
        *,
        arrived: bytes = b"",
    ) -> bytes:
        """The fields that go on top of a header block; `keys` are those of `keys`, at least one.

        `body` gives the octets of the body as it leaves; `arrived` is the header as it came, of what came from outside:
        what was found then is sealed (RFC 8617).
        """
        digest = await _hash(body)
        now = int(self._clock())
        top = sign(header, digest, keys, now)
        rsa = next((one for one in keys if one.algorithm is Algorithm.RSA), None)  # RFC 8617 knows no other yet
        results = self._results(arrived)
        if rsa is None or results is None:
            return top
        found = results.of("arc")
        said = found[0].result if found else Status.NONE.value
        status = Status(said) if said in set(Status) else Status.FAIL
        payload = results.payload().encode("ascii", "replace")
        try:
            return seal(top + header, digest, payload, status, rsa, now) + top
        except Malformed:
            return seal(top + header, digest, payload, Status.FAIL, rsa, now) + top

    def _results(self, header: bytes) -> AuthenticationResults | None:
        """What we found of a message when it came."""
        for name, value, _ in read_fields(header):
            if name == FIELD:
                with contextlib.suppress(ValueError):
                    found = parse(value.decode("utf-8", "replace"))
                    if found.authserv_id.lower() == self._hostname:
                        return found
        return None


async def _hash(body: AsyncIterator[bytes]) -> bytes:
    hashed = BodyHash(relaxed=True)
    async for block in body:
        if len(block) > _AT_ONCE:
            await asyncio.to_thread(hashed.update, block)
        else:
            hashed.update(block)
    return hashed.digest()


def author_domain(header: bytes) -> str:
    """The domain of the one author, in small letters and as the DNS has it; empty where there is not exactly one."""
    values = [value for name, value, _ in read_fields(header) if name == b"from"]
    try:
        found = {one.rpartition("@")[2].lower() for value in values for one in parse_addresses(value.decode("utf-8"))}
        return found.pop().encode("idna").decode() if len(found) == 1 == len(values) else ""
    except ValueError:
        return ""
