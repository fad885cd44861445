"""The Domain Name System, asked of name servers of one's choice: cached, with time limits, never in the way of others.

The one resolver of mail: exchangers, policies and keys are all looked up through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.rdtypes.txtbase
import dns.resolver
import dns.reversename

_PAYLOAD: Final = 1_232
"""Octets of an answer by UDP that no network cuts up (DNS Flag Day 2020); a larger one comes by TCP."""
_ATTEMPT: Final = 3.0
"""Seconds after which the next server is asked, or the same one again."""
_KEPT: Final = 86_400.0
_KEPT_NEGATIVE: Final = 3_600.0
"""Seconds that an answer is kept at most, whatever it says (RFC 2308 section 5 for those that say no)."""
_OVERHEAD: Final = 512
"""Octets that an answer costs beside its records."""


class InvalidName(ValueError):
    """No question can be made of this: an empty label, one of more than 63 octets, a name of more than 255."""


class Unanswered(Exception):
    """Nobody knows now: the name servers are silent, or say that they failed. Another time may do better."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the name servers say of a name and a type."""

    name: str
    """The name whose records these are, behind all CNAMEs; without the last dot."""
    records: tuple[dns.rdata.Rdata, ...] = ()
    """None: there is no such name, or it has nothing of this type."""
    exists: bool = True
    """False: there is no such name (NXDOMAIN)."""
    authenticated: bool = False
    """The name server says that it has validated the answer, also one without records (AD, RFC 4035 section 3.2.3)."""

    def texts(self) -> list[bytes]:
        """Of each TXT record its strings, joined without anything between them."""
        return [b"".join(one.strings) for one in self.records if isinstance(one, dns.rdtypes.txtbase.TXTBase)]


class Resolver:
    """Looks names up; answers are kept as long as they say themselves, those that say no as well."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        timeout: float = 15.0,
        cached: int = 32 * 2**20,
        at_once: int = 200,
        clock: Callable[[], float] = time.monotonic,
        system: str = "/etc/resolv.conf",
    ) -> None:
        """`servers`: address and port of each; none: those of the system, where every look-up is unanswered if it names
        none. `timeout`: seconds of one look-up.

        `cached`: octets of answers that are kept. `at_once`: look-ups under way; more wait for their turn, which counts
        as part of their time.
        """
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        if not servers:
            with contextlib.suppress(dns.resolver.NoResolverConfiguration):
                self._resolver.read_resolv_conf(system)
        else:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.lifetime = timeout
        self._resolver.timeout = min(_ATTEMPT, timeout)
        self._resolver.use_edns(0, 0, _PAYLOAD)
        self._resolver.flags = dns.flags.Flag(dns.flags.RD | dns.flags.AD)  # AD asks for AD (RFC 6840 section 5.7)
        self._timeout = timeout
        self._turns = asyncio.Semaphore(at_once)
        self._cache = _Cache(cached, clock)

    async def lookup(self, name: str, kind: str) -> Found:
        """The records of a type (``"MX"``) that a name has, relative to the root, with or without a last dot.

        Raises InvalidName, Unanswered.
        """
        question = dns_name(name)
        rdtype = dns.rdatatype.from_text(kind)
        key = (question.canonicalize(), rdtype)
        if (kept := self._cache.get(key)) is not None:
            return kept
        found, octets, ttl = await self._ask(question, rdtype)
        self._cache.put(key, found, octets, ttl)
        return found

    async def _ask(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> tuple[Found, int, float]:
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                answer = await self._resolver.resolve(name, rdtype, search=False, raise_on_no_answer=False)
            return _read(name, answer.response)
        except dns.resolver.NXDOMAIN as error:
            [response] = error.kwargs["responses"].values()
            return _read(name, response)
        except (dns.exception.DNSException, OSError, TimeoutError) as error:
            raise Unanswered(f"No name server answers for {name}: {type(error).__name__}") from error


def dns_name(text: str) -> dns.name.Name:
    """A name relative to the root; letters beyond ASCII as their A-labels (RFC 5890). Raises InvalidName."""
    stem = text[:-1] if text.endswith(".") else text
    try:
        if not stem.isascii():
            return dns.name.from_text(stem, idna_codec=dns.name.IDNA_2008_UTS_46)
        # Not from_text: here a backslash is a letter as any other.
        return dns.name.Name([*(label.encode("ascii") for label in stem.split(".")), b""])
    except (dns.exception.DNSException, UnicodeError) as error:
        raise InvalidName(f"{text} is no name that can be looked up") from error


def ascii_name(text: str) -> str:
    """A name in A-labels (RFC 5890) and small letters, without the last dot. Raises InvalidName."""
    return dns_name(text).to_text(omit_final_dot=True).lower()


def reverse_name(address: str) -> str:
    """Where the names of an IP address are (in-addr.arpa, ip6.arpa). Raises ValueError."""
    return dns.reversename.from_address(str(ipaddress.ip_address(address))).to_text(omit_final_dot=True)


def _read(name: dns.name.Name, response: dns.message.QueryMessage) -> tuple[Found, int, float]:
    """What an answer says, how many octets it takes, and for how many seconds it holds."""
    exists = response.rcode() != dns.rcode.NXDOMAIN
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as error:
        raise Unanswered(f"The answer for {name} makes no sense: {type(error).__name__}") from error
    records = tuple(chain.answer or ())
    found = Found(
        chain.canonical_name.to_text(omit_final_dot=True), records, exists, bool(response.flags & dns.flags.AD)
    )
    octets = sum(len(one.to_wire() or b"") for one in records) + _OVERHEAD
    return found, octets, min(chain.minimum_ttl, _KEPT if records else _KEPT_NEGATIVE)


_Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class _Cache:
    """Answers until their time is up, as many octets of them as there is room for: those used last."""

    def __init__(self, room: int, clock: Callable[[], float]) -> None:
        self._whole = self._room = room
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[Found, int, float]] = OrderedDict()

    def get(self, key: _Key) -> Found | None:
        if key not in self._kept:
            return None
        found, _, until = self._kept[key]
        if self._clock() >= until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: _Key, found: Found, octets: int, ttl: float) -> None:
        if key in self._kept:
            self._drop(key)
        if ttl <= 0 or octets > self._whole:
            return
        self._kept[key] = found, octets, self._clock() + ttl
        self._room -= octets
        while self._room < 0:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        self._room += self._kept.pop(key)[1]
