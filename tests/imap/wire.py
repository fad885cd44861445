"""A client for tests that speaks in octets, and transcripts of several clients at once."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.imap.memory_backend import plain_response

TIMEOUT = 10


class Client:
    """One connection; every read has a time limit, so that a missing answer fails the test at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.tags = 0

    @classmethod
    async def connect(cls, address: tuple[str, int], tls: ssl.SSLContext | None) -> Self:
        """Connect and leave the greeting unread."""
        name = "localhost" if tls is not None else None
        return cls(*await asyncio.open_connection(*address, ssl=tls, server_hostname=name, limit=2**26))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()
        # the stream's own end is of no interest
        await asyncio.wait([asyncio.ensure_future(self.writer.wait_closed())], timeout=TIMEOUT)

    async def send(self, data: bytes) -> None:
        """Write octets as they are."""
        self.writer.write(data)
        async with asyncio.timeout(TIMEOUT):
            await self.writer.drain()

    async def line(self) -> bytes:
        """One response with its literals, without the last line end; empty at the end of the stream."""
        async with asyncio.timeout(TIMEOUT):
            text = await self.reader.readline()
            while found := re.search(rb"\{(\d+)\}\r\n\Z", text):
                text += await self.reader.readexactly(int(found.group(1)))
                text += await self.reader.readline()
        return text.removesuffix(b"\r\n")

    async def until(self, tag: str) -> list[bytes]:
        """All responses to the completion of this command, which comes last."""
        lines = [await self.line()]
        while not lines[-1].startswith(tag.encode() + b" "):
            assert lines[-1], "the connection was closed"
            lines.append(await self.line())
        return lines

    async def command(self, text: str | bytes) -> list[bytes]:
        """Send a command under a new tag; give its responses, the completion last."""
        self.tags += 1
        tag = f"t{self.tags}"
        octets = text.encode() if isinstance(text, str) else text
        await self.send(f"{tag} ".encode() + octets + b"\r\n")
        return await self.until(tag)

    async def ok(self, text: str | bytes) -> list[bytes]:
        """The untagged responses of a command that must succeed."""
        *lines, completion = await self.command(text)
        assert completion.split(b" ", 2)[1] == b"OK", completion
        return lines

    async def append(self, mailbox: str, content: bytes, options: str = "") -> bytes:
        """APPEND with a non-synchronizing literal; give the completion."""
        head = f"APPEND {mailbox} {options}{{{len(content)}+}}\r\n".encode()
        return (await self.command(head + content))[-1]

    async def sign_in(self, username: str = "ada", password: str = "secret") -> Self:  # noqa: S107
        """Read the greeting and authenticate."""
        assert (await self.line()).startswith(b"* OK ")
        await self.ok(f"AUTHENTICATE PLAIN {plain_response(username, password)}")
        return self

    async def at_end(self) -> bool:
        """Whether the server closes without another word."""
        return await self.line() == b""


def fits(expected: str, line: bytes) -> bool:
    """Whether a line is as expected, where ``…`` stands for anything."""
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, line.decode("utf-8", "replace"), re.DOTALL) is not None


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what the server does without telling anyone."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.01)
