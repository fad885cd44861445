"""Clients that flood, trickle, stay silent or never read cost an error, never the server's life or memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from smtp.limits import Limits
from smtp.server import peer_key
from tests.smtp.conftest import MESSAGE, PLAIN, Start, Wire

MEBIBYTE = 1 << 20


@pytest.fixture
async def process(certificate: Path) -> AsyncIterator[tuple[psutil.Process, int]]:
    """A submission server in a process of its own, and its TLS port."""
    command = [sys.executable, "-m", "tests.smtp.serve", str(certificate)]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    ready = json.loads(await child.stdout.readline())
    yield psutil.Process(child.pid), ready["port"]
    child.stdin.close()
    await child.wait()


@contextlib.asynccontextmanager
async def trickle(wire: Wire) -> AsyncIterator[None]:
    """An octet now and then, none of them a line end, as long as the server takes them."""

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await wire.send(b"N")
                await asyncio.sleep(0.01)

    sending = asyncio.create_task(send())
    yield
    sending.cancel()


async def test_a_message_without_a_line_end_costs_no_memory(
    process: tuple[psutil.Process, int], client_tls: ssl.SSLContext
) -> None:
    server, port = process
    wire = Wire(*await asyncio.open_connection("127.0.0.1", port, ssl=client_tls))
    await wire.sign_in()
    await wire.begin()
    await wire.ask("DATA")
    before = server.memory_info().rss
    block = b"x" * MEBIBYTE
    most = 0
    for _ in range(256):
        await wire.send(block)
        most = max(most, server.memory_info().rss)
    await wire.send(b"\r\n.\r\n")
    assert (await wire.reply()).startswith("552 5.3.4")
    assert most - before < 8 * MEBIBYTE
    assert (await wire.ask("NOOP")).startswith("250")
    wire.writer.transport.abort()


async def test_a_command_without_a_line_end_costs_no_memory(
    process: tuple[psutil.Process, int], client_tls: ssl.SSLContext
) -> None:
    server, port = process
    wire = Wire(*await asyncio.open_connection("127.0.0.1", port, ssl=client_tls))
    await wire.reply()
    before = server.memory_info().rss
    block = b"x" * MEBIBYTE
    for _ in range(256):
        await wire.send(block)
    assert server.memory_info().rss - before < 8 * MEBIBYTE
    assert (await wire.ask("")).startswith("500 5.5.2")
    assert (await wire.ask("NOOP")).startswith("250")
    wire.writer.transport.abort()


async def test_a_client_that_never_reads_costs_no_memory_and_is_cut_off(start: Start) -> None:
    running = await start(Limits(silence_timeout=0.3, idle_commands=10_000_000, close_timeout=0.1))
    wire = await running.connect()
    await wire.reply()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    with contextlib.suppress(ConnectionError):
        for _ in range(2_000):
            await wire.send(b"NOOP\r\n" * 10_000)
    assert all(len(session._out) < 100_000 for session in running.server._sessions.values())
    await running.server.stop(grace=5)


@pytest.mark.parametrize("command", [b"EHLO pc\n", b"NOOP\nNOOP\r\n", b"\n", b"x\r\r\n\n"])
async def test_a_bare_line_feed_in_a_command_ends_the_connection(start: Start, command: bytes) -> None:
    running = await start()
    wire = await running.connect()
    await wire.reply()
    await wire.send(command)
    assert (await wire.rest()).splitlines()[-1] == "500 5.5.2 Lines must end with CR LF"


@pytest.mark.parametrize(
    "command", [b"NOOP\0", b"NO\rOP", b"NOOP \x7f", b"EHLO a\x0bb", b"NOOP \xff\xfe", b"NOOP \xc2\x85"]
)
async def test_control_characters_in_commands_are_refused(start: Start, command: bytes) -> None:
    running = await start()
    wire = await running.connect()
    await wire.reply()
    assert (await wire.ask(command)).startswith("500 5.5.2")
    assert (await wire.ask("NOOP")).startswith("250")


async def test_silence_between_commands_ends_the_connection_however_the_line_trickles(start: Start) -> None:
    running = await start(Limits(silence_timeout=0.2))
    wire = await running.connect()
    await wire.reply()
    async with trickle(wire):
        assert (await wire.rest()).startswith("421 4.4.2")


async def test_a_slow_upload_lives_longer_than_any_silence(start: Start) -> None:
    running = await start(Limits(silence_timeout=0.2, transfer_grace=10, auth_delay=0))
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    for at in range(10):
        await wire.send(MESSAGE[at : at + 1])
        await asyncio.sleep(0.05)
    await wire.send(MESSAGE[10:] + b".\r\n")
    assert (await wire.reply()).startswith("250 2.0.0")
    assert running.school.bodies == [MESSAGE]


async def test_silence_during_data_ends_the_connection(start: Start) -> None:
    running = await start(Limits(silence_timeout=0.1))
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE)
    assert (await wire.rest()).startswith("421 4.4.2")
    assert running.school.delivered == []


@pytest.mark.parametrize("begin", [b"DATA\r\n", b"BDAT 1000000\r\n"])
async def test_a_trickle_of_data_ends_the_connection(start: Start, begin: bytes) -> None:
    running = await start(Limits(transfer_grace=0.2, transfer_rate=10_000, auth_delay=0))
    wire = await running.signed_in()
    await wire.begin()
    await wire.send(begin)
    async with trickle(wire):
        assert "421 4.4.2" in await wire.rest()
    assert running.school.delivered == []


async def test_connections_are_limited_in_all_and_per_peer(start: Start) -> None:
    for limits, reply in ((Limits(connections=2), "421 4.3.2"), (Limits(connections_per_peer=2), "421 4.7.0")):
        running = await start(limits)
        kept = [await running.connect() for _ in range(2)]
        for wire in kept:
            assert (await wire.reply()).startswith("220")
        refused = await running.connect()
        assert (await refused.rest()).startswith(reply)
        await kept[0].ask("QUIT")
        assert await kept[0].rest() == ""
        kept[0].writer.close()
        while running.server.connections >= 2:
            await asyncio.wait(running.server._sessions, return_when=asyncio.FIRST_COMPLETED)
        assert (await (await running.connect()).reply()).startswith("220")


async def test_handshakes_count_as_connections(start: Start) -> None:
    running = await start(Limits(connections_per_peer=2))
    for _ in range(2):
        _, writer = await asyncio.open_connection("127.0.0.1", running.tls_port)
        running.clients.append(writer)
    assert (await (await running.connect()).reply()).startswith("421 4.7.0")


def test_one_ipv6_subscriber_is_one_peer() -> None:
    assert peer_key("2001:db8:1:2:3::4") == peer_key("2001:db8:1:2::ffff") != peer_key("2001:db8:1:3::4")
    assert peer_key("fe80::1%eth0") == "fe80::"
    assert peer_key("192.0.2.1") != peer_key("192.0.2.2")


async def test_garbage_of_every_kind_leaves_the_server_alive(start: Start) -> None:
    running = await start()
    garbage = [bytes(range(256)) * 50, b"\r\n" * 500, b"AUTH PLAIN " + b"=" * 500 + b"\r\n", b"\x16\x03\x01" * 1_000]
    for octets in garbage:
        wire = await running.connect()
        with contextlib.suppress(ConnectionError):
            await wire.send(octets)
            wire.writer.transport.abort()
    wire = await running.connect()
    await wire.reply()
    await wire.ask("EHLO pc")
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("235")
