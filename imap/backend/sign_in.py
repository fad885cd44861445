"""The application before anyone signed in: who connects, and how one becomes an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from imap.backend.account import Account


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, for throttling and logs."""

    host: str
    port: int
    tls: bool


class SaslExchange(Protocol):
    """The server's side of one SASL exchange (RFC 4422)."""

    account: Account | None
    """Who signed in, once `step` has returned None."""

    async def step(self, response: bytes | None) -> bytes | None:
        """Take the client's response (None when it sent no initial one); give the next challenge, or None when done.

        Raises AuthenticationFailed when the exchange fails.
        """
        ...


class Backend(Protocol):
    """The application, before anyone signed in."""

    def mechanisms(self) -> Sequence[str]:
        """The SASL mechanisms offered under TLS, in capitals."""
        ...

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        """Begin an exchange of one of the `mechanisms`."""
        ...

    async def login(self, username: str, password: str, peer: Peer) -> Account:
        """Check a password as LOGIN sends it. Raises AuthenticationFailed, ServiceUnavailable."""
        ...
