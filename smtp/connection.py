"""One client connection below the commands: TLS, lines in, replies out, deadlines, the end.

It stands on `aiosmtpd.smtp.SMTP` and replaces what aiosmtpd 1.4.6 does with bytes: its reader ends lines at a bare LF
and holds a whole message in memory, its timer covers the whole of DATA, its replies go out one by one.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, ClassVar, Final, cast

import structlog
from aiosmtpd.smtp import SMTP

from smtp.handler import Peer, SmtpError
from smtp.inbound import Disconnected, Inbound
from smtp.replies import Closing, render
from smtp.syntax import AUTH_LINE_LIMIT, LINE_LIMIT, split_command

if TYPE_CHECKING:
    from smtp.server import Server

log = structlog.stdlib.get_logger("smtp")

FOREIGN: Final = frozenset({"CONNECT", "GET", "POST", "PUT", "OPTIONS"})
"""A web browser made to talk to us by a hostile page: nothing it sends may be taken for mail."""
GROUP: Final = 64
"""Pipelined commands served before other connections get their turn."""
OUT_WATER: Final = 16 * 1024
GOODBYE: Final = 421


class Connection(SMTP):
    """The transport side of a session."""

    service: ClassVar[str] = "ESMTP ready"
    """What the greeting says after the server's name."""
    before_tls: ClassVar[frozenset[str] | None] = None
    """The commands that are served without TLS; None: all."""
    must_sign_in: ClassVar[bool] = False
    """Whether there is a time limit for it."""
    faults: ClassVar[Collection[int]] = frozenset({500, 501, 502, 503, 504, 555})
    """The reply codes that count as errors of the client (`Limits.bad_commands`)."""

    _wire: asyncio.Transport

    def __init__(self, server: Server, peer: Peer) -> None:
        # SMTP.__init__ inspects every member of handler and protocol for each connection (93 µs) to fill tables that
        # `commands` and the handler's typed methods replace, and builds the reader that `Inbound` replaces.
        self._server = server
        self._limits = server.limits_of(peer.host)
        self._inbound = Inbound()
        self._out = bytearray()
        self._gone = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._idle = False
        self._stopping = False
        self._closing = False
        self._faults = 0
        self._served = 0
        self._sign_in_by = float("inf")
        self.peer = peer

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The wire is up, TLS included when it comes first."""
        self._adopt(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Keep what came until the session reads it."""
        self._inbound.feed(data)

    def eof_received(self) -> bool | None:
        """The client sends no more: what it sent is still served, and answered where the transport lets us."""
        self._inbound.fail(Disconnected())
        return not self.peer.tls

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody reads us any more. A delivery that has begun still goes to its end."""
        self._gone.set()
        self._writable.set()
        self._inbound.fail(Disconnected())

    def pause_writing(self) -> None:
        """The client reads slower than we answer."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has read."""
        self._writable.set()

    # The life of the connection

    async def run(self, refusal: SmtpError | None) -> None:
        """Serve the client until either side ends it; `refusal` is all that an unwanted client gets to hear."""
        if self.must_sign_in:
            self._sign_in_by = asyncio.get_running_loop().time() + self._limits.sign_in_timeout
        try:
            if refusal is None:
                self._reply(220, "", f"{self._server.hostname} {self.service}")
            else:
                self._refuse(refusal)
            while not self._closing:
                await self._serve_command()
            await self._flush()
        except Disconnected:
            pass
        except asyncio.CancelledError:
            self._abort()
            raise
        finally:
            await self._close()

    def stop(self) -> None:
        """Say 421 as soon as no message is being received or delivered (RFC 5321 section 3.8)."""
        self._stopping = True
        if self._idle:
            self._inbound.fail(_going_down())

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._gone.is_set():
            return
        self._wire.close()
        try:
            async with asyncio.timeout(self._limits.close_timeout):
                await self._gone.wait()
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        # asyncio's TLS transport raises AttributeError when aborted after its end.
        if not self._gone.is_set():
            self._wire.abort()

    async def _upgrade(self) -> None:
        """Send what is queued and put TLS on the wire.

        What the client sent before is forgotten: it may be another's (RFC 3207 section 4.2). Nothing is awaited between
        that and the hand-over, so that what comes next is the client's handshake and goes to the TLS layer.
        """
        self._inbound.detach()
        self._wire.write(bytes(self._out))
        self._out.clear()
        loop = asyncio.get_running_loop()
        try:
            upgraded = await loop.start_tls(
                self._wire,
                self,
                self._server.tls_context,
                server_side=True,
                ssl_handshake_timeout=self._limits.handshake_timeout,
                ssl_shutdown_timeout=self._limits.close_timeout,
            )
        except OSError as error:  # ssl.SSLError and TimeoutError are OSErrors
            log.info("tls handshake failed", reason=type(error).__name__)
            # The TLS layer does not tell us of a connection that it lost before it was up.
            self._wire.abort()
            self._gone.set()
            raise Disconnected from None
        if upgraded is None:
            raise Disconnected
        self._adopt(upgraded)

    def _adopt(self, wire: asyncio.Transport) -> None:
        self._wire = wire
        self._inbound.attach(wire)
        if (tls := wire.get_extra_info("ssl_object")) is not None:
            self.peer = Peer(self.peer.host, self.peer.port, f"{tls.version()} {tls.cipher()[0]}")

    # Commands in

    def _lookup(self, verb: str) -> Callable[[str], Awaitable[None]] | None:
        raise NotImplementedError

    async def _serve_command(self) -> None:
        """Read one command, do it, answer it; a refusal is an answer too."""
        try:
            line = await self._read_command()
            await self._dispatch(line)
        except SmtpError as refusal:
            self._refuse(refusal)
        except Disconnected:
            raise
        except Exception as error:  # whatever the application raises, the client gets an answer and the others a server
            self._refuse(self._failed(error))
        if len(self._out) > OUT_WATER:
            await self._flush()

    def _failed(self, error: Exception) -> SmtpError:
        """What the client is told of a fault of the application."""
        log.error(  # the values in a traceback may hold a message
            "command failed", error=type(error).__name__, at=_where(error)
        )
        return SmtpError(451, "4.3.0", "Something went wrong here, please try again later")

    async def _read_command(self) -> bytes:
        if self._stopping:
            raise _going_down()
        self._served += 1
        if self._served % GROUP == 0:
            await asyncio.sleep(0)
        self._idle = True
        try:
            line = await self._read_line(AUTH_LINE_LIMIT)
        except OverflowError:
            raise SmtpError(500, "5.5.2", "Line is too long") from None
        finally:
            self._idle = False
        self._expect_nothing()
        return line

    async def _read_line(self, limit: int) -> bytes:
        """The next line; a client has one silence timeout for all of it. Raises OverflowError."""
        self._expect_by(asyncio.get_running_loop().time() + self._limits.silence_timeout)
        while (line := self._inbound.take_line(limit)) is None:
            await self._listen()
        return line

    async def _dispatch(self, line: bytes) -> None:
        if len(line) + 2 > LINE_LIMIT and line[:5].upper() != b"AUTH ":
            raise SmtpError(500, "5.5.2", "Line is too long")
        verb, argument = split_command(line)
        command = self._lookup(verb)
        if command is None:
            if verb in FOREIGN:
                raise Closing(500, "5.5.2", "This is a mail server")
            raise SmtpError(500, "5.5.2", "Command not recognized")
        if not self.peer.tls and self.before_tls is not None and verb not in self.before_tls:
            raise SmtpError(530, "5.7.0", "Say STARTTLS first")
        await command(argument)

    # Replies out

    def _reply(self, code: int, status: str, text: str) -> None:
        """Queue a reply; a pipelined group's replies leave together, when the client has no more to say (RFC 2920)."""
        self._out += render(code, status, text)

    def _refuse(self, refusal: SmtpError) -> None:
        if refusal.code in self.faults:
            self._faults += 1
            if self._faults > self._limits.bad_commands:
                refusal = Closing(GOODBYE, "4.7.0", "Too many errors")
        self._reply(refusal.code, refusal.status, refusal.text)
        self._closing = self._closing or isinstance(refusal, Closing) or refusal.code == GOODBYE

    async def _flush(self) -> None:
        """Send what is queued and wait while the client does not read. Raises Disconnected."""
        if self._gone.is_set():
            raise Disconnected
        if self._out:
            self._wire.write(bytes(self._out))
            self._out.clear()
        if not self._writable.is_set():
            self._expect_by(asyncio.get_running_loop().time() + self._limits.silence_timeout)
            await self._writable.wait()

    async def _listen(self) -> None:
        """Let the client have its answers and wait for more from it."""
        await self._flush()
        await self._inbound.more()

    # Time

    def _expect_by(self, deadline: float) -> None:
        """The client must have done its part by then (loop time). One timer serves the whole session."""
        self._deadline = min(deadline, self._sign_in_by)
        if self._timer is not None:
            if self._timer.when() <= self._deadline:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self._check_deadline)

    def _expect_nothing(self) -> None:
        """It is our turn, however long we take."""
        self._deadline = float("inf")

    def _check_deadline(self) -> None:
        self._timer = None
        if self._deadline == float("inf"):
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._expect_by(self._deadline)
        elif self._writable.is_set():
            self._inbound.fail(Closing(GOODBYE, "4.4.2", "Nothing came from you for too long"))
        else:
            self._abort()

    async def _brake(self, seconds: float) -> None:
        """Let a client that guesses wait, for as long as it stays."""
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return
        raise Disconnected


def _going_down() -> Closing:
    return Closing(GOODBYE, "4.3.2", "The server is going down, please come back soon")


def _where(error: BaseException) -> str:
    """File, line and function of each frame; never values, which may hold a message or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
