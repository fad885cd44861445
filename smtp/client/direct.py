"""Straight to the servers of each domain (RFC 5321 section 5.1), under TLS as the domain says: by DANE (RFC 7672), else
by MTA-STS (RFC 8461), else wherever it is offered.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import Final

from smtp.client.answers import Answer, SendingError
from smtp.client.connection import Connection, Host, Timeouts
from smtp.client.exchangers import Exchanger, exchangers, located
from smtp.client.mta_sts import Applied, Mode, MtaSts
from smtp.client.opening import connect
from smtp.client.sessions import Judged, Observer, PolicyType, TlsSession
from smtp.client.tls import Guard, Security, TlsFailure
from smtp.client.tlsa import dane_of
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand

BY_THE_BOOK: Final = Timeouts()
SMTP_PORT: Final = 25
_ADDRESSES_AT_MOST: Final = 8
"""Addresses of all servers of one domain that are tried at once."""


_UNNAMED: Final = TlsFailure.OTHER


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one server is to be talked to; `instead` where that is only looked at (section 5, testing)."""

    guard: Guard
    judged: Judged
    instead: Guard | None = None
    refusal: SendingError | None = None
    """What is wrong with it before anything is said."""


@dataclass(frozen=True, slots=True)
class DirectToMx:
    """The servers that each domain names, in their order, until one talks to us."""

    resolver: Resolver
    hello: str
    port: int = SMTP_PORT
    timeouts: Timeouts = BY_THE_BOOK
    context: ssl.SSLContext | None = None
    """It verifies certificates where MTA-STS or a writer asks for it; without it, by the authorities of the system."""
    sts: MtaSts | None = None
    """None: MTA-STS is not looked at."""
    dane: bool = False
    """Whether what the resolver calls authenticated is."""
    observe: Observer | None = None

    def lane(self, domain: str) -> str:
        """One for each domain."""
        return domain

    async def connect(self, domain: str, demand: TlsDemand = TlsDemand.POLICY) -> Connection:
        """An error that passes counts more than one that does not; of equals the last server's is raised.

        No server that fails what its domain asks for is handed anything: the message waits (RFC 7672 section 2.2,
        RFC 8461 section 5), unless its writer says that TLS is not required (RFC 8689 section 4.2.2).
        """
        servers = await exchangers(self.resolver, domain, own_name=self.hello)
        applied = await self._applied(domain, demand)
        errors: list[SendingError] = []
        left = _ADDRESSES_AT_MOST
        for server in servers:
            try:
                addresses, plan = await self._planned(server, applied, domain, demand)
            except SendingError as error:
                self._failed(domain, demand, Judged(PolicyType.TLSA), Host(server.name, "", self.port), error)
                errors.append(error)
                continue
            for address in addresses[:left]:
                left -= 1
                host = Host(server.name, address, self.port)
                try:
                    return await self._connected(domain, host, plan, demand)
                except SendingError as error:
                    errors.append(error)
            if not left:
                break
        nothing = SendingError(Answer(550, "5.4.4", f"The servers of {domain} have no address"))
        raise next((one for one in reversed(errors) if one.answer.temporary), errors[-1] if errors else nothing)

    async def _applied(self, domain: str, demand: TlsDemand) -> Applied:
        """The MTA-STS policy of the domain."""
        if self.sts is None or demand is TlsDemand.OPTIONAL:
            return Applied()
        applied = await self.sts.policy(domain)
        if applied.failure is not None:
            judged = replace(_judged(applied), type=PolicyType.STS)
            self._tell(TlsSession(domain, judged, failure=applied.failure, reason=applied.reason))
        return applied

    async def _planned(
        self, server: Exchanger, applied: Applied, domain: str, demand: TlsDemand
    ) -> tuple[tuple[str, ...], _Plan]:
        """Where a server is, and how it is to be talked to. Raises SendingError."""
        location = await located(self.resolver, server.name)
        if demand is TlsDemand.OPTIONAL or not location.addresses:
            return location.addresses, _Plan(Guard(Security.OPPORTUNISTIC), Judged())
        named = server.secure or server.implicit
        if self.dane and named:
            found = await dane_of(self.resolver, server.name, location, self.port, server.destination)
            if found is not None and (found.records or demand is not TlsDemand.REQUIRED):
                lines = tuple(map(str, found.records))
                return location.addresses, _Plan(
                    Guard(Security.STARTTLS, dane=found), Judged(PolicyType.TLSA, lines)
                )  # fmt: skip
        vouched = (self.dane and server.secure) or server.implicit
        return location.addresses, self._by_policy(server, applied, domain, demand, vouched=vouched)

    def _by_policy(
        self, server: Exchanger, applied: Applied, domain: str, demand: TlsDemand, *, vouched: bool
    ) -> _Plan:
        """By MTA-STS; where there is none, by what the writer asks for."""
        policy, judged = applied.in_force, _judged(applied)
        required = demand is TlsDemand.REQUIRED
        proved, any_ = Guard(Security.STARTTLS, self.context), Guard(Security.OPPORTUNISTIC)
        if policy is not None:
            refusal = None if policy.allows(server.name) else _not_named(server.name, domain, required=required)
            enforced = policy.mode is Mode.ENFORCE or required
            return _Plan(proved, judged, None if enforced else any_, refusal)
        if required and not vouched:
            text = f"Nothing vouches for {server.name} as a server of {domain}"
            answer = Answer(550, "5.7.10", text)
            raise SendingError(answer.softened() if applied.failure is not None else answer)
        return _Plan(proved if required else any_, judged)

    async def _connected(self, domain: str, host: Host, plan: _Plan, demand: TlsDemand) -> Connection:
        """Raises SendingError."""
        try:
            if plan.refusal is not None:
                raise plan.refusal
            connection = await self._open(host, plan.guard, demand)
        except SendingError as error:
            self._failed(domain, demand, plan.judged, host, error)
            if plan.instead is None or error.failure is None:
                raise
            return await self._open(host, plan.instead, demand)
        self._tell_of(domain, demand, plan.judged, host, connection.failure, connection.failure or "")
        return connection

    async def _open(self, host: Host, guard: Guard, demand: TlsDemand) -> Connection:
        return await connect(host, guard, hello=self.hello, timeouts=self.timeouts, demand=demand)

    def _failed(self, domain: str, demand: TlsDemand, judged: Judged, host: Host, error: SendingError) -> None:
        """Networks that do not work are no matter of TLS (RFC 8460 section 4.3.4)."""
        if error.failure is not None:
            self._tell_of(domain, demand, judged, host, error.failure, error.answer.text)

    def _tell_of(
        self, domain: str, demand: TlsDemand, judged: Judged, host: Host, failure: TlsFailure | None, reason: str
    ) -> None:  # fmt: skip
        if demand is not TlsDemand.OPTIONAL:
            self._tell(TlsSession(domain, judged, host.name, host.address, failure, reason))

    def _tell(self, session: TlsSession) -> None:
        if self.observe is not None:
            self.observe(session)


def _not_named(server: str, domain: str, *, required: bool) -> SendingError:
    """RFC 8461 section 4.1."""
    answer = Answer(550, "5.7.10", f"{server} is no server that the MTA-STS policy of {domain} names")
    return SendingError(answer if required else replace(answer.softened(), status="4.7.5", of_host=True), _UNNAMED)


def _judged(applied: Applied) -> Judged:
    policy = applied.in_force
    return Judged() if policy is None else Judged(PolicyType.STS, tuple(policy.lines()), policy.mx)
