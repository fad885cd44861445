"""Which servers take mail for a domain (RFC 5321 section 5.1, RFC 7505), and where they are."""

from __future__ import annotations

import random
from dataclasses import dataclass

import dns.rdtypes.ANY.MX
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA

from smtp.client.answers import Answer, SendingError
from smtp.resolver import Found, InvalidName, Resolver, Unanswered


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A server that takes mail for a domain, the lowest preference first."""

    name: str
    preference: int = 0
    secure: bool = False
    """Whether the name servers have validated that it is (DNSSEC)."""
    destination: tuple[str, ...] = ()
    """The domain, and what its CNAMEs lead to."""

    @property
    def implicit(self) -> bool:
        """Whether it is the domain itself, which has no MX."""
        return self.name in self.destination[:1]


@dataclass(frozen=True, slots=True)
class Location:
    """Where a server is."""

    addresses: tuple[str, ...]
    """IPv6 and IPv4 in turn."""
    name: str
    """The name that has them, behind all CNAMEs."""
    secure: bool
    """Whether the name servers have validated them."""


async def exchangers(resolver: Resolver, domain: str, *, own_name: str = "") -> list[Exchanger]:
    """The servers of a domain in the order in which they are tried; equals in random order.

    A domain without MX is its own server (RFC 5321 section 5.1). Where `own_name` is among them, only those
    preferred to it count, so that no message goes round. Raises SendingError: no such domain, it takes no mail
    (RFC 7505), it leads back here, or the name servers do not answer.
    """
    found = await _lookup(resolver, domain, "MX")
    if not found.exists:
        raise _permanent("5.1.2", f"There is no domain {domain}")
    if not found.records:
        return [Exchanger(domain, destination=(domain,))]
    answers = [one for one in found.records if isinstance(one, dns.rdtypes.ANY.MX.MX)]
    destination = tuple(dict.fromkeys((domain, found.name)))
    records = [
        Exchanger(str(one.exchange).rstrip("."), one.preference, found.authenticated, destination) for one in answers
    ]
    if [one.name for one in records] == [""]:
        raise SendingError(Answer(556, "5.1.10", f"{domain} takes no mail (RFC 7505)"))
    return _ordered([one for one in records if one.name], domain, own_name)


async def addresses(resolver: Resolver, host: str) -> list[str]:
    """The addresses of a server, IPv6 and IPv4 in turn; [] when it has none. Raises SendingError (temporary)."""
    return list((await located(resolver, host)).addresses)


async def located(resolver: Resolver, host: str) -> Location:
    """Where a server is. Raises SendingError (temporary)."""
    found = [await _lookup(resolver, host, kind) for kind in ("AAAA", "A")]
    kinds = dns.rdtypes.IN.A.A, dns.rdtypes.IN.AAAA.AAAA
    families = [[one.address for one in family.records if isinstance(one, kinds)] for family in found]
    longest = max(map(len, families))
    in_turn = [family[at] for at in range(longest) for family in families if at < len(family)]
    having = [one for one in found if one.records] or found
    return Location(tuple(in_turn), having[0].name, all(one.authenticated for one in having))


async def _lookup(resolver: Resolver, name: str, kind: str) -> Found:
    try:
        return await resolver.lookup(name, kind)
    except InvalidName:
        raise _permanent("5.1.2", f"{name} is no domain") from None
    except Unanswered as error:
        raise SendingError(Answer(451, "4.4.3", str(error), of_host=True)) from error


def _ordered(records: list[Exchanger], domain: str, own_name: str) -> list[Exchanger]:
    own = [one.preference for one in records if own_name and one.name.lower() == own_name.lower()]
    if own:
        records = [one for one in records if one.preference < min(own)]
        if not records:
            raise _permanent("5.4.6", f"Mail for {domain} would come back here")
    random.shuffle(records)
    return sorted(records, key=lambda one: one.preference)


def _permanent(status: str, text: str) -> SendingError:
    return SendingError(Answer(550, status, text))
