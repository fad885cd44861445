"""Ways out: to a server that takes everything, or to the servers of each domain."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from smtp.client.answers import Answer, SendingError
from smtp.client.connection import Connection, Host, Timeouts
from smtp.client.exchangers import addresses, exchangers
from smtp.client.opening import connect
from smtp.client.tls import Guard, Security
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand

BY_THE_BOOK: Final = Timeouts()
_HOSTS_AT_MOST: Final = 8
"""Servers of one domain that are tried at once, the addresses of each counted."""
SMTP_PORT: Final = 25


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

    def lane(self, domain: str) -> str:
        """One for all."""
        return f"{self.host}:{self.port}"

    async def connect(self, domain: str, demand: TlsDemand = TlsDemand.POLICY) -> Connection:
        """Raises SendingError: temporary, or permanent for a server that does not promise TLS to who requires it.

        Who requires TLS gets it with a certificate that holds, whatever is enough for others; who says that it is not
        required changes nothing: what is asked of this server is its user's policy, not that of a destination.
        """
        required = demand is TlsDemand.REQUIRED
        security = Security.STARTTLS if required and self.security is not Security.TLS else self.security
        return await connect(
            Host(self.host, self.host, self.port), Guard(security, self.context), hello=self.hello,
            timeouts=self.timeouts, credentials=self.credentials,
            demand=demand if required else TlsDemand.POLICY,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DirectToMx:
    """The servers that each domain names, in their order, until one talks to us (RFC 5321 section 5.1)."""

    resolver: Resolver
    hello: str
    port: int = SMTP_PORT
    security: Security = Security.OPPORTUNISTIC
    timeouts: Timeouts = BY_THE_BOOK

    def lane(self, domain: str) -> str:
        """One for each domain."""
        return domain

    async def connect(self, domain: str, demand: TlsDemand = TlsDemand.POLICY) -> Connection:
        """The last server's answer is the error: temporary, unless the name server says that there is none."""
        if demand is TlsDemand.REQUIRED:
            # RFC 8689 section 2: nothing vouches for the names that an MX look-up gave.
            raise SendingError(Answer(550, "5.7.10", f"The servers of {domain} cannot be told from others"))
        last: SendingError | None = None
        for host in await self._hosts(domain):
            try:
                return await connect(
                    host, Guard(self.security, vouched=False), hello=self.hello, timeouts=self.timeouts, demand=demand
                )
            except SendingError as error:
                last = error
        nothing = Answer(550, "5.4.4", f"The servers of {domain} have no address")
        raise last or SendingError(nothing)

    async def _hosts(self, domain: str) -> Sequence[Host]:
        hosts: list[Host] = []
        for exchanger in await exchangers(self.resolver, domain, own_name=self.hello):
            found = await addresses(self.resolver, exchanger.name)
            hosts += [Host(exchanger.name, address, self.port) for address in found]
            if len(hosts) >= _HOSTS_AT_MOST:
                break
        return hosts[:_HOSTS_AT_MOST]
