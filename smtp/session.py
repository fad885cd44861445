"""The commands of a submission session (RFC 6409 on RFC 5321): greeting, TLS, sign-in, envelope, message.

Each `smtp_VERB` method is one command, by aiosmtpd's convention. A method queues its reply or raises SmtpError.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from smtp.connection import Connection
from smtp.content import Content, DotDecoder
from smtp.handler import Envelope, Peer, Recipient, Sender, SmtpError
from smtp.message import count_received, read_header
from smtp.replies import Closing, render_lines
from smtp.syntax import AUTH_LINE_LIMIT, decode_base64, parse_bdat, parse_host, parse_mail, parse_rcpt

if TYPE_CHECKING:
    from smtp.server import SubmissionServer


class Session(Connection):
    """What one client has said so far, and what it may say next."""

    def __init__(self, server: SubmissionServer, peer: Peer) -> None:
        super().__init__(server, peer)
        self._handler = server.handler
        self._helo = ""
        self._extended = False
        self._sender: Sender | None = None
        self._transaction: Envelope | None = None
        self._refused_recipients = False
        self._chunks: Content | None = None
        self._auth_failures = 0
        self._messages = 0
        self._idle_commands = 0

    async def run(self, refusal: SmtpError | None) -> None:
        """Serve the client, and leave nothing behind."""
        try:
            await super().run(refusal)
        finally:
            self._reset()

    def _lookup(self, verb: str) -> Callable[[str], Awaitable[None]] | None:
        method = COMMANDS.get(verb)
        return None if method is None else method.__get__(self)

    # Greeting and housekeeping

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.1. AUTH is offered under TLS only (RFC 8314 section 3)."""
        self._greeted(parse_host(hostname), extended=True)
        keywords = [
            self._server.hostname,
            "PIPELINING",
            f"SIZE {self._limits.message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "DSN",
        ]
        if self.peer.tls:
            keywords.append("AUTH " + " ".join(self._handler.mechanisms()))
        else:
            keywords.append("STARTTLS")
        self._out += render_lines(250, keywords)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.1; a client that stays with it cannot sign in."""
        self._greeted(parse_host(hostname), extended=False)
        self._reply(250, "", self._server.hostname)

    async def smtp_NOOP(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.9."""
        self._count_idle()
        self._reply(250, "2.0.0", "OK")

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.5."""
        _no_argument(arg)
        self._count_idle()
        self._reset()
        self._reply(250, "2.0.0", "OK")

    async def smtp_HELP(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.8."""
        self._count_idle()
        self._reply(214, "2.0.0", "Commands: " + " ".join(sorted(COMMANDS)))

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 3.5.3: no address is given away."""
        self._count_idle()
        self._signed_in()
        self._reply(252, "2.0.0", "Send a message to find out")

    async def smtp_EXPN(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 3.5.2: no list is given away."""
        raise SmtpError(502, "5.5.1", "Lists are not expanded here")

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.10."""
        _no_argument(arg)
        raise Closing(221, "2.0.0", "Goodbye")

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        """RFC 3207. All that was learnt or received before TLS is forgotten."""
        _no_argument(arg)
        if self.peer.tls:
            raise SmtpError(503, "5.5.1", "TLS is already on")
        self._reply(220, "2.0.0", "Start TLS now")
        await self._upgrade()
        self._helo = ""
        self._extended = False

    # Sign-in

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """RFC 4954 section 4."""
        if not self._extended:
            raise SmtpError(503, "5.5.1", "Say EHLO first")
        if self._sender is not None:
            raise SmtpError(503, "5.5.1", "You are signed in already")
        mechanism, _, initial = arg.partition(" ")
        if mechanism.upper() not in self._handler.mechanisms():
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
        exchange = self._handler.sasl(mechanism, self.peer)
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

    # The envelope

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.2 with SIZE, 8BITMIME, SMTPUTF8, AUTH and DSN parameters."""
        sender = self._signed_in()
        if self._transaction is not None:
            raise SmtpError(503, "5.5.1", "A message is under way; say RSET to drop it")
        command = parse_mail(arg or "")
        if command.size > self._limits.message_size:
            raise SmtpError(552, "5.3.4", f"Messages may have {self._limits.message_size} octets")
        if self._messages >= self._limits.messages:
            raise Closing(421, "4.7.0", "Too many messages in one connection")
        envelope = Envelope(
            peer=self.peer,
            helo=self._helo,
            sender=sender,
            mail_from=command.address,
            smtputf8=command.smtputf8,
            body_8bit=command.body_8bit,
            declared_size=command.size,
            dsn_return=command.dsn_return,
            envelope_id=command.envelope_id,
        )
        await self._handler.mail_from(envelope)
        self._messages += 1
        self._transaction = envelope
        self._reply(250, "2.1.0", "Sender OK")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.3 with DSN parameters (RFC 3461)."""
        envelope = self._under_way()
        if self._chunks is not None:
            raise SmtpError(503, "5.5.1", "The message has begun")
        command = parse_rcpt(arg or "", utf8=envelope.smtputf8)
        if len(envelope.recipients) >= self._limits.recipients:
            raise SmtpError(452, "4.5.3", "Too many recipients, send to the others in another message")
        recipient = Recipient(command.address, command.notify, command.original)
        try:
            await self._handler.rcpt_to(envelope, recipient)
        except SmtpError:
            self._refused_recipients = True
            raise
        envelope.recipients.append(recipient)
        self._reply(250, "2.1.5", recipient.text)

    # The message

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.4. The reply comes after the end of the data, whatever is wrong with them."""
        _no_argument(arg)
        envelope = self._with_recipients()
        if self._chunks is not None:
            raise SmtpError(503, "5.5.1", "A message begun with BDAT ends with BDAT")
        self._reply(354, "", "End the message with <CR><LF>.<CR><LF>")
        content = Content(self._limits, self._server.spool)
        try:
            await self._receive_data(content)
            await self._deliver(envelope, content)
        finally:
            content.close()
            self._reset()

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802
        """RFC 3030 section 2. The octets of a refused chunk are read and dropped; any failure ends the transaction."""
        size, last = parse_bdat(arg)
        try:
            envelope = self._with_recipients()
        except SmtpError:
            await self._receive_chunk(size, None)
            raise
        content = self._chunks = self._chunks or Content(self._limits, self._server.spool)
        finished = True
        try:
            await self._receive_chunk(size, content)
            if content.fault is not None:
                raise content.fault
            if last:
                await self._deliver(envelope, content)
            else:
                finished = False
                self._reply(250, "2.0.0", f"{size} octets received")
        finally:
            if finished:
                self._reset()

    async def _receive_data(self, content: Content) -> None:
        decoder = DotDecoder()
        started = asyncio.get_running_loop().time()
        rest: bytes | None = None
        while rest is None:
            while not (block := self._inbound.take()):
                self._expect_progress(started, content.received)
                await self._listen()
            clear, rest = decoder.feed(block)
            content.write(clear)
        self._inbound.give_back(rest)

    async def _receive_chunk(self, size: int, content: Content | None) -> None:
        started = asyncio.get_running_loop().time()
        while size:
            while not (block := self._inbound.take(size)):
                self._expect_progress(started, content.received if content is not None else 0)
                await self._listen()
            size -= len(block)
            if content is not None:
                content.write(block)

    def _expect_progress(self, started: float, received: int) -> None:
        """Silence ends a transfer, and so does a trickle; octets that we do not keep earn no time."""
        limits = self._limits
        now = asyncio.get_running_loop().time()
        patience = started + limits.transfer_grace + received / limits.transfer_rate
        self._expect_by(min(now + limits.silence_timeout, patience))

    async def _deliver(self, envelope: Envelope, content: Content) -> None:
        self._expect_nothing()
        message = content.finish()
        if count_received(read_header(message, self._limits.header_size).block) > self._limits.hops:
            raise SmtpError(554, "5.4.6", "This message goes round in circles")
        message.seek(0)
        if self._gone.is_set():
            # A client that cannot hear the 250 will send the message again.
            return
        text = await self._handler.deliver(envelope, message)
        self._idle_commands = 0
        self._reply(250, "2.0.0", text)

    # State

    def _greeted(self, hostname: str, *, extended: bool) -> None:
        self._count_idle()
        self._reset()
        self._helo = hostname
        self._extended = extended

    def _signed_in(self) -> Sender:
        if not self._helo:
            raise SmtpError(503, "5.5.1", "Say EHLO first")
        if self._sender is None:
            raise SmtpError(530, "5.7.0", "Sign in first")
        return self._sender

    def _under_way(self) -> Envelope:
        self._signed_in()
        if self._transaction is None:
            raise SmtpError(503, "5.5.1", "Say MAIL first")
        return self._transaction

    def _with_recipients(self) -> Envelope:
        envelope = self._under_way()
        if envelope.recipients:
            return envelope
        if self._refused_recipients:
            raise SmtpError(554, "5.5.1", "No valid recipients")
        raise SmtpError(503, "5.5.1", "Say RCPT first")

    def _count_idle(self) -> None:
        self._idle_commands += 1
        if self._idle_commands > self._limits.idle_commands:
            raise Closing(421, "4.7.0", "Too many commands without a message")

    def _reset(self) -> None:
        if self._chunks is not None:
            self._chunks.close()
            self._chunks = None
        self._transaction = None
        self._refused_recipients = False


def _no_argument(arg: str) -> None:
    if arg:
        raise SmtpError(501, "5.5.4", "This command takes no argument")


COMMANDS: Final[dict[str, Callable[..., Awaitable[None]]]] = {
    name.removeprefix("smtp_"): method for name, method in vars(Session).items() if name.startswith("smtp_")
}
