"""Ways out: to a server that takes everything, here; to the servers of each domain, in `smtp.client.direct`."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from typing import Final, Protocol

from smtp.client.answers import SendingError
from smtp.client.connection import Connection, Host, Timeouts
from smtp.client.dane import Dane
from smtp.client.exchangers import located
from smtp.client.opening import connect
from smtp.client.tls import Guard, Security
from smtp.client.tlsa import dane_of
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand

BY_THE_BOOK: Final = Timeouts()


class Route(Protocol):
    """Where a domain's mail is handed over."""

    def lane(self, domain: str) -> str:
        """What connections are counted by: domains of one lane can share a connection."""
        ...

    async def connect(self, domain: str, demand: TlsDemand = TlsDemand.POLICY) -> Connection:
        """A connection for messages that are tagged so.

        Raises SendingError: temporary, or permanent where no attempt will ever succeed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Smarthost:
    """A server that takes everything, after signing in where there are credentials."""

    host: str
    port: int
    hello: str
    security: Security = Security.STARTTLS
    credentials: tuple[str, str] | None = None
    context: ssl.SSLContext | None = None
    timeouts: Timeouts = BY_THE_BOOK
    resolver: Resolver | None = None
    """What it calls authenticated is: the server's TLSA records are looked for (RFC 7672 section 2.2.2)."""

    def lane(self, domain: str) -> str:
        """One for all."""
        return f"{self.host}:{self.port}"

    async def connect(self, domain: str, demand: TlsDemand = TlsDemand.POLICY) -> Connection:
        """Raises SendingError: temporary, or permanent for a server that does not promise TLS to who requires it.

        Who requires TLS gets it with a certificate that holds, whatever is enough for others; who says that it is not
        required changes nothing: what is asked of this server is its user's policy, not that of a destination.
        """
        demand = demand if demand is TlsDemand.REQUIRED else TlsDemand.POLICY
        addresses, dane = await self._found()
        guard = self._guard(dane, demand)
        *others, last = addresses
        for address in others:
            try:
                return await self._open(address, guard, demand)
            except SendingError:
                continue
        return await self._open(last, guard, demand)

    async def _open(self, address: str, guard: Guard, demand: TlsDemand) -> Connection:
        return await connect(
            Host(self.host, address, self.port), guard, hello=self.hello, timeouts=self.timeouts,
            credentials=self.credentials, demand=demand,
        )  # fmt: skip

    async def _found(self) -> tuple[tuple[str, ...], Dane | None]:
        """Where it is, by its name where no other is known, and what it is to be verified by. Raises SendingError."""
        if self.resolver is None or self.security is Security.NONE or _is_address(self.host):
            return (self.host,), None
        location = await located(self.resolver, self.host)
        dane = await dane_of(self.resolver, self.host, location, self.port)
        return location.addresses or (self.host,), dane

    def _guard(self, dane: Dane | None, demand: TlsDemand) -> Guard:
        """Records that cannot be used ask for TLS alone: where more is asked of the server, that stays."""
        proved = self.security in {Security.STARTTLS, Security.TLS} or demand is TlsDemand.REQUIRED
        if dane is not None and not dane.records and proved:
            dane = None
        security = Security.STARTTLS if proved or dane is not None else self.security
        return Guard(self.security if self.security is Security.TLS else security, self.context, dane)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
