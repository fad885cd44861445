"""UNAUTHENTICATE (RFC 8437): nothing of one person stays for the next."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from imap.limits import Limits
from tests.imap.compressed import CompressedClient
from tests.imap.conftest import Gateway, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend, plain_response
from tests.imap.wire import Client, eventually

LIMITS = Limits()


@pytest.fixture
async def strict(tls: Tls) -> AsyncIterator[Gateway]:
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret"), MemoryAccount(2, "bob", "secret")), tls)
    yield running
    await running.stop()


async def test_the_next_person_begins_anew(gateway: Gateway, client: Client, account: MemoryAccount) -> None:
    account.deliver(message())
    await client.ok("ENABLE QRESYNC IMAP4rev2")
    await client.ok("SELECT INBOX")
    await client.ok("SEARCH RETURN (SAVE) ALL")
    assert await client.ok("UNAUTHENTICATE") == []
    await eventually(lambda: not account.watchers)
    assert (await client.command("SELECT INBOX"))[-1].endswith(b" BAD Sign in first")
    announced = (await client.ok("CAPABILITY"))[0]
    assert b" AUTH=PLAIN" in announced
    assert b" IDLE" not in announced
    await client.ok(f"AUTHENTICATE PLAIN {plain_response('bob', 'secret')}")
    assert b"* 0 EXISTS" in await client.ok("SELECT INBOX")
    assert b"* SEARCH" in await client.ok("SEARCH ALL")  # no ESEARCH: IMAP4rev2 is off
    gateway.backend.accounts["bob"].deliver(message())
    assert b"MODSEQ" not in b"".join(await client.ok("NOOP"))
    assert b"MODSEQ" not in b"".join(await client.ok("STORE 1 +FLAGS (\\Seen)"))


async def test_nothing_is_expunged(client: Client, account: MemoryAccount) -> None:
    account.deliver(message())
    await client.ok("SELECT INBOX")
    await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await client.ok("UNAUTHENTICATE") == []
    assert len(account.find("INBOX").messages) == 1


async def test_it_is_for_those_who_signed_in(gateway: Gateway) -> None:
    client = await gateway.connect()
    assert b"UNAUTHENTICATE" not in await client.line()
    assert (await client.command("UNAUTHENTICATE"))[-1] == b"t1 BAD Sign in first"
    assert b" BAD " in (await (await gateway.client()).command("UNAUTHENTICATE now"))[-1]


async def test_pipelined_with_the_next_sign_in(client: Client) -> None:
    await client.send(
        f"a UNAUTHENTICATE\r\nb AUTHENTICATE PLAIN {plain_response('bob', 'secret')}\r\nc NOOP\r\n".encode()
    )
    assert await client.line() == b"a OK Signed out"
    assert (await client.line()).startswith(b"b OK ")
    assert await client.line() == b"c OK NOOP completed"


@pytest.mark.parametrize("how", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("together", [True, False])
async def test_compression_ends_with_it(client: Client, how: int, together: bool) -> None:  # noqa: FBT001
    packed = await CompressedClient.of(client).start()
    last = packed.deflate.compress(b"a NOOP\r\nb UNAUTHENTICATE\r\n") + packed.deflate.flush(how)
    next_one = f"c AUTHENTICATE PLAIN {plain_response('bob', 'secret')}\r\nd COMPRESS DEFLATE\r\n".encode()
    await packed.send_raw(last + next_one if together else last)
    assert await packed.line() == b"a OK NOOP completed"
    assert await packed.line() == b"b OK Signed out"
    if not together:
        await packed.send_raw(next_one)
    assert (await packed.line()).startswith(b"c OK ")
    assert packed.inflate.eof
    assert await packed.line() == b"d OK DEFLATE active"


async def test_a_message_may_speak_of_it(client: Client, account: MemoryAccount) -> None:
    packed = await CompressedClient.of(client).start()
    text = b"Subject: no command\r\n\r\na UNAUTHENTICATE\r\n"
    await packed.send(b"a APPEND INBOX {%d+}\r\n" % (len(text) * 3) + text)
    await packed.send(text)
    await packed.send(text + b"\r\nb NOOP\r\n")
    assert b"a OK [APPENDUID" in await packed.line()
    assert await packed.line() == b"b OK NOOP completed"
    assert account.find("INBOX").messages[1].content == text * 3


async def test_limits_before_sign_in_hold_again(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, commands_before_sign_in=5))
    client = await strict.client()
    for _ in range(20):
        await client.ok("NOOP")
    await client.ok("UNAUTHENTICATE")
    await client.send(b"x LOGIN {5000+}\r\n" + b"x" * 5000 + b"\r\n")
    assert (await client.line()).startswith(b"x BAD [TOOBIG] ")
    for _ in range(3):
        await client.ok("NOOP")
    assert (await client.line()).startswith(b"* BYE Too many commands")


async def test_who_signs_out_has_to_sign_in_again_in_time(strict: Gateway) -> None:
    await strict.start(replace(LIMITS, sign_in_timeout=0.3))
    client = await strict.client()
    await client.ok("UNAUTHENTICATE")
    assert (await client.line()).startswith(b"* BYE ")


async def test_failed_sign_ins_are_counted_on(gateway: Gateway) -> None:
    client = await gateway.connect()
    await client.line()
    for _ in range(LIMITS.failed_sign_ins - 1):
        assert b" NO " in (await client.command("LOGIN bob wrong"))[-1]
    await client.ok("LOGIN ada secret")
    await client.ok("UNAUTHENTICATE")
    assert b" NO " in (await client.command("LOGIN bob wrong"))[-1]
    assert (await client.line()).startswith(b"* BYE ")
