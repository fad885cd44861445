"""Floods, slow clients and half-closed sockets: they cost themselves, not the server and not others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from imap.limits import Limits
from tests.imap.conftest import Gateway, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client, eventually

LIMITS = Limits()


async def trickle(client: Client, octets: bytes) -> None:
    """One octet after the other until the server hangs up."""
    try:
        for octet in octets:
            await client.send(bytes([octet]))
            await asyncio.sleep(0.02)
    except ConnectionError:
        pass


async def test_a_slow_stranger_has_no_longer_than_a_silent_one(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, sign_in_timeout=0.4))
    client = await strict.connect()
    await client.line()
    slow = asyncio.ensure_future(trickle(client, b"1 LOGIN " + b"a" * 1_000))
    assert (await client.line()).startswith(b"* BYE [UNAVAILABLE] ")
    await slow


async def test_octets_before_sign_in_have_an_end(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    await client.send((b"1 NOOP " + b" " * 4_000 + b"\r\n") * 17)
    while not (line := await client.line()).startswith(b"* BYE "):
        assert line.startswith(b"1 BAD ")


async def test_a_flood_of_strangers_does_not_keep_people_out(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, strangers=5))
    person = await strict.client()
    flood = [await strict.connect() for _ in range(12)]
    for stranger in flood[:7]:
        assert (await stranger.line()).startswith(b"* OK ")
        assert (await stranger.line()).startswith(b"* BYE [UNAVAILABLE] ")
        assert await stranger.at_end()
    await eventually(lambda: strict.server.connections == 6)
    other = await strict.client()
    for client in (person, other):
        await client.ok("NOOP")
    await other.ok("UNAUTHENTICATE")
    flood += [await strict.connect() for _ in range(6)]
    assert (await other.line()).startswith(b"* BYE [UNAVAILABLE] ")
    await person.ok("NOOP")


async def test_connections_that_never_greet_are_counted_out(strict: Gateway) -> None:
    """A TLS handshake that does not go on."""
    await strict.start(replace(LIMITS, sign_in_timeout=0.3))
    reader, writer = await asyncio.open_connection(*strict.secure)
    writer.write(b"\x16\x03\x01")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_half_closed_in_the_middle_of_a_literal(gateway: Gateway) -> None:
    client = await gateway.connect(secure=False)
    await client.line()
    await client.send(b"1 LOGIN {10+}\r\nada")
    client.writer.write_eof()
    assert await client.at_end()
    await eventually(lambda: not gateway.server.connections)


async def test_half_closed_while_idle_before_sign_in(gateway: Gateway) -> None:
    client = await gateway.connect(secure=False)
    await client.line()
    client.writer.write_eof()
    assert await client.at_end()
    await eventually(lambda: not gateway.server.connections)


@pytest.mark.parametrize(
    "literal",
    [
        b"{}",
        b"{-1}",
        b"{+}",
        b"{1 }",
        b"{ 1}",
        b"{0x10}",
        b"{1+}x",
        b"{1++}",
        b"~{1",
        b"{18446744073709551616}",
    ],
)
async def test_malformed_literals_are_bad(client: Client, literal: bytes) -> None:
    await client.send(b"1 SEARCH SUBJECT " + literal + b"\r\n")
    assert (await client.line()).startswith(b"1 BAD ")
    assert await client.ok("NOOP") == []


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH " + b"NOT " * 5_000 + b"ALL",
        b"SEARCH " + b"(" * 5_000 + b"ALL" + b")" * 5_000,
        b"SEARCH " + b"OR ALL " * 5_000 + b"ALL",
        b"FETCH 1 BODY[" + b"1." * 5_000 + b"1]",
        b"FETCH " + b",".join(b"%d" % number for number in range(1, 9_000)) + b",x FLAGS",
        b"FETCH 1 (" + b"FLAGS " * 5_000 + b"FLAGS)",
        b"LIST (" + b"(" * 5_000 + b' "" *',
        b"STATUS INBOX (" + b"MESSAGES " * 5_000 + b"MESSAGES)",
        b"ID (" + b'"a" "b" ' * 5_000 + b'"a" "b")',
        b"STORE 1 FLAGS (" + b"a " * 5_000 + b"a)",
        b"ENABLE " + b"X " * 5_000 + b"X",
    ],
)
async def test_depth_and_length_have_an_end(client: Client, account: MemoryAccount, command: bytes) -> None:
    account.deliver(message())
    await client.ok("SELECT INBOX")
    assert b" BAD " in (await client.command(command))[-1]
    await client.ok("NOOP")


async def test_a_huge_set_costs_what_the_mailbox_has(client: Client, account: MemoryAccount) -> None:
    for _ in range(3):
        account.deliver(message())
    await client.ok("SELECT INBOX")
    assert await client.ok("UID SEARCH UID 1:4294967295") == [b"* SEARCH 1 2 3"]
    assert len(await client.ok("UID FETCH " + ",".join(["1:4294967295"] * 3_000) + " FLAGS")) == 3
    assert b" BAD " in (await client.command("FETCH 1:4294967295 FLAGS"))[-1]
    assert b" BAD " in (await client.command("FETCH 4294967296 FLAGS"))[-1]
