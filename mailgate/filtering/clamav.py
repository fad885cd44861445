"""Viruses, looked for by ClamAV: clamd's INSTREAM (clamd(8)) over TCP or a Unix socket.

The message goes to clamd in pieces as it takes them; what it answers before the end (its own limit of size) is heard.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, Literal

from mailgate.filtering.contract import Arriving, Finding, Unavailable, refused
from mailgate.i18n import Language, translator

_ANSWER: Final = 4_096
"""Octets of an answer."""
_FOUND: Final = re.compile(rb"stream: (.+) FOUND", re.DOTALL)
_TOO_LARGE: Final = b"INSTREAM size limit exceeded. ERROR"
_NAME: Final = re.compile(r"[^A-Za-z0-9._:/{}+-]+")
_END: Final = bytes(4)

TooLarge = Literal["accept", "refuse"]


class Clamav:
    """A `Check`."""

    name = "clamav"

    def __init__(self, server: str, language: Language, *, max_size: int, too_large: TooLarge) -> None:
        """`server` is ``host:port`` or the path of a Unix socket; larger messages than `max_size` octets are not sent
        to it.
        """
        self._server = server
        self._language = language
        self._max_size = max_size
        self._too_large = too_large

    async def examine(self, arriving: Arriving) -> Finding:
        """Refuse a message with a virus (554 5.7.1); one that is too large is taken or refused. Raises Unavailable."""
        if len(arriving.content) > self._max_size:
            return await self._oversized(arriving)
        answer = await self._asked(arriving)
        if answer == b"stream: OK":
            return Finding()
        if answer == _TOO_LARGE:
            return await self._oversized(arriving)
        if found := _FOUND.fullmatch(answer):
            virus = _NAME.sub("_", found[1].decode("ascii", "replace"))[:100]
            text = _("This message holds a virus ({name}) and is not accepted. Please have your computer checked.")
            words = translator(await self._reader(arriving))(text).format(name=virus)
            return refused(words, f"virus={virus}", code=554)
        raise Unavailable(f"clamd: {_printable(answer)}")

    async def close(self) -> None:
        """Nothing to close: each message has a connection of its own."""

    async def _oversized(self, arriving: Arriving) -> Finding:
        if self._too_large == "accept":
            return Finding(reason="too large to be looked at")
        text = _("This message is too large to be checked for viruses. Please send its files one by one.")
        words = translator(await self._reader(arriving))(text)
        return refused(words, "too large to be looked at", code=552, status="5.3.4")

    async def _reader(self, arriving: Arriving) -> Language:
        return (await arriving.audience.concerned()).reader_language(self._language)

    async def _asked(self, arriving: Arriving) -> bytes:
        """What clamd says of the octets as they came: all of them, or as many as it wanted to hear."""
        async with connected(self._server) as connection:
            hearing = asyncio.create_task(_answer(connection))
            sending = asyncio.create_task(_send(arriving, connection))
            try:
                await asyncio.wait({hearing, sending}, return_when=asyncio.FIRST_COMPLETED)
                return await hearing
            finally:
                hearing.cancel()
                sending.cancel()
                # Whatever became of the sending, the answer says it.
                await asyncio.gather(hearing, sending, return_exceptions=True)


async def _send(arriving: Arriving, connection: socket.socket) -> None:
    send = partial(asyncio.get_running_loop().sock_sendall, connection)
    await send(b"zINSTREAM\0")
    for block in arriving.blocks():
        await send(len(block).to_bytes(4, "big") + block)
    await send(_END)


async def version(server: str) -> str:
    """What clamd calls itself and its signatures. Raises Unavailable."""
    async with connected(server) as connection:
        with suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(connection, b"zVERSION\0")
        answer = await _answer(connection)
    if not answer.startswith(b"ClamAV "):
        raise Unavailable(f"it is no clamd: {_printable(answer)}")
    return _printable(answer)


@asynccontextmanager
async def connected(server: str) -> AsyncIterator[socket.socket]:
    """A connection. Raises Unavailable.

    A bare socket: asyncio's streams lose an answer when sending fails, as it does once clamd has heard enough.
    """
    with ExitStack() as stack:
        try:
            connection = await _connect(server, stack)
        except OSError as error:
            problem = error.strerror or type(error).__name__
            raise Unavailable(f"no connection to clamd at {server}: {problem}") from error
        yield connection


async def _connect(server: str, stack: ExitStack) -> socket.socket:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    family = socket.AF_UNIX
    address: Any = server
    if not server.startswith("/"):
        host, _, port = server.rpartition(":")
        [(family, _, _, _, address), *_] = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    connection = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    connection.setblocking(False)  # noqa: FBT003
    await loop.sock_connect(connection, address)
    return connection


async def _answer(connection: socket.socket) -> bytes:
    """One answer, without its NUL. Raises Unavailable."""
    held = b""
    while b"\0" not in held:
        try:
            more = await asyncio.get_running_loop().sock_recv(connection, _ANSWER)
        except OSError as error:
            raise Unavailable("clamd broke the connection off") from error
        if not more or len(held) > _ANSWER:
            raise Unavailable("clamd closed without an answer" if not held else "clamd gave half an answer")
        held += more
    return held.partition(b"\0")[0]


def _printable(answer: bytes) -> str:
    return answer[:200].decode("ascii", "replace").encode("unicode_escape").decode()


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
