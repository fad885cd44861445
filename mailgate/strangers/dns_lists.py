"""Lists of addresses in the DNS (RFC 5782): what they say of a server, weighed.

A list that does not answer in time, or not as such lists do, says nothing of anybody.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import Final

import structlog

from smtp.resolver import InvalidName, Resolver, Unanswered, reverse_name

log = structlog.stdlib.get_logger("mailgate.strangers")

_LISTED: Final = ipaddress.ip_network("127.0.0.0/8")
_REFUSED: Final = ipaddress.ip_network("127.255.255.0/24")
"""What some lists answer to who asks too much, or by a name server that others use too."""
_NOBODY: Final = ipaddress.ip_address("127.0.0.1")
"""Never an entry (RFC 5782 section 5): a list that is shut, or a name server that invents answers."""
_ZONES: Final = (".in-addr.arpa", ".ip6.arpa")


class DnsLists:
    """Lists with the weight of each: an address counts as listed where the weights of those that have it reach the
    threshold. A negative weight is that of a list of good servers.
    """

    def __init__(self, resolver: Resolver, weights: Mapping[str, float], threshold: float, timeout: float) -> None:
        """`timeout`: seconds for all lists, which are asked at once."""
        self._resolver = resolver
        self._weights = dict(weights)
        self._threshold = threshold
        self._timeout = timeout

    async def having(self, host: str) -> list[str]:
        """The lists for which an IP address counts as listed, the heaviest first; none where it does not."""
        said = await asyncio.gather(*(self._has(zone, host) for zone in self._weights))
        found = [zone for zone, listed in zip(self._weights, said, strict=True) if listed]
        if sum(self._weights[zone] for zone in found) < self._threshold:
            return []
        blamed = [zone for zone in found if self._weights[zone] > 0]
        return sorted(blamed, key=lambda zone: -self._weights[zone])

    async def _has(self, zone: str, host: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._resolver.lookup(f"{question(host)}.{zone}", "A")
        except (Unanswered, InvalidName, TimeoutError) as error:
            log.info("dns list does not answer", list=zone, reason=type(error).__name__)
            return False
        answers = [ipaddress.ip_address(str(record)) for record in found.records]
        if any(answer in _REFUSED for answer in answers):
            log.warning("dns list refuses our questions", list=zone)
        return any(answer in _LISTED and answer not in _REFUSED and answer != _NOBODY for answer in answers)


def question(host: str) -> str:
    """An address as lists are asked for it (RFC 5782 sections 2.1, 2.4): its octets, or its digits, backwards.

    Raises ValueError.
    """
    name = reverse_name(host.partition("%")[0])
    return next(name.removesuffix(zone) for zone in _ZONES if name.endswith(zone))
