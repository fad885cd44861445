"""LMTP on the wire (RFC 2033): a server in front hands over, and each recipient is answered."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from smtp.handler import Recipient, SmtpError, Transaction
from smtp.header import Header
from smtp.limits import Limits
from smtp.lmtp import LmtpServer
from tests.smtp.conftest import MESSAGE, Wire
from tests.smtp.test_mx import Letterbox

FULL = SmtpError(452, "4.2.2", "Full")


class Boxes(Letterbox):
    """Takes for everybody at RCPT but unknown people, and at the end of the data not for those called plein."""

    async def rcpt_to(self, envelope: Transaction, recipient: Recipient) -> None:
        if recipient.address.startswith("panne"):
            return
        await super().rcpt_to(envelope, recipient)

    async def deliver(self, envelope: Transaction, header: Header, content: IO[bytes]) -> str:
        for recipient in envelope.recipients:
            if recipient.address.startswith("panne"):
                raise RuntimeError("secret in an exception")
            if recipient.address.startswith("plein"):
                recipient.refusal = FULL
        return await super().deliver(envelope, header, content)


@dataclass
class Lmtp:
    server: LmtpServer
    box: Boxes
    port: int
    path: Path
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, *, unix: bool = False) -> Wire:
        opened = asyncio.open_unix_connection(self.path) if unix else asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = await opened
        self.writers.append(writer)
        return Wire(reader, writer)

    async def greeted(self) -> Wire:
        wire = await self.connect()
        assert (await wire.reply()) == "220 mx.ecole.example LMTP"
        assert (await wire.ask("LHLO front")).startswith("250")
        return wire


Start = Callable[..., Awaitable[Lmtp]]


@pytest.fixture
async def start(server_tls: ssl.SSLContext, tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Lmtp] = []

    async def go(*, front: str = "127.0.0.0/8", **limits: int) -> Lmtp:
        box = Boxes()
        server = LmtpServer(
            box, server_tls, hostname="mx.ecole.example", limits=Limits(**limits),
            trusted=[ipaddress.ip_network(front)],
        )  # fmt: skip
        path = tmp_path / "lmtp.sock"
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(str(path))
        sock = socket.create_server(("127.0.0.1", 0))
        await server.start([sock, unix], starttls=True)
        started.append(Lmtp(server, box, sock.getsockname()[1], path))
        return started[-1]

    yield go
    for one in started:
        for writer in one.writers:
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await one.server.stop(grace=5)


@pytest.fixture
async def lmtp(start: Start) -> Lmtp:
    return await start()


async def begin(wire: Wire, *to: str) -> None:
    assert (await wire.ask("MAIL FROM:<ami@elsewhere.example>")).startswith("250 2.1.0")
    for one in to:
        assert (await wire.ask(f"RCPT TO:<{one}@ecole.example>")).startswith("250 2.1.5")


async def answers(wire: Wire, number: int) -> list[str]:
    """The first words of so many replies."""
    return [(await wire.reply())[:9] for _ in range(number)]


async def test_it_is_no_smtp(lmtp: Lmtp) -> None:
    wire = await lmtp.connect()
    await wire.reply()
    assert (await wire.ask("EHLO front.example")).startswith("500 5.5.2")
    assert (await wire.ask("HELO front.example")).startswith("500 5.5.2")
    assert (await wire.ask("MAIL FROM:<>")) == "503 5.5.1 Say LHLO first"
    offered = {line[4:] for line in (await wire.ask("LHLO front")).splitlines()[1:]}
    assert {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "CHUNKING", "SMTPUTF8", "STARTTLS"} <= offered


async def test_each_recipient_is_answered_in_order_also_when_named_twice(lmtp: Lmtp) -> None:
    wire = await lmtp.greeted()
    await begin(wire, "ada", "plein", "bob", "ada")
    assert (await wire.ask("RCPT TO:<inconnu@ecole.example>")).startswith("550 5.1.1")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250 2.0.0")
    assert await answers(wire, 3) == ["452 4.2.2", "250 2.0.0", "250 2.0.0"]
    assert (await wire.ask("NOOP")).startswith("250 2.0.0 OK")
    [(envelope, body)] = lmtp.box.delivered
    assert envelope.lmtp
    assert body == MESSAGE


@pytest.mark.parametrize(
    ("to", "content", "answer"),
    [
        (["panne", "ada"], MESSAGE, "451 4.3.0"),
        (["ada", "bob"], b"From: a\nb\r\n\r\n", "554 5.6.0"),
        (["ada", "bob"], b"Received: a\r\n" * 51 + MESSAGE, "554 5.4.6"),
        (["ada", "bob", "cleo"], MESSAGE + b"x" * 2_000 + b"\r\n", "552 5.3.4"),
    ],
)
async def test_what_concerns_the_message_is_said_to_each(
    start: Start, to: list[str], content: bytes, answer: str
) -> None:
    lmtp = await start(message_size=2_000)
    for bdat in (False, True):
        wire = await lmtp.greeted()
        await begin(wire, *to)
        if bdat:
            await wire.send(b"BDAT %d LAST\r\n%b" % (len(content), content))
        else:
            assert (await wire.ask("DATA")).startswith("354")
            await wire.send(content + b".\r\n")
        assert await answers(wire, len(to)) == [answer] * len(to)
        assert (await wire.ask("NOOP")).startswith("250 2.0.0 OK")
    assert lmtp.box.delivered == []


async def test_data_without_recipients_is_out_of_order(lmtp: Lmtp) -> None:
    """RFC 2033 section 4.2: 503, and nothing else."""
    wire = await lmtp.greeted()
    await begin(wire)
    assert (await wire.ask("RCPT TO:<inconnu@ecole.example>")).startswith("550")
    assert (await wire.ask("DATA")).startswith("503 5.5.1")


async def test_chunks_are_answered_once_and_the_last_for_each(lmtp: Lmtp) -> None:
    wire = await lmtp.greeted()
    await begin(wire, "ada", "plein")
    await wire.send(b"BDAT 10\r\n" + MESSAGE[:10] + b"BDAT %d LAST\r\n" % (len(MESSAGE) - 10) + MESSAGE[10:])
    assert await answers(wire, 3) == ["250 2.0.0", "250 2.0.0", "452 4.2.2"]
    assert [body for _, body in lmtp.box.delivered] == [MESSAGE]


async def test_a_last_chunk_for_nobody_has_no_answer(lmtp: Lmtp) -> None:
    """RFC 2033 section 4.3."""
    wire = await lmtp.greeted()
    await begin(wire)
    await wire.send(b"RCPT TO:<inconnu@ecole.example>\r\nBDAT 3 LAST\r\nx\r\nNOOP\r\n")
    assert await answers(wire, 2) == ["550 5.1.1", "250 2.0.0"]
    assert (await wire.ask("BDAT 0 LAST")).startswith("503")


async def test_a_chunk_that_fails_leaves_the_last_one_to_be_answered_for_each(start: Start) -> None:
    """A client that has sent all of it ahead counts on one answer for each recipient."""
    lmtp = await start(message_size=100)
    wire = await lmtp.greeted()
    await begin(wire, "ada", "bob")
    await wire.send(b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert await answers(wire, 5) == ["250 2.0.0", "552 5.3.4", "552 5.3.4", "552 5.3.4", "250 2.0.0"]
    assert lmtp.box.delivered == []


async def test_a_unix_socket_needs_no_network(start: Start) -> None:
    lmtp = await start(front="192.0.2.0/24")
    wire = await lmtp.connect(unix=True)
    assert (await wire.reply()).startswith("220 ")
    await wire.ask("LHLO front")
    await begin(wire, "ada")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250 2.0.0")
    refused = await lmtp.connect()
    assert (await refused.rest()).startswith("421 4.7.1")


async def test_no_limit_of_the_world_holds_for_a_server_in_front(start: Start) -> None:
    lmtp = await start(
        messages=1, recipients_per_connection=1, connections_per_peer=1, connections_per_network=1,
        connection_rate=1, message_rate=1, recipient_rate=1, bad_commands=1, idle_commands=1,
    )  # fmt: skip
    for wire in [await lmtp.greeted() for _ in range(3)]:
        for _ in range(3):
            assert (await wire.ask("RCPT TO:<x>")).startswith("503")
            await begin(wire, "ada", "bob")
            assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
            assert await answers(wire, 1) == ["250 2.0.0"]


async def test_recipients_over_the_limit_are_for_another_transaction(start: Start) -> None:
    lmtp = await start(recipients=2)
    wire = await lmtp.greeted()
    await begin(wire, "ada", "bob")
    assert (await wire.ask("RCPT TO:<cleo@ecole.example>")).startswith("452 4.5.3")
