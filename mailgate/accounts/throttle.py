"""How often a password that a person chose may be guessed.

Three counters, each of failures that are forgotten at a steady rate: of one account from one network, of one account
from anywhere, and of one network on any account. Above its free allowance, a counter closes for a time that doubles
with each further failure up to its cap. Only guesses at chosen passwords are gated: 138 random bits are not guessed,
so an app password signs in at any time, and nobody can be locked out by somebody else's failures for ever.

The counter of an account from anywhere does not bind networks where that account signed in of late: an attack
from elsewhere leaves the person at home and at school undisturbed.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

Clock = Callable[[], float]

IPV6_PREFIX: Final = 64
"""One customer has at least this much address space (RFC 6177), so a single IPv6 address means nothing."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How a counter behaves; times in seconds."""

    free: int
    """Failures before the first wait."""
    forget: float
    """One failure is forgotten in this time."""
    cap: float
    """The longest wait."""


PAIR: Final = Allowance(free=10, forget=60.0, cap=300.0)
ACCOUNT: Final = Allowance(free=30, forget=60.0, cap=60.0)
NETWORK: Final = Allowance(free=200, forget=5.0, cap=300.0)
"""A whole school may sit behind one address."""

TRUST_SECONDS: Final = 30 * 86400.0
"""How long a network stays known after a good sign-in."""

PARDON_SECONDS: Final = 600.0
"""A good sign-in clears the pair's failures at most this often, however often a phone signs in."""

MAX_ENTRIES: Final = 32768
"""Entries kept of each kind: some 10 MB each when full."""


@dataclass(slots=True)
class _Counter:
    failures: float
    at: float


@dataclass(slots=True)
class _Good:
    at: float
    pardoned_at: float


K = TypeVar("K")
V = TypeVar("V")


class _Recent(OrderedDict[K, V]):
    """A dictionary that forgets what was touched longest ago."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def touch(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)


class _Counters:
    def __init__(self, allowance: Allowance, limit: int) -> None:
        self._allowance = allowance
        self._counters: _Recent[str, _Counter] = _Recent(limit)

    def __len__(self) -> int:
        return len(self._counters)

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` may be tried again."""
        counter = self._counters.get(key)
        if counter is None:
            return 0.0
        beyond = counter.failures - self._allowance.free
        if beyond < 0:
            return 0.0
        pause = min(self._allowance.cap, math.pow(2.0, min(beyond, 30.0)))
        return max(0.0, counter.at + pause - now)

    def add(self, key: str, now: float) -> None:
        counter = self._counters.get(key)
        failures = 0.0 if counter is None else max(0.0, counter.failures - (now - counter.at) / self._allowance.forget)
        self._counters.touch(key, _Counter(failures + 1.0, now))

    def take_back(self, key: str) -> None:
        counter = self._counters.get(key)
        if counter is not None:
            counter.failures = max(0.0, counter.failures - 1.0)

    def clear(self, key: str) -> None:
        self._counters.pop(key, None)


def network_of(host: str) -> str:
    """What a peer's address counts as: itself for IPv4 (also when mapped into IPv6), its /64 for IPv6."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, IPV6_PREFIX), strict=False))


class Throttle:
    """The counters of one process; `clock` gives monotonic seconds."""

    def __init__(self, clock: Clock, max_entries: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._pairs = _Counters(PAIR, max_entries)
        self._accounts = _Counters(ACCOUNT, max_entries)
        self._networks = _Counters(NETWORK, max_entries)
        self._good: _Recent[str, _Good] = _Recent(max_entries)

    def __len__(self) -> int:
        """Entries held in memory."""
        return len(self._pairs) + len(self._accounts) + len(self._networks) + len(self._good)

    def wait(self, account: str, network: str) -> float:
        """Seconds until this account may be tried from this network; 0 when it may be now."""
        now = self._clock()
        waits = [self._pairs.wait(_pair(account, network), now), self._networks.wait(network, now)]
        good = self._good.get(_pair(account, network))
        if good is None or now - good.at > TRUST_SECONDS:
            waits.append(self._accounts.wait(account, now))
        return max(waits)

    def begin(self, account: str, network: str) -> None:
        """Count a try before its outcome is known, so that tries side by side cannot all slip through."""
        now = self._clock()
        self._pairs.add(_pair(account, network), now)
        self._accounts.add(account, now)

    def failed(self, network: str) -> None:
        """The try failed: it counts against the network too."""
        self._networks.add(network, self._clock())

    def undecided(self, account: str, network: str) -> None:
        """The try had no outcome: it is as if it had not been."""
        self._pairs.take_back(_pair(account, network))
        self._accounts.take_back(account)

    def succeeded(self, account: str, network: str) -> None:
        """The try was good: the network is known now, and the pair's failures are pardoned, not too often."""
        good = self.trust(account, network)
        if self._clock() - good.pardoned_at >= PARDON_SECONDS:
            good.pardoned_at = self._clock()
            self._pairs.clear(_pair(account, network))
        else:
            self._pairs.take_back(_pair(account, network))
        self._accounts.take_back(account)

    def trust(self, account: str, network: str) -> _Good:
        """The person signed in from this network, by whatever means."""
        pair = _pair(account, network)
        good = self._good.get(pair) or _Good(0.0, -math.inf)
        good.at = self._clock()
        self._good.touch(pair, good)
        return good


def _pair(account: str, network: str) -> str:
    return f"{account}\0{network}"
