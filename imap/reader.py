"""Octets to commands: lines and literals put together, within limits (RFC 9051 section 4.3, RFC 7888).

No input or output happens here: the connection feeds octets and asks for what is complete. Octets after a complete
command stay in the buffer until the next one is asked for, so that a pipelining client waits in its own socket.
"""

from __future__ import annotations

import enum
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, TypeAlias, cast

from imap.limits import Limits
from imap.parsing.limits import MAX_APPEND_MESSAGES
from imap.parsing.literals import CommandInput, Literal, LiteralAnnouncement, announced_literal, peek_command

_TAIL: Final = 64
"""Enough of a line's end to hold an announced literal."""
_HEAD: Final = 255
"""Enough of a command's beginning to hold its tag and its name."""
_MESSAGE_AFTER: Final = {"APPEND": 2, "REPLACE": 3, "UID REPLACE": 4}
"""The spaces in the first line of these commands after which a literal may be a message: earlier it is a name."""
_CATENATE: Final = re.compile(rb" CATENATE \(", re.IGNORECASE)
_URL: Final = re.compile(rb"[ (]URL \Z", re.IGNORECASE)
_AHEAD: Final = 16_384
"""Octets in which `CommandReader.lines` looks for commands."""
_PATIENCE: Final = 4
"""A refused command is read to its end up to so many times the limit."""


