"""Commands sent ahead of their replies (RFC 2920), and replies in any pieces, wanted or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from smtp.client.answers import Answer
from smtp.client.connection import Connection, Host, Mail, To
from smtp.client.opening import connect
from smtp.client.tls import Guard, Security
from tests.smtp_client.conftest import PATIENT
from tests.support.sink import EXTENSIONS, Sink

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BLOCK = b"Subject: x\r\n\r\nx\r\n"
_BEGINNING = [b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b0@example.net>\r\n", b"DATA\r\n"]


async def opened(port: int) -> Connection:
    host = Host("127.0.0.1", "127.0.0.1", port)
    return await connect(host, Guard(Security.NONE), hello="gate.example.org", timeouts=PATIENT)


async def send(connection: Connection, recipients: int = 1) -> list[Answer]:
    async def content() -> AsyncIterator[bytes]:
        yield BLOCK

    to = [To(f"b{number}@example.net") for number in range(recipients)]
    return await connection.send(Mail("a@example.org", len(BLOCK)), to, content(), lambda: True)


@asynccontextmanager
async def served(script: Server, offers: bytes = b"250-x\r\n250 PIPELINING\r\n") -> AsyncIterator[Connection]:
    """A connection after EHLO to a server that goes on by a script."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(offers)
        await script(reader, writer)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await opened(server.sockets[0].getsockname()[1])
    async with asyncio.timeout(30):
        yield connection
    over.set()
    server.close()


async def test_the_beginning_is_said_at_once() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert [await reader.readline() for _ in _BEGINNING] == _BEGINNING
        for octet in b"250-2.1.0 well\r\n250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 go on\r\n":
            writer.write(bytes([octet]))
            await writer.drain()
        assert await reader.readuntil(b"\r\n.\r\n") == BLOCK + b".\r\n"
        writer.write(b"250 2.6.0 taken\r\n")

    async with served(script) as connection:
        assert [one.text for one in await send(connection)] == ["taken"]
        assert connection.usable


async def test_one_after_another_where_it_is_not_offered() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line, reply in zip(_BEGINNING, (b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"), strict=True):
            assert await reader.read(1_000) == line
            writer.write(reply)
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 2.6.0 taken\r\n")

    async with served(script, b"250 x\r\n") as connection:
        assert [one.code for one in await send(connection)] == [250]


@pytest.mark.parametrize("extensions", [EXTENSIONS, ("8BITMIME",)])
async def test_nothing_is_sent_of_what_nobody_takes(extensions: tuple[str, ...]) -> None:
    """And the next message goes over the same connection."""
    refuse = True

    def script(verb: str, _: str) -> str | None:
        return "550 5.1.1 no such user" if refuse and verb == "RCPT" else None

    async with Sink(script, extensions) as sink:
        connection = await opened(sink.port)
        assert [one.status for one in await send(connection, 2)] == ["5.1.1", "5.1.1"]
        assert ("DATA" in sink.lines) is ("PIPELINING" in extensions)
        refuse = False
        assert [one.code for one in await send(connection, 2)] == [250, 250]
        await connection.close()
    assert (sink.connections, len(sink.taken), sink.lines[-1]) == (1, 1, "QUIT")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
async def test_a_server_that_wants_content_for_nobody_gets_an_empty_one(verb: str) -> None:
    """RFC 2920 section 3.1."""
    refuse = True

    def script(said: str, _: str) -> str | None:
        if refuse and said == verb:
            return "451 4.7.1 later"
        if refuse and said == ".":
            return "554 5.5.1 no valid recipients"
        return "354 go on" if said == "DATA" else None

    async with Sink(script) as sink:
        connection = await opened(sink.port)
        [answer] = await send(connection)
        assert (answer.code, answer.text, answer.of_host) == (451, "later", verb == "MAIL")
        assert sink.taken == []
        refuse = False
        assert [one.code for one in await send(connection)] == [250]
    assert [one.data for one in sink.taken] == [BLOCK]


async def test_who_is_refused_among_others_is_told_so() -> None:
    async with Sink(lambda verb, rest: "550 5.1.1 no" if verb == "RCPT" and "b1@" in rest else None) as sink:
        answers = await send(await opened(sink.port), 3)
    assert [one.code for one in answers] == [250, 550, 250]
    assert [len(one.rcpt) for one in sink.taken] == [2]


@pytest.mark.parametrize("at", range(3))
async def test_a_server_that_closes_the_connection_is_tried_later(at: int) -> None:
    replies = [b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"]
    replies[at] = b"421 4.3.2 closing\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"".join(replies[: at + 1]))
        writer.write_eof()

    async with served(script) as connection:
        [answer] = await send(connection)
        assert (answer.code, answer.text, answer.temporary) == (421, "closing", True)
        assert not connection.usable


@pytest.mark.parametrize("octets", [b"what?\r\n", b"250-" + b"x" * 40_000, b"250-x\r\n" * 9_000, b"\r\n"])
async def test_what_is_no_reply_ends_the_connection(octets: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(octets)

    async with served(script) as connection:
        [answer] = await send(connection)
        assert answer.temporary
        assert answer.of_host
        assert not connection.usable


async def test_replies_that_nobody_asked_for_answer_nothing() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(2):
            for _ in _BEGINNING:
                await reader.readline()
            writer.write(b"250 OK\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n")
            assert await reader.readline() == b"RSET\r\n"
            writer.write(b"250 OK\r\n250 2.6.0 %d never asked for\r\n250 2.6.0 nor this\r\n" % number)

    async with served(script) as connection:
        for _ in range(2):
            assert [one.code for one in await send(connection)] == [550]


async def test_a_command_is_one_line() -> None:
    async with Sink() as sink:
        connection = await opened(sink.port)
        with pytest.raises(ValueError, match="control character"):
            await connection.send(Mail("a@example.org>\r\nRSET", 1), [To("b@example.net")], aiter_of_nothing(), bool)
        assert not connection.usable


async def aiter_of_nothing() -> AsyncIterator[bytes]:
    return
    yield b""
