"""The commands of a session that takes mail (RFC 5321): greeting, TLS, envelope, message.

Each `smtp_VERB` method is one command, by aiosmtpd's convention. A method queues its reply or raises SmtpError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Generic, TypeAlias, TypeVar

from smtp.connection import Connection
from smtp.content import Content, DotDecoder
from smtp.handler import Handler, Peer, Recipient, SmtpError, Transaction
from smtp.inbound import Disconnected
from smtp.message import read_header
from smtp.replies import Closing, render_lines
from smtp.syntax import MailCommand, RcptCommand, parse_bdat, parse_host, parse_mail, parse_rcpt

if TYPE_CHECKING:
    from smtp.server import Server

T = TypeVar("T", bound=Transaction)
Commands: TypeAlias = Mapping[str, Callable[..., Awaitable[None]]]


class Session(Connection, Generic[T]):
    """What one client has said so far, and what it may say next; `T` is what its transactions are."""

    commands: ClassVar[Commands]
    """The methods of the commands, by verb."""
    hello: ClassVar[str] = "EHLO"
    each_answers: ClassVar[bool] = False
    """Whether the end of a message is answered once for each recipient, as in LMTP."""

    def __init__(self, server: Server, handler: Handler[T], peer: Peer) -> None:
        super().__init__(server, peer)
        self._to = handler
        self._helo = ""
        self._extended = False
        self._transaction: T | None = None
        self._refused_recipients = False
        self._chunks: Content | None = None
        self._messages = 0
        self._idle_commands = 0

    async def run(self, refusal: SmtpError | None) -> None:
        """Serve the client, and leave nothing behind."""
        try:
            await super().run(refusal)
        finally:
            self._reset()

    def _lookup(self, verb: str) -> Callable[[str], Awaitable[None]] | None:
        method = self.commands.get(verb)
        return None if method is None else method.__get__(self)

    # Greeting and housekeeping

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.1."""
        self._greeted(self._host(hostname), extended=True)
        self._out += render_lines(250, [self._server.hostname, *self._keywords()])

    def _keywords(self) -> Iterator[str]:
        """The extensions (RFC 5321 section 2.2)."""
        yield "PIPELINING"
        yield f"SIZE {self._limits.message_size}"
        if limits := self._limits.announced():
            yield f"LIMITS {limits}"
        yield from ("8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING")
        yield "REQUIRETLS" if self.peer.tls else "STARTTLS"

    def _host(self, argument: str) -> str:
        """The name that a client gives itself. Raises SmtpError."""
        return parse_host(argument)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.1; a client that stays with it has no extensions, so it cannot sign in."""
        self._greeted(self._host(hostname), extended=False)
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
        self._reply(214, "2.0.0", "Commands: " + " ".join(sorted(self.commands)))

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        """RFC 5321 section 3.5.3: no address is given away."""
        self._count_idle()
        self._check_turn()
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

    # The envelope

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """RFC 5321 section 4.1.1.2 with SIZE, 8BITMIME, SMTPUTF8, AUTH, DSN and REQUIRETLS parameters."""
        self._check_turn()
        if self._transaction is not None:
            raise SmtpError(503, "5.5.1", "A message is under way; say RSET to drop it")
        command = parse_mail(arg or "")
        if command.require_tls and not self.peer.tls:
            raise SmtpError(555, "5.5.4", "REQUIRETLS is for messages under TLS")
        if command.size > self._limits.message_size:
            raise SmtpError(552, "5.3.4", f"Messages may have {self._limits.message_size} octets")
        if self._messages >= self._limits.messages:
            raise Closing(421, "4.7.0", "Too many messages in one connection")
        envelope = self._begun(command)
        await self._to.mail_from(envelope)
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
        self._check_recipient(command)
        recipient = Recipient(command.address, command.notify, command.original)
        try:
            await self._to.rcpt_to(envelope, recipient)
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
            if self.each_answers and last and self._transaction is not None:
                self._reset()
                return  # there is nobody to answer for (RFC 2033 section 4.3)
            raise
        content = self._chunks = self._chunks or Content(self._limits, self._server.spool)
        finished = True
        try:
            await self._receive_chunk(size, content)
            if last:
                await self._deliver(envelope, content)
            elif content.fault is not None:
                # The last chunk is still to be answered for each recipient, if that is how this is answered.
                finished = not self.each_answers
                raise content.fault
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

    async def _deliver(self, envelope: T, content: Content) -> None:
        """Hand a whole message over, and answer."""
        self._reply(250, "2.0.0", await self._hand_over(envelope, content))

    async def _hand_over(self, envelope: T, content: Content) -> str:
        """What the application says when it has a message. Raises SmtpError, and Disconnected for a client that cannot
        hear the answer: it will send the message again.
        """
        self._expect_nothing()
        message = content.finish()
        header = read_header(message, self._limits.header_size)
        if len(header.values(b"received")) > self._limits.hops:  # RFC 5321 section 6.3
            raise SmtpError(554, "5.4.6", "This message goes round in circles")
        message.seek(0)
        if self._gone.is_set():
            raise Disconnected
        text = await self._to.deliver(envelope, header, message)
        self._idle_commands = self._faults = 0
        return text

    # State

    def _greeted(self, hostname: str, *, extended: bool) -> None:
        self._count_idle()
        self._reset()
        self._helo = hostname
        self._extended = extended

    def _check_turn(self) -> None:
        """Refuse a client that has something else to say first."""
        if not self._helo:
            raise SmtpError(503, "5.5.1", f"Say {self.hello} first")

    def _begun(self, command: MailCommand) -> T:
        """The transaction that MAIL begins, or SmtpError."""
        raise NotImplementedError

    def _check_recipient(self, command: RcptCommand) -> None:
        """Refuse a recipient that may not be named now, before the application is asked."""

    def _under_way(self) -> T:
        self._check_turn()
        if self._transaction is None:
            raise SmtpError(503, "5.5.1", "Say MAIL first")
        return self._transaction

    def _with_recipients(self) -> T:
        envelope = self._under_way()
        if envelope.recipients:
            return envelope
        if self._refused_recipients and not self.each_answers:
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


def commands_of(*sessions: type[Connection]) -> Commands:
    """The command methods that these classes themselves define: aiosmtpd's own are not among them."""
    return {
        name.removeprefix("smtp_"): method
        for session in sessions
        for name, method in vars(session).items()
        if name.startswith("smtp_")
    }
