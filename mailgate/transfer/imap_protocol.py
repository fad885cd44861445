"""aioimaplib's client, with its reading half replaced.

Of aioimaplib 2.0.3 stay the commands, their tags and states, and the timer of each, which every arrival starts anew.
What it does with what a server sends cannot carry a migration, each point seen with that version:

* whole answers are kept in memory, a literal in a buffer that is copied with each arrival; parsing recurs once for each
  line of an arrival, so that the flags of some thousand messages end in RecursionError;
* "* " is taken out of every untagged line, so out of mailbox names; parentheses within texts confuse FETCH;
* EXAMINE's untagged answers are dropped, UIDVALIDITY with them, and FETCH is refused after it;
* a connection that is lost wakes nobody; there is no STARTTLS, no SASL PLAIN, and LOGIN sends the user name unquoted;
* each arrival, message texts included, is formatted for the log before anybody asks whether there is one.

So octets go to `imap_wire.Framer`, and complete untagged responses to the one command that runs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final

import aioimaplib

from mailgate.transfer.imap_wire import Framer, Response, WireError, discard

Receive = Callable[[Response], None]
"""Takes an untagged response, and the care for its literals."""

SILENCE: Final = 120.0
"""Seconds without an octet after which a command is given up: a server may look for long before it answers."""


class SourceError(Exception):
    """The server refused, in its own words, or cannot be used."""


class ConnectionFailed(SourceError):
    """The connection could not be made, or was lost: trying again may help."""


class Command(aioimaplib.Command):  # type: ignore[misc] # aioimaplib has no types
    """A command on its way: what takes its untagged responses, and what it answers to a continuation request."""

    def __init__(
        self, protocol: Protocol, name: str, *arguments: str, prefix: str | None, receive: Receive, answers: list[bytes]
    ) -> None:
        super().__init__(
            name, protocol.new_tag(), *arguments, prefix=prefix, loop=protocol.loop, timeout=protocol.silence
        )
        self.receive = receive
        self.answers = answers
        self.status = ("", "")

    def append_to_resp(self, line: bytes, result: str = "Pending") -> None:
        """Take the tagged response: the only line that is kept."""
        self.status = (result.upper(), line.decode("utf-8", "replace"))

    def arrived(self) -> None:
        """Octets came: wait anew."""
        self._reset_timer()

    def fail(self, error: Exception) -> None:
        """Wake who waits for this command with an error."""
        self._exception = error
        self.close(b"", "KO")


class Protocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc] # aioimaplib has no types
    """One connection; one command runs at a time."""

    transport: Any

    def __init__(self, *, literal_limit: int, silence: float = SILENCE) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop)
        self.silence = silence
        self.greeting: asyncio.Future[Response] = loop.create_future()
        self.budget: int | None = None
        """Octets that the running command may still bring; None for no bound."""
        self._framer = Framer(literal_limit)
        self._running: Command | None = None
        self.lost: SourceError | None = None
        """Why the connection is of no use any more."""

    async def command(
        self,
        name: str,
        *arguments: str,
        prefix: str | None = None,
        receive: Receive = discard,
        answers: list[bytes] | None = None,
    ) -> tuple[str, str]:
        """Run a command; give its tagged response, such as ("OK", "[READ-ONLY] done").

        Raises SourceError, ConnectionFailed among them, and what else `receive` raises.
        """
        if self.lost is not None:
            raise self.lost
        command = Command(self, name, *arguments, prefix=prefix, receive=receive, answers=list(answers or ()))
        self._running = command
        try:
            await self.execute(command)
        except WireError as error:
            raise SourceError(str(error)) from error
        except aioimaplib.CommandTimeout as error:
            raise ConnectionFailed(f"the server has not answered to {name} for {self.silence:.0f} seconds") from error
        finally:
            self._running = None
        return command.status

    def send(self, line: str, scrub: str | None = None) -> None:
        """Write a line, and log nothing of it; names are octets in the form of Latin-1."""
        self.transport.write(line.encode("latin-1") + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Octets from the server."""
        if self._running is not None:
            self._running.arrived()
        try:
            self._spend(len(data))
            for response in self._framer.feed(data):
                self._dispatch(response)
        except Exception as error:
            self._end(error)
            self.transport.abort()

    def _spend(self, octets: int) -> None:
        if self.budget is not None:
            self.budget -= octets
            if self.budget < 0:
                raise WireError("the server sends more than it was asked for")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: who waits must know."""
        self._end(ConnectionFailed("the server closed the connection" if exc is None else f"connection lost: {exc}"))

    def begin_tls(self) -> None:
        """Before the handshake: nothing that came in clear may be read as if it had come under TLS (RFC 9051 11.1)."""
        if not self._framer.idle:
            raise WireError("the server sent something between STARTTLS and TLS")

    async def upgrade(self, context: ssl.SSLContext, host: str) -> None:
        """Continue under TLS. Raises OSError, ssl.SSLError, WireError."""
        self.begin_tls()
        self.transport = await self.loop.start_tls(self.transport, self, context, server_hostname=host)

    def close(self) -> None:
        """Hang up."""
        self._end(ConnectionFailed("closed"))
        if self.transport is not None:
            self.transport.abort()

    def _dispatch(self, response: Response) -> None:
        text: Any = response[0]
        if not self.greeting.done():
            self.greeting.set_result(response)
        elif text.startswith(b"* "):
            if self._running is None:
                discard(response)
            else:
                self._running.receive(response)
        elif text.startswith(b"+"):
            if self._running is not None:
                answer = self._running.answers.pop(0) if self._running.answers else b"*"
                self.transport.write(answer + b"\r\n")
        elif self._running is not None and text.partition(b" ")[0] == self._running.tag.encode():
            self._response_done(text)
        else:
            raise WireError("the server answered to no command of ours")

    def _end(self, error: Exception) -> None:
        if self.lost is not None:
            return
        self.lost = error if isinstance(error, SourceError) else SourceError(str(error))
        self._framer.close()
        if not self.greeting.done():
            self.greeting.set_exception(error)
            self.greeting.exception()  # seen, even if nobody waits for it
        if self._running is not None:
            self._running.fail(error)
