"""The Authenticated Received Chain: what servers on the way found of a message, verified and added to (RFC 8617)."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smtp.authentication.canonical import canonical, hash_body
from smtp.authentication.dkim import Body, Limits
from smtp.authentication.public_keys import Names, NoKey, PublicKey, fetch
from smtp.authentication.signatures import (
    Coverage,
    Malformed,
    Signature,
    read_coverage,
    read_signature,
    signed_data,
)
from smtp.authentication.signing import SigningKey, fields_to_sign, header_data, signed_field
from smtp.authentication.tags import parse_tags
from smtp.header import Field, read_fields

MOST: Final = 50
"""Sets of a chain (section 4.2.1)."""

_AAR: Final = b"arc-authentication-results"
_AMS: Final = b"arc-message-signature"
_AS: Final = b"arc-seal"
_NAMES: Final = (_AAR, _AMS, _AS)
_INSTANCE: Final = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")
_POSITION: Final = re.compile(rb"([0-9]{1,2})")
_ENDED: Final = re.compile(rb"(?:^|;)[ \t\r\n]*cv[ \t\r\n]*=[ \t\r\n]*fail")
_STATUSES: Final = frozenset({b"none", b"pass", b"fail"})
_OF_A_MESSAGE: Final = frozenset({b"i", b"a", b"b", b"bh", b"d", b"h", b"s"})
_OF_A_SEAL: Final = frozenset({b"i", b"a", b"b", b"cv", b"d", b"s"})


class Status(StrEnum):
    """The Chain Validation Status (section 4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Chain:
    """What became of the chain of a message. Every failure is for good, also of name servers (section 5.2.1)."""

    status: Status
    reason: str = ""
    """For people; nothing in it is of the message."""
    sealers: tuple[tuple[str, str], ...] = ()
    """Domain and selector of each seal, the first one first; only where it passed."""
    assessments: tuple[bytes, ...] = ()
    """What each of them found: the values of their ARC-Authentication-Results after the instance; as `sealers`."""
    oldest_pass: int = 0
    """The oldest instance whose message signature still holds; 0: all do (section 5.2 step 5)."""


@dataclass(frozen=True, slots=True)
class _Set:
    """Three fields of one instance."""

    results: Field
    message: Signature
    coverage: Coverage
    seal: Signature
    status: bytes


class Validator:
    """Verifies chains; a gateway has one."""

    def __init__(self, names: Names, limits: Limits | None = None) -> None:
        self._names = names
        self._limits = limits or Limits()
        self._turns = asyncio.Semaphore(self._limits.at_once)

    async def validate(self, fields: Sequence[Field], body: Body) -> Chain:
        """RFC 8617 section 5.2, of the header with these fields."""
        try:
            sets = _sets(fields)
            if not sets:
                return Chain(Status.NONE)
            async with asyncio.timeout(self._limits.seconds):
                return await self._validate(sets, fields, body)
        except (Malformed, NoKey) as error:
            return Chain(Status.FAIL, str(error))
        except TimeoutError:
            return Chain(Status.FAIL, "there was no time to verify it")

    async def _validate(self, sets: Sequence[_Set], fields: Sequence[Field], body: Body) -> Chain:
        last = await fetch(self._names, sets[-1].message.domain, sets[-1].message.selector)
        async with self._turns:
            hashes = await asyncio.to_thread(hash_body, body(), {one.coverage.relaxed_body for one in sets})
            if not await asyncio.to_thread(_message_holds, sets[-1], last, fields, hashes):
                return Chain(Status.FAIL, "the message was changed since the last seal")
        # Others are asked for no sooner: a chain that somebody made up costs one look-up.
        sealed = await asyncio.gather(*(self._key(one.seal) for one in sets))
        signed = [*await asyncio.gather(*(self._key(one.message) for one in sets[:-1])), last]
        async with self._turns:
            return await asyncio.to_thread(_verdict, sets, sealed, signed, fields, hashes)

    async def _key(self, signature: Signature) -> PublicKey | NoKey:
        try:
            return await fetch(self._names, signature.domain, signature.selector)
        except NoKey as error:
            return error


def _sets(fields: Sequence[Field]) -> list[_Set]:
    """The sets of a header from the first instance on, whose structure holds (section 5.2 steps 1 to 3).

    Raises Malformed.
    """
    found: dict[tuple[bytes, int], Field] = {}
    there = [one for one in fields if one.name in _NAMES]
    if len(there) > len(_NAMES) * MOST:
        raise Malformed("there are too many sets")
    for one in there:
        key = one.name, _instance(one)
        if key in found:
            raise Malformed("a field of a set stands twice")
        found[key] = one
    last = max((at for _, at in found), default=0)
    if len(found) != len(_NAMES) * last:
        raise Malformed("a set is not complete")
    sets = [_set(*(found[name, at] for name in _NAMES)) for at in range(1, last + 1)]
    if any(one.status != (b"pass" if at else b"none") for at, one in enumerate(sets)):
        raise Malformed("a seal says that the chain is broken")
    return sets


def _instance(field: Field) -> int:
    """The set that a field is of (section 4.2.1). Raises Malformed."""
    if field.name == _AAR:
        match = _INSTANCE.match(field.value)
    else:
        try:
            match = _POSITION.fullmatch(parse_tags(field.value).get(b"i", b""))
        except ValueError as error:
            raise Malformed(str(error)) from None
    at = int(match[1]) if match else 0
    if not 1 <= at <= MOST:
        raise Malformed("a field is of no set")
    return at


def _set(results: Field, message: Field, seal: Field) -> _Set:
    signature = read_signature(message, required=_OF_A_MESSAGE)
    tags = signature.tags
    # The fields of ARC are relaxed where nothing is said: so does everybody else take them.
    coverage = read_coverage({b"c": b"relaxed/relaxed"} | tags)
    if _AS in coverage.names:
        raise Malformed("a message signature covers a seal")
    sealed = read_signature(seal, required=_OF_A_SEAL)
    if b"h" in sealed.tags:
        raise Malformed("a seal has h=")
    if sealed.tags[b"cv"] not in _STATUSES:
        raise Malformed("the status of a seal is unknown")
    return _Set(results, signature, coverage, sealed, sealed.tags[b"cv"])


def _message_holds(one: _Set, key: PublicKey, fields: Sequence[Field], hashes: dict[bool, tuple[bytes, int]]) -> bool:
    coverage = one.coverage
    body_hash, size = hashes[coverage.relaxed_body]
    if coverage.body_hash != body_hash or (coverage.length is not None and coverage.length != size):
        return False
    return one.message.made_by(key, signed_data(one.message, coverage, fields))


def _verdict(
    sets: Sequence[_Set],
    sealed: Sequence[PublicKey | NoKey],
    signed: Sequence[PublicKey | NoKey],
    fields: Sequence[Field],
    hashes: dict[bool, tuple[bytes, int]],
) -> Chain:
    """RFC 8617 section 5.2 steps 5 to 7."""
    for at in reversed(range(len(sets))):
        key = sealed[at]
        if isinstance(key, NoKey):
            raise key
        data = b"".join(map(_sealed, sets[:at])) + _unsealed(sets[at].results, sets[at].message.field)
        if not sets[at].seal.made_by(key, data + sets[at].seal.hashed(relaxed=True)):
            raise Malformed("a seal does not hold")
    oldest = 0
    for at in reversed(range(len(sets) - 1)):
        key = signed[at]
        try:
            held = not isinstance(key, NoKey) and _message_holds(sets[at], key, fields, hashes)
        except NoKey:
            held = False
        if not held:
            oldest = at + 2
            break
    sealers = tuple((one.seal.domain, one.seal.selector) for one in sets)
    found = tuple(_INSTANCE.sub(b"", one.results.value, count=1).strip() for one in sets)
    return Chain(Status.PASS, "", sealers, found, oldest)


def _unsealed(results: Field, message: Field) -> bytes:
    return canonical(results, relaxed=True) + canonical(message, relaxed=True)


def _sealed(one: _Set) -> bytes:
    return _unsealed(one.results, one.message.field) + canonical(one.seal.field, relaxed=True)


def seal(header: bytes, body_hash: bytes, results: bytes, status: Status, key: SigningKey, now: int) -> bytes:
    """The set that goes on top of a message as it leaves, its DKIM-Signatures included (RFC 8617 section 5.1).

    `body_hash` is that of `BodyHash(relaxed=True)`; `results` what was found when it came: the value of our
    Authentication-Results; `status` what became then of the chain that is there, if one is.
    Empty where nothing is to be added: the chain was ended by somebody before, or has no room.
    Raises Malformed for a chain that cannot have passed.
    """
    fields = read_fields(header)
    there = [one for one in fields if one.name in _NAMES]
    sets: list[_Set] = []
    if there and status is Status.PASS:
        sets = _sets(fields)
    elif there:
        status = Status.FAIL
    at = 1 + max(map(_position, there), default=0)
    if at > MOST or any(one.name == _AS and _ENDED.search(one.value) for one in there):
        return b""
    made = Field(_AAR, b" i=%d; %s" % (at, results.strip()), b"")
    names = [*fields_to_sign(fields), *("dkim-signature" for one in fields if one.name == b"dkim-signature")]
    tags = [f"i={at}", f"a={key.algorithm}", f"d={key.domain}", f"s={key.selector}", f"t={now}"]
    encoded = base64.b64encode(body_hash).decode()
    message = signed_field(
        "ARC-Message-Signature",
        [tags[0], tags[1], "c=relaxed/relaxed", *tags[2:], f"h={':'.join(names)}", f"bh={encoded}"],
        header_data(fields, names),
        key,
    )
    [signed] = read_fields(message)
    data = b"".join(map(_sealed, sets)) + _unsealed(made, signed)
    top = signed_field("ARC-Seal", [tags[0], tags[1], f"cv={status}", *tags[2:]], data, key)
    return top + message + b"ARC-Authentication-Results:" + made.value + b"\r\n"


def _position(field: Field) -> int:
    try:
        return _instance(field)
    except Malformed:
        return 0
