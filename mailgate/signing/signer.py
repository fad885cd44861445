"""What leaves, signed: DKIM for its author's domain, and a seal of ARC on what came from outside and goes on."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from mailgate.database import Database
from mailgate.signing.keyring import Keyring
from smtp.addresses import parse_addresses
from smtp.arrival import claims_our_name
from smtp.authentication.arc import Status, seal
from smtp.authentication.canonical import BodyHash
from smtp.authentication.signatures import Malformed
from smtp.authentication.signing import Algorithm, SigningKey, sign
from smtp.message import fields

_AT_ONCE: Final = 64 * 1024
"""Octets that are hashed in the event loop; more in a thread."""
_ARC: Final = re.compile(rb";[ \t\r\n]*arc[ \t\r\n]*=[ \t\r\n]*(none|pass|fail)\b")


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
        found = _ARC.search(b";" + results)
        status = Status(found[1].decode()) if found else Status.NONE
        try:
            return seal(top + header, digest, results, status, rsa, now) + top
        except Malformed:
            return seal(top + header, digest, results, Status.FAIL, rsa, now) + top

    def _results(self, header: bytes) -> bytes | None:
        """What we found of a message when it came: the value of our Authentication-Results."""
        values = (value for name, value, _ in fields(header) if name == b"authentication-results")
        return next((one for one in values if claims_our_name(one, self._is_ours)), None)

    def _is_ours(self, name: str) -> bool:
        return name.lower() == self._hostname


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
    values = [value for name, value, _ in fields(header) if name == b"from"]
    try:
        found = {one.rpartition("@")[2].lower() for value in values for one in parse_addresses(value.decode("utf-8"))}
        return found.pop().encode("idna").decode() if len(found) == 1 == len(values) else ""
    except ValueError:
        return ""
