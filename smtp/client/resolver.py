"""Which servers take mail for a domain (RFC 5321 section 5.1, RFC 7505), asked of resolvers of one's choice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from smtp.client.answers import Answer, SendingError

_CACHED: Final = 10_000
_NOT_THERE: Final = (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN)


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A server that takes mail for a domain, the lowest preference first."""

    name: str
    preference: int = 0


class Resolver:
    """Looks names up; answers are kept as long as they say themselves."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, timeout: float = 15.0) -> None:
        """`servers`: address and port of each; none: those of the system. `timeout`: seconds of one look-up."""
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.lifetime = timeout
        self._resolver.cache = dns.resolver.LRUCache(_CACHED)

    async def exchangers(self, domain: str, *, own_name: str = "") -> list[Exchanger]:
        """The servers of a domain in the order in which they are tried; equals in random order.

        A domain without MX is its own server (RFC 5321 section 5.1). Where `own_name` is among them, only those
        preferred to it count, so that no message goes round. Raises SendingError: no such domain, it takes no mail
        (RFC 7505), it leads back here, or the name servers do not answer.
        """
        name = _name(domain)
        try:
            found = await self._resolver.resolve(name, dns.rdatatype.MX)
        except dns.resolver.NXDOMAIN:
            raise _permanent("5.1.2", f"There is no domain {domain}") from None
        except dns.resolver.NoAnswer:
            return [Exchanger(domain)]
        except (dns.exception.DNSException, OSError) as error:
            raise _unanswered(domain, error) from error
        records = [Exchanger(str(one.exchange).rstrip("."), one.preference) for one in found]
        if [one.name for one in records] == [""]:
            raise SendingError(Answer(556, "5.1.10", f"{domain} takes no mail (RFC 7505)"))
        return _ordered([one for one in records if one.name], domain, own_name)

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a server, IPv6 and IPv4 in turn; [] when it has none. Raises SendingError (temporary)."""
        name = _name(host)
        families = [await self._addresses(name, kind) for kind in (dns.rdatatype.AAAA, dns.rdatatype.A)]
        longest = max(map(len, families))
        return [family[at] for at in range(longest) for family in families if at < len(family)]

    async def _addresses(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> list[str]:
        try:
            return [one.address for one in await self._resolver.resolve(name, kind)]
        except _NOT_THERE:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise _unanswered(str(name), error) from error


def _ordered(records: list[Exchanger], domain: str, own_name: str) -> list[Exchanger]:
    own = [one.preference for one in records if own_name and one.name.lower() == own_name.lower()]
    if own:
        records = [one for one in records if one.preference < min(own)]
        if not records:
            raise _permanent("5.4.6", f"Mail for {domain} would come back here")
    random.shuffle(records)
    return sorted(records, key=lambda one: one.preference)


def _name(domain: str) -> dns.name.Name:
    try:
        return dns.name.from_text(domain)
    except dns.exception.DNSException:
        raise _permanent("5.1.2", f"{domain} is no domain") from None


def _permanent(status: str, text: str) -> SendingError:
    return SendingError(Answer(550, status, text))


def _unanswered(name: str, error: Exception) -> SendingError:
    return SendingError(
        Answer(451, "4.4.3", f"No name server answers for {name}: {type(error).__name__}", of_host=True)
    )
