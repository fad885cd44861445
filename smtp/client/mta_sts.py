"""MTA-STS (RFC 8461): the policy that a domain publishes for mail to it, found and kept as long as it says."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog

from smtp.client.tls import TlsFailure
from smtp.resolver import InvalidName, Resolver, Unanswered, ascii_name

log = structlog.stdlib.get_logger("smtp.client")

LONGEST: Final = 31_557_600
"""Seconds that a policy is kept at the most (section 3.2)."""
MOST_PATTERNS: Final = 1_000
REFRESH: Final = 86_400
"""Seconds after which a policy is fetched again though its id is the same (section 3.3)."""
PAUSE: Final = 300
"""Seconds until a version is fetched again that could not be fetched (section 3.3)."""

_VERSION: Final = b"v=STSv1"
_RECORD_FIELD: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)")
_ID: Final = re.compile(rb"[A-Za-z0-9]{1,32}")
_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(\S(?:.*\S)?)?[ \t]*")
_PATTERN: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?")


class Mode(StrEnum):
    """What becomes of mail where the policy does not hold (section 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy (section 3.2)."""

    mode: Mode
    mx: tuple[str, ...]
    """Patterns in small letters, without a last dot."""
    max_age: int

    def allows(self, host: str) -> bool:
        """Whether a server may be one of the domain's (section 4.1): a ``*`` stands for one label."""
        name = host.lower().rstrip(".")
        wild = f"*.{name.partition('.')[2]}"
        return any(one in {name, wild} for one in self.mx)

    def lines(self) -> list[str]:
        """As reports have it (RFC 8460 section 4.4)."""
        return ["version: STSv1", f"mode: {self.mode}", *(f"mx: {one}" for one in self.mx), f"max_age: {self.max_age}"]


def record_id(texts: Sequence[bytes]) -> str | None:
    """The id that the TXT records of ``_mta-sts`` give; None where there is no one valid record (section 3.1)."""
    records = [one for one in texts if re.match(rb"v=STSv1[ \t]*;", one)]
    if len(records) != 1:
        return None
    found = dict[bytes, bytes]()
    version, *fields = re.split(rb"[ \t]*;[ \t]*", records[0].rstrip(b" \t"))
    if fields and not fields[-1]:
        fields.pop()
    for field in fields:
        match = _RECORD_FIELD.fullmatch(field)
        if match is None:
            return None
        found.setdefault(match[1], match[2])
    policy_id = found.get(b"id", b"")
    return policy_id.decode("ascii") if version == _VERSION and _ID.fullmatch(policy_id) else None


def parse_policy(body: bytes) -> Policy:
    """What a policy host serves. Raises ValueError for what is no policy (section 3.2)."""
    text = body.decode("utf-8")
    once = dict[str, str]()
    patterns = list[str]()
    for line in re.split(r"\r?\n", text.rstrip("\r\n")):
        match = _LINE.fullmatch(line)
        if match is None or match[2] is None:
            raise ValueError(f"a line is no field: {line[:40]!r}")
        name, value = match[1], match[2]
        if name == "mx":
            if not _PATTERN.fullmatch(value):
                raise ValueError(f"mx has no domain: {value[:40]!r}")
            patterns.append(value.lower().rstrip("."))
        else:
            once.setdefault(name, value)
    if once.get("version") != "STSv1":
        raise ValueError("its version is not STSv1")
    mode = Mode(once.get("mode", ""))
    if not re.fullmatch(r"[0-9]{1,10}", once.get("max_age", "")):
        raise ValueError("it has no max_age")
    if not patterns and mode is not Mode.NONE:
        raise ValueError("it names no mx")
    if len(patterns) > MOST_PATTERNS:
        raise ValueError("it names too many mx")
    return Policy(mode, tuple(dict.fromkeys(patterns)), min(int(once["max_age"]), LONGEST))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a domain; times are seconds since the epoch."""

    policy: Policy | None = None
    policy_id: str = ""
    fetched_at: int = 0
    tried_id: str = ""
    """The version that could not be fetched at `tried_at`."""
    tried_at: int = 0

    def valid(self, now: int) -> Policy | None:
        """The policy, unless its time is over."""
        return self.policy if self.policy is not None and now < self.fetched_at + self.policy.max_age else None


class Store(Protocol):
    """Where policies are kept, by domain in small letters."""

    async def find(self, domain: str) -> Kept: ...

    async def keep(self, domain: str, kept: Kept) -> None: ...


class FetchError(Exception):
    """No policy could be had from its host."""

    def __init__(self, failure: TlsFailure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


Fetch = Callable[[str], Awaitable[bytes]]
"""Gives what a domain's policy host serves. Raises FetchError."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The policy that holds for a domain now, if any."""

    policy: Policy | None = None
    failure: TlsFailure | None = None
    """What kept us from having it anew, to be reported (section 6)."""
    reason: str = ""

    @property
    def in_force(self) -> Policy | None:
        """The policy, unless it says that there is none."""
        return None if self.policy is None or self.policy.mode is Mode.NONE else self.policy


class MtaSts:
    """The policies of the domains that mail goes to."""

    def __init__(self, resolver: Resolver, store: Store, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._resolver = resolver
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def policy(self, domain: str) -> Applied:
        """What holds for a domain (section 5.1): of one that changed, the new one; of one that cannot be had, the one
        that is kept. A domain is never asked for on behalf of one below it (section 3.4).
        """
        try:
            domain = ascii_name(domain)
        except InvalidName:
            return Applied()
        lock = self._locks.setdefault(domain, asyncio.Lock())
        async with lock:
            return await self._policy(domain)

    async def _policy(self, domain: str) -> Applied:
        kept, now = await self._store.find(domain), int(self._clock())
        valid = kept.valid(now)
        try:
            policy_id = record_id((await self._resolver.lookup(f"_mta-sts.{domain}", "TXT")).texts())
        except (InvalidName, Unanswered) as error:
            policy_id, reason = None, str(error)
        else:
            reason = "there is no TXT record any more"
        if policy_id is None:
            lost = valid is not None and valid.mode is not Mode.NONE
            return Applied(valid, TlsFailure.FETCH if lost else None, reason if lost else "")
        if valid is not None and kept.policy_id == policy_id and now - kept.fetched_at < REFRESH:
            return Applied(valid)
        if kept.tried_id == policy_id and now - kept.tried_at < PAUSE:
            return Applied(valid)
        return await self._fetched(domain, kept, policy_id, now)

    async def refresh(self, domain: str) -> None:
        """Have a policy that is kept for longer, whoever writes to the domain or does not (section 3.3)."""
        async with self._locks.setdefault(domain, asyncio.Lock()):
            await self._policy(domain)

    async def _fetched(self, domain: str, kept: Kept, policy_id: str, now: int) -> Applied:
        try:
            policy = parse_policy(await self._fetch(domain))
        except FetchError as error:
            failure, reason = error.failure, str(error)
        except ValueError as error:
            failure, reason = TlsFailure.INVALID, str(error)
        else:
            await self._store.keep(domain, Kept(policy, policy_id, now))
            return Applied(policy)
        await self._store.keep(domain, replace(kept, tried_id=policy_id, tried_at=now))
        valid = kept.valid(now)
        if valid is None or valid.mode is not Mode.NONE:
            log.warning("mta-sts policy cannot be had", domain=domain, reason=reason[:200], kept=valid is not None)
        return Applied(valid, failure, reason)
