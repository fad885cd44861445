"""Ways out: to a server that takes everything, or to the servers of each domain."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from smtp.client.answers import Answer, SendingError
from smtp.client.connection import Connection, Host, Security, Timeouts, connect
from smtp.client.exchangers import addresses, exchangers
from smtp.resolver import Resolver

BY_THE_BOOK: Final = Timeouts()
_HOSTS_AT_MOST: Final = 8
"""Servers of one domain that are tried at once, the addresses of each counted."""
SMTP_PORT: Final = 25


class Route(Protocol):
    """Where a domain's mail is handed over."""

    def lane(self, domain: str) -> str:
        """What connections are counted by: domains of one lane can share a connection."""
        ...

    async def connect(self, domain: str) -> Connection:
        """Raises SendingError: temporary, or permanent where no attempt will ever succeed."""
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

    async def connect(self, domain: str) -> Connection:
        """Raises SendingError (temporary)."""
        return await connect(
            Host(self.host, self.host, self.port), hello=self.hello, security=self.security,
            timeouts=self.timeouts, context=self.context, credentials=self.credentials,
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

    async def connect(self, domain: str) -> Connection:
        """The last server's answer is the error: temporary, unless the name server says that there is none."""
        last: SendingError | None = None
        for host in await self._hosts(domain):
            try:
                return await connect(host, hello=self.hello, security=self.security, timeouts=self.timeouts)
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
