"""Hostile and clumsy clients: they get an error, and the server keeps its life and its memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import pytest

from imap.limits import Limits
from tests.imap.conftest import Gateway, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend, only_count
from tests.imap.wire import Client, eventually

LIMITS = Limits()


async def greeted(gateway: Gateway, *, secure: bool = True) -> Client:
    client = await gateway.connect(secure=secure)
    await client.line()
    return client


async def test_a_huge_literal_before_sign_in_is_refused(gateway: Gateway) -> None:
    client = await greeted(gateway)
    await client.send(b"1 LOGIN {200000000}\r\n")
    assert (await client.line()).startswith(b"1 BAD [TOOBIG] ")
    await client.send(b"2 LOGIN ada {200000000+}\r\n")
    assert (await client.line()).startswith(b"* BYE [TOOBIG] ")
    assert await client.at_end()


async def test_a_refused_literal_is_swallowed_not_executed(gateway: Gateway) -> None:
    client = await greeted(gateway)
    lines = b"x LOGIN ada secret\r\n" * 300
    await client.send(b"1 LOGIN {%d+}\r\n%b secret\r\n2 NOOP\r\n" % (len(lines), lines))
    assert (await client.line()).startswith(b"1 BAD [TOOBIG] ")
    assert await client.line() == b"2 OK NOOP completed"
    assert gateway.backend.peers == []


async def test_a_refused_literal_is_swallowed_after_sign_in(client: Client) -> None:
    lines = b"x LOGOUT\r\n" * 7000
    await client.send(b"1 SEARCH SUBJECT {%d+}\r\n%b TEXT {3+}\r\nabc\r\n2 NOOP\r\n" % (len(lines), lines))
    assert (await client.line()).startswith(b"1 BAD [TOOBIG] ")
    assert await client.line() == b"2 OK NOOP completed"


async def test_an_unreasonable_literal_ends_the_connection(client: Client) -> None:
    await client.send(b"1 APPEND INBOX {99999999999999999999999+}\r\n")
    assert (await client.line()).startswith(b"* BYE [TOOBIG] ")
    assert await client.at_end()


async def test_a_line_too_long(client: Client) -> None:
    await client.send(b"1 SEARCH SUBJECT " + b"a" * 100_000 + b"\r\n2 NOOP\r\n")
    assert (await client.line()).startswith(b"1 BAD [TOOBIG] ")
    assert await client.line() == b"2 OK NOOP completed"
    await client.send(b"3 SEARCH SUBJECT " + b"a" * 100_000 + b" {10+}\r\n4 LOGOUT\r\n\r\n5 NOOP\r\n")
    assert (await client.line()).startswith(b"3 BAD [TOOBIG] ")
    assert await client.line() == b"5 OK NOOP completed"


async def test_a_line_without_end(gateway: Gateway, client: Client) -> None:
    tracemalloc.start()
    with pytest.raises(ConnectionError):  # noqa: PT012 (which write fails is the kernel's affair)
        for _ in range(10_000):
            await client.send(b"a" * 65_536)
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()
    stranger = await greeted(gateway)
    await stranger.send(b"a" * 20_000)
    assert (await stranger.line()).startswith(b"* BYE ")


async def test_bad_commands_and_failed_sign_ins_have_an_end(gateway: Gateway, client: Client) -> None:
    for _ in range(LIMITS.bad_commands - 1):
        assert b" BAD " in (await client.command("NONSENSE"))[-1]
    await client.ok("NOOP")
    for _ in range(LIMITS.bad_commands):
        assert b" BAD " in (await client.command("NONSENSE"))[-1]
    assert (await client.line()).startswith(b"* BYE ")
    assert await client.at_end()
    stranger = await greeted(gateway)
    for _ in range(LIMITS.failed_sign_ins):
        assert b" NO [AUTHENTICATIONFAILED] " in (await stranger.command("LOGIN ada wrong"))[-1]
    assert (await stranger.line()).startswith(b"* BYE ")


async def test_commands_before_sign_in_have_an_end(gateway: Gateway) -> None:
    client = await greeted(gateway)
    for _ in range(LIMITS.commands_before_sign_in):
        await client.ok("NOOP")
    assert (await client.line()).startswith(b"* BYE ")


async def test_who_does_not_sign_in_is_sent_away(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, sign_in_timeout=0.2))
    client = await greeted(strict)
    assert (await client.line()).startswith(b"* BYE ")
    assert await client.at_end()
    challenged = await greeted(strict)
    await challenged.send(b"1 AUTHENTICATE PLAIN\r\n")
    assert await challenged.line() == b"+ "
    assert (await challenged.line()).startswith(b"* BYE ")
    assert await challenged.at_end()


async def test_autologout_also_in_idle(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, autologout=1.0, sign_in_timeout=0.9))
    silent, idle = await strict.client(), await strict.client()
    await idle.send(b"i IDLE\r\n")
    assert await idle.line() == b"+ idling"
    for client in (silent, idle):
        assert (await client.line()).startswith(b"* BYE ")
        assert await client.at_end()


async def test_silence_within_a_literal_is_shorter(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, literal_timeout=0.2))
    client = await strict.client()
    await client.send(b"1 APPEND INBOX {10}\r\n")
    assert await client.line() == b"+ OK"
    assert (await client.line()).startswith(b"* BYE ")


async def test_a_client_that_never_reads_costs_little_and_is_dropped(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, write_timeout=1))
    account = strict.account
    account.deliver(message(body="x" * 4_000_000), mask=1)
    client = await strict.client()
    await client.ok("SELECT INBOX")
    other = await strict.client()
    tracemalloc.start()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await client.send(b"".join(b"%d UID FETCH 1 BODY.PEEK[]\r\n" % number for number in range(20_000)))
    for _ in range(50):
        await other.ok("NOOP")
        await asyncio.sleep(0.02)
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    tracemalloc.stop()
    await eventually(lambda: strict.server.connections == 1)


async def test_a_large_append_takes_no_memory(client: Client, account: MemoryAccount) -> None:
    sizes = only_count(account)
    piece = b"0123456789abcdef" * 4096
    tracemalloc.start()
    await client.send(b"1 APPEND INBOX {%d+}\r\n" % (600 * len(piece)))
    for _ in range(600):
        await client.send(piece)
    await client.send(b"\r\n")
    assert (await client.line()).startswith(b"1 OK ")
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()
    assert sizes == [600 * len(piece)]


async def test_an_idle_client_that_never_reads_is_dropped(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, write_timeout=0.5))
    account = strict.account
    box = account.find("INBOX")
    for _ in range(3000):
        account.deliver(b"a: b\r\n\r\n")
    idle, busy = await strict.client(), await strict.client()
    await idle.ok("SELECT INBOX")
    await busy.ok("SELECT INBOX")
    await idle.send(b"i IDLE\r\n")
    await idle.line()
    idle.writer.transport.pause_reading()  # type: ignore[attr-defined]
    action = "+"
    while strict.server.connections > 1:
        await busy.ok(f"STORE 1:* {action}FLAGS.SILENT (\\Flagged)")
        action = "-" if action == "+" else "+"
    assert len(box.messages) == 3000


async def test_a_half_closed_connection_still_gets_its_answers(gateway: Gateway) -> None:
    client = await greeted(gateway, secure=False)
    await client.send(b"1 CAPABILITY\r\n2 NOOP\r\n3 NOOP\r\n")
    client.writer.write_eof()
    assert (await client.until("3"))[-1] == b"3 OK NOOP completed"
    assert await client.at_end()


async def test_connections_that_vanish_leave_nothing_behind(gateway: Gateway, account: MemoryAccount) -> None:
    clients = [await gateway.client() for _ in range(5)]
    for client in clients:
        await client.ok("SELECT INBOX")
    await clients[0].send(b"i IDLE\r\n")
    await clients[1].send(b"1 APPEND INBOX {100000+}\r\n" + b"a" * 5000)
    for client in clients:
        await client.close()
    await eventually(lambda: not gateway.server.connections and not account.watchers)
    assert not account.find("INBOX").messages


async def test_stop_says_bye_and_lets_commands_finish(tls: Tls) -> None:
    gateway = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret")), tls)
    await gateway.start()
    idle, busy = await gateway.client(), await gateway.client()
    await idle.ok("SELECT INBOX")
    await idle.send(b"i IDLE\r\n")
    await idle.line()
    begun, release = asyncio.Event(), asyncio.Event()
    create = gateway.account.create

    async def slow_create(name: str, special_use: str | None = None) -> object:
        begun.set()
        await release.wait()
        return await create(name, special_use)

    gateway.account.create = slow_create  # type: ignore[method-assign,assignment]
    await busy.send(b"c CREATE New\r\n")
    await begun.wait()
    stopping = asyncio.ensure_future(gateway.server.stop(grace=5))
    assert await idle.line() == b"* BYE Server shutting down"
    release.set()
    assert await busy.line() == b"c OK [MAILBOXID (M1-7)] CREATE completed"
    assert await busy.line() == b"* BYE Server shutting down"
    await stopping
    assert gateway.account.find("New")
    await gateway.stop()
