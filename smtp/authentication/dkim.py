"""DKIM signatures of what comes in, verified (RFC 6376 section 6, RFC 8301, RFC 8463).

Own code and not dkimpy's, which needs the whole message in memory and keeps the interpreter to itself while it looks at
it, for minutes where a signature holds many line ends; the tests hold the two against each other. What a stranger wrote
costs here at most the time to read it: each field once, the body once, each key one look-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smtp.authentication.canonical import hash_body
from smtp.authentication.public_keys import Names, NoKey, PublicKey, fetch
from smtp.authentication.signatures import (
    Coverage,
    Malformed,
    Signature,
    number,
    read_coverage,
    read_signature,
    signed_data,
)
from smtp.authentication.tags import parse_list, without_white
from smtp.header import Field

Body = Callable[[], Iterable[bytes]]
"""Gives the octets of a body in pieces, from its beginning; called in a thread."""

_REQUIRED: Final = frozenset({b"v", b"a", b"b", b"bh", b"d", b"h", b"s"})
_CLOCKS: Final = 3_600
"""Seconds by which the clocks of two servers may differ."""
_SHOWN: Final = 12
_FOR_KEYS: Final = 0.7
"""The share of the time for a message in which keys may be found."""


class Result(StrEnum):
    """What became of a signature (RFC 8601 section 2.7.1)."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    POLICY = "policy"
    """It holds, and counts for nothing: it leaves a part of the body open, or its domain only tries DKIM out."""
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Limits:
    """Signatures of a message that are verified, those on top first; seconds for all; messages hashed at once."""

    signatures: int = 10
    seconds: float = 20.0
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of one signature. What it says of itself is to be believed only where it passed."""

    result: Result
    reason: str = ""
    """For people; nothing in it is of the message."""
    domain: str = ""
    """d=, in small letters; empty where the field could not be read."""
    selector: str = ""
    identity: str = ""
    """i=, or what stands for it."""
    algorithm: str = ""
    bits: int = 0
    """Of the key; 0 where none was found."""
    signature: str = ""
    """The first letters of b=, by which RFC 6008 tells signatures apart."""


@dataclass(frozen=True, slots=True)
class _Read:
    signature: Signature
    coverage: Coverage
    identity: str

    def verdict(self, result: Result, reason: str, key: PublicKey | None = None) -> Verified:
        of = self.signature
        shown = without_white(of.tags[b"b"])[:_SHOWN].decode("ascii", "replace")
        bits = key.bits if key else 0
        return Verified(result, reason, of.domain, of.selector, self.identity, of.algorithm, bits, shown)


class Verifier:
    """Verifies messages; a gateway has one."""

    def __init__(self, names: Names, limits: Limits | None = None) -> None:
        self._names = names
        self._limits = limits or Limits()
        self._turns = asyncio.Semaphore(self._limits.at_once)

    async def verify(self, fields: Sequence[Field], body: Body, now: int) -> list[Verified]:
        """What became of each DKIM-Signature field of a header, from the top; [] when there is none.

        `now`: seconds since the epoch.
        """
        found = [one for one in fields if one.name == b"dkim-signature"][: self._limits.signatures]
        read = [_read(one, fields, now) for one in found]
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._verify(read, fields, body)
        except TimeoutError:
            late = "there was no time to verify it"
            return [one.verdict(Result.TEMPERROR, late) if isinstance(one, _Read) else one for one in read]

    async def _verify(self, read: Sequence[_Read | Verified], fields: Sequence[Field], body: Body) -> list[Verified]:
        keyed = await asyncio.gather(*(self._key(one) for one in read))
        done = [one for one in keyed if isinstance(one, Verified)]
        if len(done) == len(keyed):
            return done
        async with self._turns:
            return await asyncio.to_thread(_verdicts, keyed, fields, body)

    async def _key(self, one: _Read | Verified) -> _Keyed | Verified:
        if isinstance(one, Verified):
            return one
        try:
            # In time for the others: a key that somebody keeps back makes no forged signature doubtful.
            async with asyncio.timeout(self._limits.seconds * _FOR_KEYS):
                key = await fetch(self._names, one.signature.domain, one.signature.selector)
        except TimeoutError:
            return one.verdict(Result.TEMPERROR, "no name server answers for the key in time")
        except NoKey as error:
            return one.verdict(Result.TEMPERROR if error.temporary else Result.PERMERROR, str(error))
        return _Keyed(one.signature, one.coverage, one.identity, key)


@dataclass(frozen=True, slots=True)
class _Keyed(_Read):
    key: PublicKey


def _read(field: Field, fields: Sequence[Field], now: int) -> _Read | Verified:
    """RFC 6376 section 6.1.1."""
    try:
        signature = read_signature(field, required=_REQUIRED)
        tags = signature.tags
        coverage = read_coverage(tags)
        read = _Read(signature, coverage, _identity(tags, signature.domain))
    except Malformed as error:
        return Verified(Result.PERMERROR, str(error))
    try:
        _check(read, fields, now)
    except Malformed as error:
        return read.verdict(Result.PERMERROR, str(error))
    return read


def _check(read: _Read, fields: Sequence[Field], now: int) -> None:
    tags = read.signature.tags
    if tags[b"v"] != b"1":
        raise Malformed("its version is unknown")
    if b"dns/txt" not in parse_list(tags.get(b"q", b"dns/txt")):
        raise Malformed("its key is not in the DNS")
    if read.coverage.names.count(b"from") < max(1, sum(one.name == b"from" for one in fields)):
        raise Malformed("it does not cover From")
    expires, made = number(tags, b"x"), read.signature.timestamp
    if expires is not None and made is not None and expires <= made:
        raise Malformed("it ends before it begins")
    if expires is not None and expires < now - _CLOCKS:
        raise Malformed("it has expired")
    if made is not None and made > now + _CLOCKS:
        raise Malformed("it is of the future")


def _identity(tags: dict[bytes, bytes], domain: str) -> str:
    """i=, whose domain is that of d= or one below it. Raises Malformed."""
    if b"i" not in tags:
        return f"@{domain}"
    try:
        identity = without_white(tags[b"i"]).decode()
    except UnicodeDecodeError:
        raise Malformed("its identity is not UTF-8") from None
    local, at, of = identity.rpartition("@")
    if not at or not f".{of.lower()}".endswith(f".{domain}"):
        raise Malformed("its identity is not of its domain")
    return f"{local}@{of.lower()}"


def _verdicts(keyed: Sequence[_Keyed | Verified], fields: Sequence[Field], body: Body) -> list[Verified]:
    kinds = {one.coverage.relaxed_body for one in keyed if isinstance(one, _Keyed)}
    hashes = hash_body(body(), kinds) if kinds else {}
    return [one if isinstance(one, Verified) else _verdict(one, fields, hashes) for one in keyed]


def _verdict(one: _Keyed, fields: Sequence[Field], hashes: dict[bool, tuple[bytes, int]]) -> Verified:
    """RFC 6376 section 6.1.3."""
    coverage, key = one.coverage, one.key
    if key.strict and one.identity.rpartition("@")[2] != one.signature.domain:
        return one.verdict(Result.PERMERROR, "its identity is not of its domain, as the key asks", key)
    body_hash, size = hashes[coverage.relaxed_body]
    if coverage.length is not None and coverage.length < size:
        # What follows may be anybody's: section 8.2. Whether the rest holds would help nobody.
        return one.verdict(Result.POLICY, "it leaves the end of the body open", key)
    if coverage.length is not None and coverage.length > size:
        return one.verdict(Result.PERMERROR, "it covers more than there is", key)
    if coverage.body_hash != body_hash:
        return one.verdict(Result.FAIL, "the body was changed", key)
    try:
        held = one.signature.made_by(key, signed_data(one.signature, coverage, fields))
    except NoKey as error:
        return one.verdict(Result.PERMERROR, str(error), key)
    if not held:
        return one.verdict(Result.FAIL, "the signature does not hold", key)
    if key.testing:
        return one.verdict(Result.POLICY, "its domain only tries DKIM out", key)
    return one.verdict(Result.PASS, "", key)
