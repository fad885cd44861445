"""Message submission (RFC 6409): people sign in, then send."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from smtp.future_release import Hold, date_time
from smtp.handler import Envelope, Peer, Sender, SmtpError, SubmissionHandler
from smtp.limits import Limits
from smtp.replies import Closing
from smtp.server import Server
from smtp.session import Session, commands_of
from smtp.syntax import AUTH_LINE_LIMIT, MailCommand, decode_base64


class SubmissionSession(Session[Envelope]):
    """A session of somebody who signs in (RFC 4954)."""

    service = "ESMTP submission ready"
    before_tls = frozenset({"EHLO", "NOOP", "QUIT", "STARTTLS"})
    """What RFC 3207 section 4 lets a client do before STARTTLS."""
    must_sign_in = True

    def __init__(self, server: Server, handler: SubmissionHandler, peer: Peer) -> None:
        super().__init__(server, handler, peer)
        self._submission = handler
        self._sender: Sender | None = None
        self._auth_failures = 0

    def _keywords(self) -> Iterator[str]:
        """AUTH is offered under TLS only (RFC 8314 section 3)."""
        yield from super()._keywords()
        yield "DSN"
        if self.peer.tls and (longest := self._limits.future_release):
            yield f"FUTURERELEASE {longest} {date_time(time.time() + longest)}"
        if self.peer.tls:
            yield "AUTH " + " ".join(self._submission.mechanisms())

    def _check_turn(self) -> None:
        super()._check_turn()
        if self._sender is None:
            raise SmtpError(530, "5.7.0", "Sign in first")

    def _begun(self, command: MailCommand) -> Envelope:
        if self._sender is None:
            raise SmtpError(530, "5.7.0", "Sign in first")
        release_at = self._release_at(command.hold)
        return Envelope(
            peer=self.peer,
            helo=self._helo,
            sender=self._sender,
            mail_from=command.address,
            smtputf8=command.smtputf8,
            body_8bit=command.body_8bit,
            declared_size=command.size,
            dsn_return=command.dsn_return,
            envelope_id=command.envelope_id,
            require_tls=command.require_tls,
            release_at=release_at,
            release_request=str(command.hold) if release_at else "",
        )

    def _release_at(self, hold: Hold | None) -> int:
        """When a message is to be let go; 0 for one whose time has come. Raises SmtpError (RFC 4865 section 4.2)."""
        longest, now = self._limits.future_release, time.time()
        if hold is None:
            return 0
        if not longest:
            raise SmtpError(555, "5.5.4", "FUTURERELEASE is not supported")
        if hold.seconds > longest or hold.until > now + longest:
            raise SmtpError(501, "5.5.4", f"A message may wait for {longest} seconds at the most")
        return at if (at := hold.release_at(now)) > now else 0

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """RFC 4954 section 4."""
        if not self._extended:
            raise SmtpError(503, "5.5.1", "Say EHLO first")
        if self._sender is not None:
            raise SmtpError(503, "5.5.1", "You are signed in already")
        mechanism, _, initial = arg.partition(" ")
        if mechanism.upper() not in self._submission.mechanisms():
            raise SmtpError(504, "5.5.4", "Sign-in mechanism not supported")
        try:
            self._sender = await self._sign_in(mechanism.upper(), initial.strip(" "))
        except Closing:
            raise
        except SmtpError:
            self._auth_failures += 1
            await self._brake(self._auth_failures * self._limits.auth_delay)
            if self._auth_failures >= self._limits.auth_failures:
                raise Closing(421, "4.7.0", "Too many failed sign-ins") from None
            raise
        self._sign_in_by = float("inf")
        self._reply(235, "2.7.0", "Signed in")

    async def _sign_in(self, mechanism: str, initial: str) -> Sender:
        response: bytes | None = None
        if initial:
            response = b"" if initial == "=" else decode_base64(initial.encode())
        exchange = self._submission.sasl(mechanism, self.peer)
        while (challenge := await exchange.step(response)) is not None:
            response = await self._challenge(challenge)
        if exchange.sender is None:
            raise SmtpError(535, "5.7.8", "Wrong name or password")
        return exchange.sender

    async def _challenge(self, challenge: bytes) -> bytes:
        # An empty challenge keeps its space (RFC 4954 section 4).
        self._out += b"334 " + b64encode(challenge) + b"\r\n"
        self._idle = True
        try:
            line = await self._read_line(AUTH_LINE_LIMIT)
        except OverflowError:
            raise SmtpError(500, "5.5.6", "Sign-in line is too long") from None
        finally:
            self._idle = False
        self._expect_nothing()
        if line == b"*":
            raise SmtpError(501, "5.7.0", "Sign-in cancelled")
        return decode_base64(line)


SubmissionSession.commands = commands_of(Session, SubmissionSession)


class SubmissionServer(Server):
    """Message submission on any number of sockets, with implicit TLS (RFC 8314) or STARTTLS (RFC 3207)."""

    def __init__(
        self,
        handler: SubmissionHandler,
        tls_context: ssl.SSLContext,
        *,
        hostname: str,
        limits: Limits | None = None,
        spool: Path | None = None,
    ) -> None:
        super().__init__(tls_context, hostname=hostname, limits=limits, spool=spool)
        self._handler = handler

    def _session(self, peer: Peer) -> SubmissionSession:
        return SubmissionSession(self, self._handler, peer)
