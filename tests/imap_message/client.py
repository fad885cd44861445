"""The few IMAP commands that the comparison with another server needs, over a plain socket."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Self

from tests.imap_message.grammar import Reader, Value, body, envelope
from tests.support.dovecot import PASSWORD, Dovecot

_LITERAL_AT_END = re.compile(rb"\{([0-9]+)\}\r\n$")
_ITEM = re.compile(rb"((?:BODY|BINARY|BINARY\.SIZE)\[[^\]]*\](?:<[0-9]+>)?|[A-Z.]+) ")


class Client:
    """One signed-in session with INBOX selected."""

    def __init__(self, server: Dovecot, user: str) -> None:
        self._socket = socket.create_connection((server.host, server.port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        self._stream.readline()
        self.command(b"LOGIN %b %b" % (user.encode(), PASSWORD.encode()))
        self.command(b"SELECT INBOX")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()
        self._socket.close()

    def command(self, text: bytes) -> list[bytes]:
        """Send a command; give its untagged responses. Raises RuntimeError when the answer is not OK."""
        self._socket.sendall(b"t " + text + b"\r\n")
        responses: list[bytes] = []
        while True:
            response = self._response()
            if response.startswith(b"t OK"):
                return responses
            if response.startswith(b"t "):
                raise RuntimeError(response.decode("latin-1"))
            responses.append(response)

    def append(self, message: bytes) -> None:
        self.command(b"APPEND INBOX {%d+}\r\n%b" % (len(message), message))

    def fetch(self, number: int, items: bytes) -> dict[bytes, Value]:
        """One message's items, parsed; sections are named as the server repeats them."""
        responses = self.command(b"FETCH %d (%b)" % (number, items))
        prefix = b"* %d FETCH (" % number
        (text,) = [response for response in responses if response.startswith(prefix)]
        return parse_fetch(text[len(prefix) : -3])

    def _response(self) -> bytes:
        pieces = []
        while True:
            line = self._stream.readline()
            if not line.endswith(b"\r\n"):
                raise RuntimeError("connection closed")
            pieces.append(line)
            literal = _LITERAL_AT_END.search(line)
            if literal is None:
                return b"".join(pieces)
            pieces.append(self._stream.read(int(literal[1])))


def parse_fetch(text: bytes) -> dict[bytes, Value]:
    """The data items of a FETCH response."""
    reader = Reader(text)
    items: dict[bytes, Value] = {}
    while reader.position < len(text):
        match = _ITEM.match(text, reader.position)
        if match is None:
            raise RuntimeError(f"unexpected {text[reader.position : reader.position + 40]!r}")
        name = match[1]
        reader.position = match.end()
        if name == b"ENVELOPE":
            items[name] = envelope(reader)
        elif name in {b"BODY", b"BODYSTRUCTURE"}:
            items[name] = body(reader, extension=name == b"BODYSTRUCTURE")
        elif name.startswith(b"BINARY.SIZE"):
            items[name] = reader.number()
        else:
            items[name] = reader.literal8() if reader.looking_at(b"~") else reader.nstring()
        reader.accept(b" ")
    return items
