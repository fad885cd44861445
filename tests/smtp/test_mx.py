"""A mail exchanger on the wire: nobody signs in, nothing is smuggled or injected, and every limit can be lifted."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import IO, Any

import pytest

from smtp.handler import Recipient, SmtpError, Transaction
from smtp.header import Header
from smtp.limits import Limits
from smtp.mx import MxServer
from smtp.rates import MINUTE, Rate
from smtp.server import network_key, peer_key
from tests.smtp.conftest import MESSAGE, PATIENCE, Wire

HOST = "mx.ecole.example"
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@dataclass
class Letterbox:
    """The application: keeps what comes, knows nobody called inconnu."""

    delivered: list[tuple[Transaction, bytes]] = field(default_factory=list)

    async def mail_from(self, envelope: Transaction) -> None:
        if envelope.mail_from.endswith("@ecole.example"):
            raise SmtpError(550, "5.7.1", "Sign in")

    async def rcpt_to(self, envelope: Transaction, recipient: Recipient) -> None:
        if recipient.address.startswith("inconnu"):
            raise SmtpError(550, "5.1.1", "Nobody")

    async def deliver(self, envelope: Transaction, header: Header, content: IO[bytes]) -> str:
        self.delivered.append((envelope, content.read()))
        return "Delivered"


@dataclass
class Mx:
    server: MxServer
    box: Letterbox
    port: int
    client_tls: ssl.SSLContext
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return Wire(reader, writer)

    async def greeted(self) -> Wire:
        wire = await self.connect()
        assert (await wire.reply()) == f"220 {HOST} ESMTP"
        assert (await wire.ask("EHLO relay.elsewhere.example")).startswith("250")
        return wire

    async def secured(self, wire: Wire) -> Wire:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        upgraded = await loop.start_tls(wire.writer.transport, protocol, self.client_tls, server_hostname="localhost")
        assert upgraded is not None
        protocol.connection_made(upgraded)
        self.writers.append(asyncio.StreamWriter(upgraded, protocol, reader, loop))
        return Wire(reader, self.writers[-1])


StartMx = Callable[..., Awaitable[Mx]]


@pytest.fixture
async def start_mx(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> AsyncIterator[StartMx]:
    started: list[tuple[MxServer, Mx]] = []

    async def go(*, trusted: bool = False, dsn: bool = False, **limits: Any) -> Mx:  # noqa: ANN401 - of each its own
        box = Letterbox()
        server = MxServer(
            box, server_tls, hostname=HOST, limits=Limits(**limits), trusted=[LOOPBACK] if trusted else [], dsn=dsn
        )
        sock = socket.create_server(("127.0.0.1", 0))
        await server.start([sock], starttls=True)
        started.append((server, Mx(server, box, sock.getsockname()[1], client_tls)))
        return started[-1][1]

    yield go
    for server, mx in started:
        for writer in mx.writers:
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await server.stop(grace=5)


async def begin(wire: Wire, *to: str, sender: str = "ami@elsewhere.example") -> None:
    assert (await wire.ask(f"MAIL FROM:<{sender}>")).startswith("250 2.1.0")
    for one in to or ("ada@ecole.example",):
        assert (await wire.ask(f"RCPT TO:<{one}>")).startswith("250 2.1.5")


async def test_what_is_offered(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.connect()
    await wire.reply()
    offered = (await wire.ask("EHLO relay.elsewhere.example")).splitlines()
    assert {line[4:] for line in offered[1:]} == {
        "PIPELINING", "SIZE 50000000", "LIMITS MAILMAX=1000 RCPTMAX=500", "8BITMIME", "SMTPUTF8",
        "ENHANCEDSTATUSCODES", "CHUNKING", "STARTTLS",
    }  # fmt: skip


async def test_nobody_signs_in_even_under_tls(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    assert (await wire.ask("AUTH PLAIN AGEAYg==")).startswith("500 5.5.2")
    assert (await wire.ask("STARTTLS")).startswith("220 2.0.0")
    wire = await mx.secured(wire)
    assert "AUTH" not in await wire.ask("EHLO relay.elsewhere.example")
    assert (await wire.ask("AUTH PLAIN AGEAYg==")).startswith("500 5.5.2")
    assert "AUTH" not in await wire.ask("HELP")


async def test_a_message_in_the_clear_by_helo_and_one_under_tls(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.connect()
    await wire.reply()
    assert (await wire.ask("HELO relay.elsewhere.example")) == f"250 {HOST}"
    await begin(wire, sender="")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250 2.0.0")
    assert (await wire.ask("STARTTLS")).startswith("220")
    wire = await mx.secured(wire)
    assert (await wire.ask("MAIL FROM:<ami@elsewhere.example>")).startswith("503 5.5.1")
    await wire.ask("EHLO relay.elsewhere.example")
    await begin(wire)
    assert (await wire.ask(f"BDAT {len(MESSAGE)} LAST".encode() + b"\r\n" + MESSAGE[:-2])).startswith("250 2.0.0")
    [first, second] = [envelope for envelope, _ in mx.box.delivered]
    assert (first.mail_from, first.extended, first.peer.tls) == ("", False, "")
    assert second.extended
    assert second.peer.tls.startswith("TLSv1.3")
    assert [content for _, content in mx.box.delivered] == [MESSAGE, MESSAGE]


async def test_nothing_said_before_tls_survives_it(start_mx: StartMx) -> None:
    """RFC 3207 section 4.2: neither a greeting nor a transaction, nor what was pipelined behind STARTTLS."""
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(b"STARTTLS\r\nRSET\r\nMAIL FROM:<mallory@elsewhere.example>\r\n")
    assert (await wire.reply()).startswith("220")
    wire = await mx.secured(wire)
    assert (await wire.ask("RCPT TO:<ada@ecole.example>")).startswith("503 5.5.1 Say EHLO")
    await wire.ask("EHLO relay.elsewhere.example")
    assert (await wire.ask("DATA")).startswith("503 5.5.1 Say MAIL")


SMUGGLED = (
    b"MAIL FROM:<mallory@x.example>\r\nRCPT TO:<ada@ecole.example>\r\nDATA\r\nFrom: m@x.example\r\n\r\nx\r\n.\r\n"
)


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n.\r\r\n",
    ],
)
async def test_no_look_alike_ends_the_data(start_mx: StartMx, end: bytes) -> None:
    """What follows is part of one message, which is refused whole: one answer, and nothing delivered."""
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    assert (await wire.data(MESSAGE[:-2] + end + SMUGGLED)).startswith("554 5.6.0")
    assert (await wire.ask("NOOP")).startswith("250")
    assert mx.box.delivered == []


async def test_a_bare_line_feed_ends_the_connection_and_nul_is_no_command(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    assert (await wire.ask(b"EHLO a.example\0")).startswith("500 5.5.2")
    await wire.send(b"NOOP\nNOOP\r\n")
    assert (await wire.rest()).startswith("500 5.5.2")


@pytest.mark.parametrize("name", ["relay", "192.0.2.1", HOST, HOST.upper(), "a..example", "-x.example", "[192.0.2]"])
async def test_a_name_that_no_server_has_is_refused(start_mx: StartMx, name: str) -> None:
    mx = await start_mx()
    wire = await mx.connect()
    await wire.reply()
    assert (await wire.ask(f"EHLO {name}"))[:3] in {"504", "550"}
    assert (await wire.ask("MAIL FROM:<>")).startswith("503 5.5.1")


@pytest.mark.parametrize("name", ["relay.elsewhere.example", "pc_1.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
async def test_a_name_in_full_or_a_literal_is_taken(start_mx: StartMx, name: str) -> None:
    mx = await start_mx()
    wire = await mx.connect()
    await wire.reply()
    assert (await wire.ask(f"EHLO {name}")).startswith("250")


@pytest.mark.parametrize(
    "recipient",
    [
        "<user@other@ecole.example>",
        "<user@>",
        "<user>",
        "<>",
        "<@ecole.example>",
        "<user@[999.0.0.1]>",
        "<us er@x.example>",
    ],
)
async def test_what_is_no_address_is_refused_before_anybody_is_asked(start_mx: StartMx, recipient: str) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await wire.ask("MAIL FROM:<>")
    assert (await wire.ask(f"RCPT TO:{recipient}")).startswith("501 5.1.3")


async def test_parameters_of_what_is_not_offered_are_refused(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    assert (await wire.ask("MAIL FROM:<> RET=HDRS")).startswith("555 5.5.4")
    assert (await wire.ask("MAIL FROM:<> ENVID=x")).startswith("555 5.5.4")
    assert (await wire.ask("MAIL FROM:<> SIZE=10 BODY=8BITMIME SMTPUTF8")).startswith("250")
    assert (await wire.ask("RCPT TO:<ada@ecole.example> NOTIFY=SUCCESS")).startswith("555 5.5.4")
    assert (await wire.ask("RCPT TO:<ada@ecole.example> ORCPT=rfc822;a@b")).startswith("555 5.5.4")


async def test_dsn_is_taken_where_it_is_offered(start_mx: StartMx) -> None:
    mx = await start_mx(dsn=True)
    wire = await mx.connect()
    await wire.reply()
    assert "DSN" in {line[4:] for line in (await wire.ask("EHLO relay.elsewhere.example")).splitlines()}
    await wire.ask("MAIL FROM:<ami@elsewhere.example> RET=HDRS ENVID=QQ+2B1")
    assert (await wire.ask("RCPT TO:<ada@ecole.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@x")).startswith("250")
    assert (await wire.ask("RCPT TO:<bob@ecole.example> NOTIFY=NEVER")).startswith("250")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
    [(envelope, _)] = mx.box.delivered
    assert (envelope.dsn_return, envelope.envelope_id) == ("HDRS", "QQ+1")
    assert [(one.notify, one.original) for one in envelope.recipients] == [
        (frozenset({"SUCCESS", "DELAY"}), "rfc822;a+b@x"), (frozenset({"NEVER"}), None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "LIMITS MAILMAX=1000 RCPTMAX=500"),
        ({"messages": 1, "recipients": 100}, "LIMITS MAILMAX=1 RCPTMAX=100"),
        ({"messages": 7, "trusted": True}, "LIMITS RCPTMAX=500"),
        ({"messages": 10**6, "recipients": 10**6}, ""),
    ],
)
async def test_limits_are_announced(start_mx: StartMx, limits: dict[str, int], said: str) -> None:
    """RFC 9422: a number of six digits at the most, or none; before TLS as under it."""
    mx = await start_mx(**limits)
    for secure in (False, True):
        wire = await mx.greeted()
        if secure:
            await wire.ask("STARTTLS")
            wire = await mx.secured(wire)
        offered = [line[4:] for line in (await wire.ask("EHLO relay.elsewhere.example")).splitlines()]
        assert [line for line in offered if line.startswith("LIMITS")] == [said] * bool(said)


@pytest.mark.parametrize("reverse_path", ["<root@localhost>", "<root@host>", "<a@192.0.2.1>", "<a@b.example.0>"])
async def test_a_reverse_path_has_its_domain_in_full(start_mx: StartMx, reverse_path: str) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    assert (await wire.ask(f"MAIL FROM:{reverse_path}")).startswith("553 5.1.7")
    for good in ("<a@[192.0.2.1]>", "<a@[IPv6:2001:db8::1]>", "<a@b.example>", "<>"):
        assert (await wire.ask(f"MAIL FROM:{good}")).startswith("250")
        await wire.ask("RSET")
    trusted = await (await start_mx(trusted=True)).greeted()
    assert (await trusted.ask(f"MAIL FROM:{reverse_path}")).startswith("250")


async def test_what_comes_from_nobody_has_one_recipient(start_mx: StartMx) -> None:
    """The others are for another transaction, so that nothing is lost of a bounce that a server sends to several."""
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire, sender="")
    assert (await wire.ask("RCPT TO:<bob@ecole.example>")).startswith("452 4.5.3")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
    await begin(wire, "bob@ecole.example", sender="")
    await wire.ask("RSET")
    assert (await wire.ask("MAIL FROM:<>")).startswith("250")
    assert (await wire.ask("RCPT TO:<inconnu@ecole.example>")).startswith("550")
    assert (await wire.ask("RCPT TO:<bob@ecole.example>")).startswith("250")
    trusted = await (await start_mx(trusted=True)).greeted()
    await begin(trusted, "ada@ecole.example", "bob@ecole.example", sender="")


async def test_limits_of_a_connection(start_mx: StartMx) -> None:
    mx = await start_mx(messages=2, recipients=2, recipients_per_connection=3)
    wire = await mx.greeted()
    await begin(wire, "a@ecole.example", "b@ecole.example")
    assert (await wire.ask("RCPT TO:<c@ecole.example>")).startswith("452 4.5.3")
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
    await begin(wire, "a@ecole.example")
    assert (await wire.ask("RCPT TO:<b@ecole.example>")).startswith("452 4.5.3")
    await wire.ask("RSET")
    assert (await wire.ask("MAIL FROM:<>")).startswith("421 4.7.0")


async def test_refusals_end_a_connection_unless_messages_come_between(start_mx: StartMx) -> None:
    mx = await start_mx(bad_commands=2)
    wire = await mx.greeted()
    for _ in range(2):
        await wire.ask("MAIL FROM:<>")
        for _ in range(2):
            assert (await wire.ask("RCPT TO:<inconnu@ecole.example>")).startswith("550 5.1.1")
        await wire.ask("RCPT TO:<ada@ecole.example>")
        assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
    await wire.ask("MAIL FROM:<>")
    for _ in range(2):
        await wire.ask("RCPT TO:<inconnu@ecole.example>")
    assert (await wire.ask("RCPT TO:<inconnu@ecole.example>")).startswith("421 4.7.0")
    assert await wire.rest() == ""


@pytest.mark.parametrize("limit", ["connections_per_peer", "connections_per_network", "connection_rate"])
async def test_limits_of_connections(start_mx: StartMx, limit: str) -> None:
    mx = await start_mx(**{limit: 1})
    await mx.greeted()
    assert (await (await mx.connect()).rest()).startswith("421 4.7.0")


async def test_rates_of_messages_and_recipients(start_mx: StartMx) -> None:
    mx = await start_mx(message_rate=2, recipient_rate=1)
    wire = await mx.greeted()
    await begin(wire)
    assert (await wire.ask("RCPT TO:<b@ecole.example>")).startswith("450 4.7.1")
    await wire.ask("RSET")
    again = await mx.greeted()
    assert (await again.ask("MAIL FROM:<>")).startswith("250")
    await again.ask("RSET")
    assert (await again.ask("MAIL FROM:<>")).startswith("450 4.7.1")


async def test_limits_are_lifted_for_networks_that_are_trusted(start_mx: StartMx) -> None:
    mx = await start_mx(
        trusted=True, messages=1, recipients_per_connection=1, connections_per_peer=1, connections_per_network=1,
        connection_rate=1, message_rate=1, recipient_rate=1, bad_commands=1, idle_commands=1,
    )  # fmt: skip
    wires = [await mx.greeted() for _ in range(3)]
    for wire in wires:
        for _ in range(3):
            assert (await wire.ask("RCPT TO:<x>")).startswith("503")
            await begin(wire, "a@ecole.example", "b@ecole.example")
            assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")
    assert (await wires[0].ask("EHLO relay")).startswith("250")
    assert len(mx.box.delivered) == 9


def test_every_limit_is_lifted_or_is_one_that_protects_the_server_itself() -> None:
    """What tells a busy server from an attack does not hold for trusted networks; memory, disk and time are bounded."""
    small = Limits(**dict.fromkeys((one.name for one in fields(Limits)), 1))
    lifted = small.lifted()
    kept = {one.name for one in fields(Limits) if getattr(lifted, one.name) == 1}
    assert kept == {
        "message_size", "spool_memory", "header_size", "hops", "recipients", "connections", "future_release",
        "auth_failures", "auth_delay",
        "handshake_timeout", "sign_in_timeout", "silence_timeout", "transfer_grace", "transfer_rate", "close_timeout",
    }  # fmt: skip


async def test_received_more_often_than_any_way_is_long_is_a_loop(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    looped = b"Received: from a by b; Mon, 7 Sep 2026 08:30:00 +0200\r\n" * 51 + MESSAGE
    assert (await wire.data(looped + b".\r\n")).startswith("554 5.4.6")
    assert mx.box.delivered == []


async def test_a_whole_message_pipelined(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await wire.send(
        b"MAIL FROM:<a@b.example>\r\nRCPT TO:<a@ecole.example>\r\nRCPT TO:<inconnu@ecole.example>\r\nDATA\r\n"
    )
    async with asyncio.timeout(PATIENCE):
        assert [(await wire.reply())[:3] for _ in range(4)] == ["250", "250", "550", "354"]
    await wire.send(MESSAGE + b".\r\nQUIT\r\n")
    assert (await wire.reply()).startswith("250")
    assert (await wire.reply()).startswith("221")


def test_a_rate_begins_anew_with_each_minute_and_forgets_who_it_was() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert [rate.take("a", 2) for _ in range(3)] == [True, True, False]
    assert rate.take("b", 2)
    assert rate.take("a", None)
    now[0] = MINUTE
    assert rate.take("a", 2)


def test_the_units_of_limits() -> None:
    assert peer_key("192.0.2.17") == "192.0.2.17"
    assert network_key("192.0.2.17") == "192.0.2.0"
    assert peer_key("2001:db8:1:2:3::4") == "2001:db8:1:2::"
    assert network_key("2001:db8:1:2:3::4") == "2001:db8:1::"
