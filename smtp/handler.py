"""What an SMTP server asks of the application: sign-in, who may send what to whom, and delivery.

The engine states these protocols and never imports who implements them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, TypeVar

from smtp.header import Header


class SmtpError(Exception):
    """A refusal as the client reads it: reply code, enhanced status code (RFC 3463), text.

    Temporary or permanent is a property of the code, never guessed from the text.
    """

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(f"{code} {status} {text}")
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, for throttling, the Received field and logs."""

    host: str
    """The address; empty for who comes by a Unix socket."""
    port: int
    tls: str
    """Protocol and cipher, as `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty without TLS."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who signed in."""

    account_id: int
    username: str


class SaslExchange(Protocol):
    """The server's side of one SASL exchange (RFC 4422, RFC 4954)."""

    sender: Sender | None
    """Who signed in, once `step` has returned None."""

    async def step(self, response: bytes | None) -> bytes | None:
        """Take the client's response (None when it sent no initial one); give the next challenge, or None when done.

        Raises SmtpError 535 5.7.8 (credentials), 454 4.7.0 (try again later), 501 5.5.2 (malformed).
        """
        ...


@dataclass(slots=True)
class Recipient:
    """One accepted RCPT TO with its DSN parameters (RFC 3461 section 4)."""

    address: str
    notify: frozenset[str] = frozenset()
    original: str | None = None
    resolved: Any = None
    """What the application found it to be at `rcpt_to`, for its own use at `deliver`."""
    text: str = "Recipient OK"
    """What the client is told after ``250``."""
    refusal: SmtpError | None = None
    """Why `Handler.deliver` has left it out, where each recipient is answered (`Transaction.lmtp`)."""


@dataclass(slots=True)
class Transaction:
    """A mail transaction in progress (RFC 5321 section 3.3), from MAIL FROM to the end of the data."""

    peer: Peer
    helo: str
    mail_from: str
    extended: bool = True
    """Whether the client said EHLO."""
    smtputf8: bool = False
    body_8bit: bool = False
    declared_size: int = 0
    dsn_return: str | None = None
    envelope_id: str | None = None
    require_tls: bool = False
    """Whether the client said REQUIRETLS (RFC 8689), which it may under TLS alone."""
    lmtp: bool = False
    """Whether a server in front sends it (RFC 2033): `peer` is that server, and each recipient gets an answer."""
    release_request: str = ""
    """What the client asked for who wants it sent later (RFC 4865), as reports have it."""
    accepted_at: int | None = None
    """When it was taken, where that was not now."""
    recipients: list[Recipient] = field(default_factory=list)
    application: Any = None
    """What the application wants to remember of this transaction; the engine never looks at it."""


@dataclass(slots=True)
class Envelope(Transaction):
    """The transaction of somebody who signed in."""

    sender: Sender = field(kw_only=True)
    release_at: int = 0
    """When it is to be let go, seconds since the epoch (RFC 4865); 0: at once."""


T_contra = TypeVar("T_contra", bound=Transaction, contravariant=True)


class Handler(Protocol[T_contra]):
    """The application behind a listener that takes mail. Every method may raise SmtpError."""

    async def mail_from(self, envelope: T_contra) -> None:
        """May a message have this reverse path? SmtpError 550 5.7.1 when not."""
        ...

    async def rcpt_to(self, envelope: T_contra, recipient: Recipient) -> None:
        """May this message go there? SmtpError 550 5.1.1 for an unknown address."""
        ...

    async def deliver(self, envelope: T_contra, header: Header, content: IO[bytes]) -> str:
        """Make the message visible to every recipient, and only then return the text after ``250 2.0.0``.

        `content` is rewound, has CRLF line ends only and dots already removed, and begins with `header` and the empty
        line behind it. The engine closes it. Of a transaction by LMTP it may leave recipients out, with their
        `refusal`; of any other it delivers to all or raises.
        """
        ...


class SubmissionHandler(Handler[Envelope], Protocol):
    """The application behind a submission listener (RFC 6409)."""

    def mechanisms(self) -> Sequence[str]:
        """The SASL mechanisms offered under TLS, in capitals."""
        ...

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange: ...
