"""The TLSA records that a server is to be verified by: which of its names has them (RFC 7672 section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import dns.rdtypes.ANY.TLSA

from smtp.client.answers import Answer, SendingError
from smtp.client.dane import MOST_CERTIFICATES, Dane, Tlsa
from smtp.client.exchangers import Location
from smtp.client.tls import TlsFailure
from smtp.resolver import InvalidName, Resolver, Unanswered


async def dane_of(
    resolver: Resolver, host: str, location: Location, port: int, destination: Sequence[str] = ()
) -> Dane | None:
    """What a server, located with validated answers, is to be verified by; None where nothing says that it can be.

    `destination` are the names of the domain whose MX named it. Raises SendingError (temporary): the server counts as
    one that cannot be reached, as it does when somebody suppresses the answer (section 2.1.1).
    """
    try:
        for base in await _bases(resolver, host, location):
            found = await resolver.lookup(f"_{port}._tcp.{base}", "TLSA")
            if not found.authenticated or not found.records:
                continue
            records = [
                Tlsa(one.usage, one.selector, one.mtype, one.cert)
                for one in found.records[:MOST_CERTIFICATES]
                if isinstance(one, dns.rdtypes.ANY.TLSA.TLSA)
            ]
            return Dane(tuple(one for one in records if one.usable), base, tuple(destination))
    except (InvalidName, Unanswered) as error:
        raise SendingError(Answer(451, "4.4.3", str(error), of_host=True), TlsFailure.DNSSEC) from error
    return None


async def _bases(resolver: Resolver, host: str, location: Location) -> list[str]:
    """The candidates, the best first: what a chain of validated CNAMEs leads to, and the name itself."""
    if location.secure:
        return list(dict.fromkeys((location.name, host)))
    if location.name.lower() != host.lower() and (await resolver.lookup(host, "CNAME")).authenticated:
        return [host]
    return []
