"""One connection as the event loop sees it: octets in and out, back-pressure, time limits (RFC 9051 section 2).

An idle connection has no task and no pending future: a task lives as long as one command.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Final, cast

from imap.backend import Peer
from imap.compression import Compression, CompressionError
from imap.parsing.literals import CommandInput
from imap.reader import CommandReader, Continue, Overrun, Refused
from imap.responses import CONTINUE, bye
from imap.session import Session

if TYPE_CHECKING:
    from imap.server import ServerContext

WRITE_SIZE: Final = 65_536
"""One write to the transport: TLS memory keeps the size of the largest one for good."""
IDLE_WRITE_SIZE: Final = 16_384
_CLOSE_TIMEOUT: Final = 10.0
_TURN: Final = 0.005
"""Seconds after which pipelined commands let the event loop turn."""
_PIECES_AT_ONCE: Final = 16
"""Decompressed pieces of 64 KiB in one turn of the event loop."""

_log = logging.getLogger(__name__)


class Connection(asyncio.BufferedProtocol):
    """The transport of one `Session`."""

    __slots__ = (
        "_closing",
        "_compression",
        "_context",
        "_deadline",
        "_decompressing",
        "_drain_waiter",
        "_ending",
        "_eof",
        "_held",
        "_held_size",
        "_last_activity",
        "_line_waiter",
        "_loop",
        "_lost",
        "_octets",
        "_paused_reading",
        "_source",
        "_stalled",
        "_task",
        "_transport",
        "look_at",
        "peer",
        "reader",
        "session",
    )

    def __init__(self, context: ServerContext, source: tuple[str, int] | None = None) -> None:
        """`source`: the client's address and port, where that is not the other end of the transport."""
        self._context = context
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._line_waiter: asyncio.Future[bytes] | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._last_activity = 0.0
        self.look_at = 0.0
        """When `Deadlines` looks at it."""
        self._octets = 0
        self._eof = self._closing = self._lost = self._paused_reading = False
        self._ending: bytes | None = None
        self._held: list[bytes] | None = None
        self._held_size = 0
        self._compression: Compression | None = None
        self._decompressing = False
        self.peer = Peer("", 0, tls=False)
        self.reader = CommandReader(context.limits)
        self.session = Session(self, context)

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_SIZE)
        self.peer = _peer(transport, self._source)
        self._context.connections.add(self)
        self._last_activity = self._loop.time()
        self._begin_sign_in(self._last_activity)
        if self._context.stopping:
            self.end("Server shutting down")
            return
        self.write(self.session.greeting())
        self._context.deadlines.begin()
        self._context.add_stranger(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._context.received

    def buffer_updated(self, nbytes: int) -> None:
        if self._closing:
            return
        data = bytes(self._context.received[:nbytes])
        self._last_activity = self._loop.time()
        if not self.reader.signed_in:
            self._octets += len(data)
            if self._octets > self._context.limits.octets_before_sign_in:
                self.end("Too much before sign-in")
                return
        if self._compression is not None:
            self._compression.receive(data)
            self._decompress()
            return
        self._read(data)
        if self.reader.held > self._context.limits.backlog:
            self._pause_reading()

    def _read(self, data: bytes) -> None:
        self.reader.feed(data)
        if self._line_waiter is not None:
            self._give_line(self._line_waiter)
        elif self._task is None:
            self._advance()

    def _pause_reading(self) -> None:
        if not self._closing and self._transport is not None:
            self._paused_reading = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        self._fail_line("the client is gone")
        return self._task is not None and not self.peer.tls

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._closing = True
        if self._stalled is not None:
            self._stalled.cancel()
        self._fail_line("the client is gone")
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_exception(ConnectionResetError("the client is gone"))
        self._drain_waiter = None  # its error holds the frames of the command, and what that had still to send
        if self._task is None:
            self._finish()

    def pause_writing(self) -> None:
        if self._drain_waiter is None and not self._lost:
            self._drain_waiter = self._loop.create_future()
            # a failure that nobody waits for is no news
            self._drain_waiter.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._stalled = self._loop.call_later(self._context.limits.write_timeout, self.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._drain_waiter is not None:
            if not self._drain_waiter.done():
                self._drain_waiter.set_result(None)
            self._drain_waiter = None
        self.session.push()

    # Output

    @property
    def busy(self) -> bool:
        """Whether a command, or other work for the client, runs."""
        return self._task is not None

    @property
    def can_write(self) -> bool:
        """Whether the client keeps up with what it is sent."""
        return self._drain_waiter is None and not self._closing

    def write(self, data: bytes) -> None:
        """Hand a small text to the transport."""
        if self._transport is not None and not self._lost:
            if self._compression is not None:
                data = self._compression.compress(data) + self._compression.flush()
            self._release()
            self._transport.write(data)

    def _transmit(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write, or hold while the next command is there already: its answer then goes out together with this one.

        What is held goes out at the next turn of the event loop at the latest.
        """
        if self._held_size + len(data) > WRITE_SIZE:
            self._release()
        if self._held is None:
            if not self.reader.has_line or len(data) >= WRITE_SIZE:
                transport.write(data)
                return
            self._held = []
            self._loop.call_soon(self._release)
        self._held.append(data)
        self._held_size += len(data)

    def _release(self) -> None:
        """Write what is held."""
        held, self._held, self._held_size = self._held, None, 0
        if held and self._transport is not None and not self._lost:
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def push(self, data: bytes) -> None:
        """Write to a client that waits, in small pieces: TLS keeps memory of the size of the largest."""
        for start in range(0, len(data), IDLE_WRITE_SIZE):
            self.write(data[start : start + IDLE_WRITE_SIZE])
        self.rest()

    def rest(self) -> None:
        """Nothing is to be sent for a while: give memory back."""
        if self._compression is not None:
            self._compression.rest()

    async def send(self, data: bytes) -> None:
        """Write in pieces, each once the client has read the one before. Raises ConnectionResetError."""
        for start in range(0, len(data), WRITE_SIZE):
            while self._drain_waiter is not None:
                await asyncio.shield(self._drain_waiter)
            if self._lost or self._transport is None:
                raise ConnectionResetError("the client is gone")
            piece = data[start : start + WRITE_SIZE] if len(data) > WRITE_SIZE else data
            if self._compression is not None:
                piece = self._compression.compress(piece)
                if start + WRITE_SIZE >= len(data):
                    piece += self._compression.flush()
            self._transmit(self._transport, piece)

    async def ask(self, prompt: bytes) -> bytes:
        """Send a continuation request, give the line that answers it. Raises ConnectionResetError."""
        await self.send(prompt)
        if self._eof or self._lost:
            raise ConnectionResetError("the client is gone")
        waiter = self._line_waiter = self._loop.create_future()
        self._give_line(waiter)
        try:
            line: bytes = await waiter
            return line
        finally:
            self._line_waiter = None

    def _give_line(self, waiter: asyncio.Future[bytes]) -> None:
        line = self.reader.line()
        if line is None or waiter.done():
            return
        if isinstance(line, Overrun):
            self.end(line.text, line.code)
        else:
            waiter.set_result(line)

    def _fail_line(self, reason: str) -> None:
        """No line will come to the command that waits for one, if any does."""
        if self._line_waiter is not None and not self._line_waiter.done():
            self._line_waiter.set_exception(ConnectionResetError(reason))

    async def start_tls(self) -> None:
        """Turn to TLS and forget what the client sent before (RFC 9051 11.1). Raises ConnectionResetError."""
        transport, context = self._transport, self._context.ssl_context
        if transport is None or context is None:
            raise ConnectionResetError("the client is gone")
        self.reader.clear()
        self._release()
        try:
            secured = await self._loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=self._context.limits.sign_in_timeout
            )
        except (OSError, ssl.SSLError) as error:
            transport.abort()
            if not self._lost:
                # the transport belongs to the TLS layer by now, which does not tell us
                self.connection_lost(None)
            raise ConnectionResetError("no TLS") from error
        if secured is None:
            raise ConnectionResetError("the client is gone")
        secured.set_write_buffer_limits(high=WRITE_SIZE)
        self._transport = secured
        self.peer = Peer(self.peer.host, self.peer.port, tls=True)

    # Compression (RFC 4978)

    @property
    def compressed(self) -> bool:
        """Whether COMPRESS is active."""
        return self._compression is not None

    def start_compression(self) -> None:
        """Compress both ways from here on; what the client has sent by now is compressed already."""
        self._compression = Compression()
        self._compression.receive(self.reader.take())
        if self._compression.waiting:
            self._pause_reading()

    def stop_compression(self) -> None:
        """Nothing is compressed any more, either way (RFC 8437 section 4.1)."""
        compression, self._compression = self._compression, None
        if compression is not None:
            self.write(compression.finish())
            self.reader.feed(compression.remains())

    def _decompress(self) -> None:
        """Read what the client sent compressed: so much in one turn of the loop, and no more than is worked off."""
        self._decompressing = False
        for _ in range(_PIECES_AT_ONCE):
            if self._closing or self._compression is None or not self._may_decompress():
                break
            try:
                if self._compression.at_end:
                    self._compression.go_on()
                piece = self._compression.decompress()
            except CompressionError:
                self.end("What you send is not compressed")
                break
            if not piece:
                break
            self._read(piece)
        if self._compression is None or self._compression.waiting or self.reader.held > self._context.limits.backlog:
            self._pause_reading()
            self._resume_reading()

    def _may_decompress(self) -> bool:
        """Whether there is something to decompress, and room for it."""
        if self._compression is None or not self._compression.waiting or self._ending is not None:
            return False
        if self._compression.at_end and self._task is not None and self._line_waiter is None:
            return False
        return self.reader.held <= self._context.limits.backlog

    # The end

    def end(self, text: str, code: str | None = None) -> None:
        """Say BYE and close: at once when no command runs, else when it has ended."""
        self._ending = bye(self.session.say(text), code)
        self._fail_line(text)
        if self._task is None:
            self.close()

    def close(self) -> None:
        """Close once everything written is sent, or after a short while."""
        if self._closing or self._transport is None:
            return
        self._closing = True
        self._release()
        if self._ending is not None:
            self.write(self._ending)
        self._transport.close()
        if self._stalled is not None:
            self._stalled.cancel()
        self._stalled = self._loop.call_later(_CLOSE_TIMEOUT, self.abort)

    def abort(self) -> None:
        """Close now; what was not sent is lost."""
        if self._transport is not None:
            self._transport.abort()

    async def cancel(self) -> None:
        """Stop the command that runs and close: the server's grace is over."""
        self.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _finish(self) -> None:
        self._transport = None  # what TLS holds is then given back at once, not by a collection some hundred clients on
        self.session.end()
        self.reader.drop()
        self._context.connections.discard(self)
        self._context.strangers.pop(self, None)
        self._context.check_empty()

    # Commands, one after the other

    def _advance(self) -> None:
        """Begin what is complete in the buffer."""
        if self._task is None and (work := self._next()) is not None:
            self._task = self._loop.create_task(self._supervise(work, activity=True))
        self._resume_reading()
        if self._eof and self._task is None:
            self.close()

    def _next(self) -> Coroutine[None, None, None] | None:
        """What the next complete command in the buffer asks to do."""
        while self._ending is None and not self._closing:
            event = self.reader.line() if self.session.idling else self.reader.event()
            match event:
                case None:
                    break
                case bytes():
                    return self.session.end_idle(event)
                case Continue():
                    self.write(CONTINUE)
                case Overrun():
                    self.end(event.text, event.code)
                case Refused():
                    return self.session.refuse(event)
                case CommandInput():
                    return self.session.run(event)
        return None

    def _resume_reading(self) -> None:
        if not self._paused_reading or self._transport is None or self.reader.held > self._context.limits.backlog:
            return
        if self._compression is not None and self._compression.waiting:
            if self._may_decompress() and not self._decompressing:
                self._decompressing = True
                self._loop.call_soon(self._decompress)
            return
        self._paused_reading = False
        self._transport.resume_reading()

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Work that no command asked for, while none runs; commands wait for it."""
        if self._closing:
            work.close()
            return
        self._task = self._loop.create_task(self._supervise(work, activity=False))

    async def _supervise(self, work: Coroutine[None, None, None], *, activity: bool) -> None:
        """Do the work, then that of the commands which wait by then; without a task for each, and some in one turn."""
        turn = time.monotonic()
        following: Coroutine[None, None, None] | None = work
        try:
            while following is not None:
                with contextlib.suppress(ConnectionError):
                    await following
                following = None
                if self._lost or self.session.ended:
                    break
                if self.reader.has_line and time.monotonic() > turn + _TURN:
                    await asyncio.sleep(0)
                    turn = time.monotonic()
                following = self._next()
                self._resume_reading()
                activity = activity or following is not None
        except Exception:
            _log.exception("command failed outside its handler")
            self._ending = self._ending or bye(self.session.say("Internal error"))
        finally:
            self._task = None
            self._release()
            if activity:
                self._last_activity = self._loop.time()
            if self._lost:
                self._finish()
            elif self._ending is not None or self.session.ended or self._eof:
                self.close()
            else:
                self.session.push()

    # Time

    def sign_out(self) -> None:
        """The client has as long to sign in, and may send as much until then, as a new one (RFC 8437)."""
        self._octets = 0
        self._begin_sign_in(self._loop.time())
        self._context.add_stranger(self)

    def _begin_sign_in(self, now: float) -> None:
        self._deadline = now + self._context.limits.sign_in_timeout
        self._look_again(now)

    def sign_in(self) -> None:
        """The client is no stranger any more."""
        self._context.strangers.pop(self, None)

    def _silent_until(self) -> float:
        limits = self._context.limits
        if not self.reader.signed_in:
            return self._deadline
        within = self.reader.within_command and not self.session.idling
        return self._last_activity + (limits.literal_timeout if within else limits.autologout)

    def look(self, now: float) -> None:
        """End what has been silent for too long; what rests gives memory back."""
        if self._closing:
            return
        if self._task is not None and self._line_waiter is None:
            self._last_activity = now
        elif now >= self._silent_until():
            self.end("Too long without a word from you", "UNAVAILABLE" if not self.reader.signed_in else None)
            return
        else:
            self.rest()
        self._look_again(now)

    def _look_again(self, now: float) -> None:
        """At the next deadline, or earlier: deadlines come nearer when a command begins."""
        self.look_at = min(self._silent_until(), now + self._context.limits.literal_timeout)


def _peer(transport: asyncio.BaseTransport, source: tuple[str, int] | None) -> Peer:
    address = source or transport.get_extra_info("peername")
    host, port = (str(address[0]), int(address[1])) if isinstance(address, tuple) else ("", 0)
    return Peer(host, port, tls=transport.get_extra_info("ssl_object") is not None)
