"""Implicit TLS and STARTTLS (RFC 8314, RFC 3207): nothing crosses the border between plain and encrypted."""

from __future__ import annotations

import asyncio

from smtp.limits import Limits
from tests.smtp.conftest import MESSAGE, PLAIN, Running, Start, Wire


async def upgrade(running: Running, wire: Wire) -> Wire:
    """Start TLS on the client's side of a plain connection."""
    transport = wire.writer.transport
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    upgraded = await loop.start_tls(transport, protocol, running.client_tls, server_hostname="localhost")
    assert upgraded is not None
    protocol.connection_made(upgraded)
    running.clients.append(asyncio.StreamWriter(upgraded, protocol, reader, loop))
    return Wire(reader, running.clients[-1])


async def test_starttls_leads_to_sign_in_and_delivery(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.reply()
    offered = await wire.ask("EHLO pc")
    assert "STARTTLS" in offered
    assert "AUTH" not in offered
    assert (await wire.ask("STARTTLS")).startswith("220 2.0.0")
    wire = await upgrade(running, wire)
    offered = await wire.ask("EHLO pc")
    assert "STARTTLS" not in offered
    assert "AUTH PLAIN LOGIN" in offered
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("235")
    await wire.begin()
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250 2.0.0")
    assert running.school.delivered[0][0].peer.tls.startswith("TLSv1.3")


async def test_before_tls_little_is_answered(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.reply()
    await wire.ask("EHLO pc")
    for command in ("AUTH PLAIN AAAA", "MAIL FROM:<a@b>", "HELO pc", "DATA", "RSET", "VRFY x", "BDAT 0 LAST"):
        assert (await wire.ask(command)).startswith("530 5.7.0")
    assert (await wire.ask("NOOP")).startswith("250")
    assert (await wire.ask("STARTTLS now")).startswith("501 5.5.4")
    assert (await wire.ask("QUIT")).startswith("221")


async def test_starttls_inside_tls_is_refused(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    await wire.ask("EHLO pc")
    assert (await wire.ask("STARTTLS")).startswith("503 5.5.1")
    assert (await wire.ask("NOOP")).startswith("250")


async def test_what_is_pipelined_behind_starttls_is_never_executed(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.reply()
    await wire.ask("EHLO pc")
    await wire.send(b"STARTTLS\r\nEHLO injected\r\nNOOP\r\n")
    assert (await wire.reply()).startswith("220")
    wire = await upgrade(running, wire)
    assert (await wire.ask("MAIL FROM:<a@b>")).startswith("503 5.5.1")
    assert (await wire.ask("QUIT")).startswith("221")
    assert await wire.rest() == ""


async def test_half_a_command_before_tls_does_not_join_one_inside(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.reply()
    await wire.ask("EHLO pc")
    await wire.send(b"STARTTLS\r\nNOOP ")
    await wire.reply()
    wire = await upgrade(running, wire)
    assert (await wire.ask("EHLO pc")).startswith("250-")


async def test_what_was_said_before_tls_is_forgotten(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.reply()
    await wire.ask("EHLO pc")
    await wire.ask("STARTTLS")
    wire = await upgrade(running, wire)
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("503 5.5.1")


async def test_plain_text_on_the_tls_port_gets_no_service(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.tls_port)
    running.clients.append(writer)
    writer.write(b"EHLO pc\r\n" * 10)
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    assert b"250" not in answer


async def test_a_handshake_that_never_comes_ends(start: Start) -> None:
    running = await start(Limits(handshake_timeout=0.1))
    reader, writer = await asyncio.open_connection("127.0.0.1", running.tls_port)
    running.clients.append(writer)
    assert await reader.read() == b""