class Continue(enum.Enum):
    """The client waits for leave to send its literal."""

    LITERAL = enum.auto()


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that will not be executed; what came with it was thrown away."""

    tag: str
    condition: str
    code: str | None
    text: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overrun:
    """The client goes beyond what is worth reading: say BYE and close."""

    text: str
    code: str | None = "TOOBIG"


Event: TypeAlias = CommandInput | Continue | Refused | Overrun


class CommandReader:
    """The octets of one connection. ``signed_in`` and ``message_limit`` follow the session."""

    __slots__ = (
        "_announced",
        "_buffer",
        "_catenating",
        "_cut",
        "_limits",
        "_messages",
        "_missing",
        "_octets",
        "_parts",
        "_refusal",
        "_scanned",
        "_sink",
        "_size",
        "_tag",
        "_verb",
        "message_limit",
        "signed_in",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.signed_in = False
        self.message_limit = limits.message
        self._buffer = bytearray()
        self._scanned = 0
        self._messages: list[IO[bytes]] = []
        self._begin()

    def _begin(self) -> None:
        """Be ready for a new command."""
        self._parts: list[bytes | Literal] = []
        self._tag: str | None = None
        self._verb: str | None = None
        self._announced: LiteralAnnouncement | None = None
        self._missing = 0
        self._sink: IO[bytes] | None = None
        self._refusal: Refused | None = None
        self._catenating = False
        self._cut = 0
        self._size = 0
        self._octets = 0
        if self._messages:
            self._messages = []

    @property
    def held(self) -> int:
        """Octets in the buffer."""
        return len(self._buffer)

    @property
    def has_line(self) -> bool:
        """Whether the end of a line is in the buffer."""
        return bool(self._buffer) and self._buffer.find(b"\n", self._scanned) >= 0

    @property
    def within_command(self) -> bool:
        """Whether a command has begun and is not complete."""
        return bool(self._buffer or self._parts or self._missing or self._refusal)

    def feed(self, data: bytes) -> None:
        """Take octets from the client; those of a literal go where it goes, the others wait in the buffer."""
        if self._missing and not self._buffer:
            data = self._absorb(data)
        self._buffer += data

    def take(self) -> bytes:
        """Give back the octets that wait, all of them."""
        octets, self._buffer, self._scanned = bytes(self._buffer), bytearray(), 0
        return octets

    def clear(self) -> None:
        """Forget all that was received: after STARTTLS it may be an attacker's (RFC 9051 section 11.1)."""
        self._buffer = bytearray()
        self._scanned = 0
        self.drop()

    def drop(self) -> None:
        """Give up the command under way, with its files."""
        for file in self._messages:
            file.close()
        self._begin()

    def line(self) -> bytes | Overrun | None:
        """The next line that is no command (an answer to a SASL challenge, DONE), without its line end."""
        limit = self._line_limit
        line = self._take_line()
        if (len(self._buffer) if line is None else len(line)) > limit:
            return Overrun("Line too long")
        return line

    def lines(self, most: int) -> Sequence[bytes]:
        """The next commands, so many at most, up to the first that is not complete in one line; they stay where they
        are until `skip_line`.
        """
        if self._parts or self._missing or self._announced is not None or self._refusal is not None or self._cut:
            return ()
        lines = []
        for line in bytes(self._buffer[:_AHEAD]).split(b"\n", most)[:-1]:
            text = line.removesuffix(b"\r")
            if not text or len(text) > self._line_limit or announced_literal(text) is not None:
                break
            lines.append(text)
        return lines

    def skip_line(self) -> None:
        """Take the first command that `lines` gave out of the buffer."""
        self._take_line()

    def event(self) -> Event | None:
        """The next complete thing, None while it is not there."""
        while True:
            if self._missing and self._buffer:
                self._buffer = bytearray(self._absorb(bytes(self._buffer)))
                self._scanned = 0
            if self._missing:
                return None
            if self._announced is not None:
                self._keep_literal(self._announced)
            line = self._take_line()
            if line is None:
                return self._waiting()
            event = self._take(line)
            if event is not None:
                return event

    @property
    def _line_limit(self) -> int:
        return self._limits.line if self.signed_in else self._limits.line_before_sign_in

    def _absorb(self, data: bytes) -> bytes:
        """Take the current literal's octets from the front of ``data``; give the rest."""
        taken = data[: self._missing]
        if self._sink is not None:
            try:
                self._sink.write(taken)
            except OSError:
                self._sink = None
                self._refuse("NO", "No room for this message right now, please try again later", "UNAVAILABLE")
        self._missing -= len(taken)
        return data[len(taken) :]

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            return None
        self._scanned = 0
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line[:-1] if line.endswith(b"\r") else line

    def _waiting(self) -> Overrun | None:
        """No line end yet: of a line that is too long only the end is kept."""
        if len(self._buffer) <= self._line_limit + 1:
            return None
        self._peek(bytes(self._buffer[:_HEAD]))
        self._cut += len(self._buffer) - _TAIL
        del self._buffer[:-_TAIL]
        self._scanned = len(self._buffer)
        return self._too_long(self._size + self._cut)

    def _peek(self, text: bytes) -> None:
        """Learn tag and verb from the first line."""
        if not self._parts and self._refusal is None:
            self._tag, self._verb = peek_command(text[:_HEAD])

    def _too_long(self, size: int) -> Overrun | None:
        """A line above the limit: its command is refused, or the connection ends when nothing good can come of it."""
        self._refuse("BAD", "Line too long")
        return Overrun("Line too long") if size > _PATIENCE * self._limits.command or not self.signed_in else None

    def _take(self, line: bytes) -> Event | None:
        """One line of a command: the whole of it, or a piece that ends in a literal."""
        if not line and not self._parts and self._refusal is None:
            return None
        announced = announced_literal(line)
        if announced is None and not (self._parts or self._cut or self._refusal) and len(line) <= self._line_limit:
            return CommandInput((line,))  # most commands: nothing was kept that would have to be forgotten
        text = line if announced is None else line[: announced.start]
        self._peek(text)
        length, self._cut = self._cut + len(line), 0
        self._size += length
        if length > self._line_limit:
            overrun = self._too_long(self._size)
            if overrun is not None:
                return overrun
        elif self._size > self._limits.command:
            self._refuse("BAD", "Command too long")
            if self._size > _PATIENCE * self._limits.command:
                return Overrun("Command too long")
        if self._refusal is None:
            self._parts.append(text)
        return self._complete() if announced is None else self._begin_literal(announced, text)

    def _begin_literal(self, announced: LiteralAnnouncement, text: bytes) -> Event | None:
        is_message = self._is_message(text)
        if is_message:
            self._check_message(announced.size)
        else:
            self._check_literal(announced.size)
        if self._refusal is not None:
            if announced.synchronizing:
                return self._complete()
            if announced.size > (self._limits.swallow if self.signed_in else self._limits.octets_before_sign_in):
                return Overrun("Literal too large")
        elif is_message:
            self._sink = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=self._limits.spool))  # noqa: SIM115
            self._messages.append(self._sink)
        else:
            self._sink = io.BytesIO()
        self._announced = announced
        self._missing = announced.size
        return Continue.LITERAL if announced.synchronizing else None

    def _is_message(self, text: bytes) -> bool:
        """Whether the literal that this text announces is a message, or a piece of one (RFC 4469), and no argument."""
        spaces = _MESSAGE_AFTER.get(self._verb or "")
        if spaces is None or not self.signed_in:
            return False
        self._catenating = self._catenating or _CATENATE.search(text) is not None
        if self._catenating and _URL.search(text):
            return False
        return len(self._parts) > 1 or text.count(b" ") > spaces

    def _check_message(self, size: int) -> None:
        self._octets += size
        if size > self.message_limit or self._octets > self._limits.append:
            self._refuse("NO", "A message has {most} octets at most", most=self.message_limit)
        elif len(self._messages) >= MAX_APPEND_MESSAGES:
            self._refuse("BAD", "Too many messages")

    def _check_literal(self, size: int) -> None:
        self._size += size
        limit = self._limits.literal if self.signed_in else self._limits.literal_before_sign_in
        if size > limit or self._size > self._limits.command:
            self._refuse("BAD", "A literal here has {most} octets at most", most=limit)

    def _keep_literal(self, announced: LiteralAnnouncement) -> None:
        """The current literal is complete."""
        sink, self._sink, self._announced = self._sink, None, None
        if sink is None:
            return
        if isinstance(sink, io.BytesIO):
            self._parts.append(Literal(announced.size, sink.getvalue(), announced.binary))
        else:
            sink.seek(0)
            self._parts.append(Literal(announced.size, sink, announced.binary))

    def _refuse(self, condition: str, text: str, code: str = "TOOBIG", **values: object) -> None:
        """Not to be executed: the first reason stands."""
        if self._refusal is None:
            self._refusal = Refused(self._tag or "*", condition, code, text, values)

    def _complete(self) -> Event:
        refusal = self._refusal
        if refusal is not None:
            self.drop()
            return refusal
        command = CommandInput(tuple(self._parts))
        self._begin()
        return command
