"""Viruses, looked for by ClamAV: clamd's INSTREAM (clamd(8)) over TCP or a Unix socket.

The message goes to clamd in pieces as it takes them; what it answers before the end (its own limit of size) is heard.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

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
        async with connected(self._server) as (reader, writer):
            hearing = asyncio.create_task(_answer(reader))
            sending = asyncio.create_task(_send(arriving, writer))
            try:
                await asyncio.wait({hearing, sending}, return_when=asyncio.FIRST_COMPLETED)
                return await hearing
            finally:
                hearing.cancel()
                sending.cancel()
                # Whatever became of the sending, the answer says it.
                await asyncio.gather(hearing, sending, return_exceptions=True)


async def _send(arriving: Arriving, writer: asyncio.StreamWriter) -> None:
    writer.write(b"zINSTREAM\0")
    for block in arriving.blocks():
        writer.write(len(block).to_bytes(4, "big") + block)
        await writer.drain()
    writer.write(_END)
    await writer.drain()


async def version(server: str) -> str:
    """What clamd calls itself and its signatures. Raises Unavailable."""
    async with connected(server) as (reader, writer):
        writer.write(b"zVERSION\0")
        answer = await _answer(reader)
    if not answer.startswith(b"ClamAV "):
        raise Unavailable(f"it is no clamd: {_printable(answer)}")
    return _printable(answer)


@asynccontextmanager
async def connected(server: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, cut off at the end. Raises Unavailable."""
    try:
        if server.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(server)
        else:
            host, _, port = server.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError as error:
        raise Unavailable(f"no connection to clamd at {server}: {error.strerror or type(error).__name__}") from error
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One answer, without its NUL. Raises Unavailable."""
    held = b""
    while b"\0" not in held:
        try:
            more = await reader.read(_ANSWER)
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
