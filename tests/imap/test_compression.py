"""COMPRESS=DEFLATE (RFC 4978) on the wire, and what hostile streams cost."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.backend import Appended, Change, MailboxRef, NewMessage
from imap.compression import Compression, CompressionError
from imap.features import Features
from imap.limits import Limits
from imap.server import ImapServer
from tests.imap.compressed import CompressedClient
from tests.imap.conftest import Gateway, listening, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


@pytest.fixture
async def packed(client: Client) -> AsyncIterator[CompressedClient]:
    """A signed-in client that has not asked for compression yet."""
    compressed = CompressedClient.of(client)
    yield compressed
    await compressed.close()


async def test_commands_and_answers_are_compressed(packed: CompressedClient, account: MemoryAccount) -> None:
    for number in range(300):
        account.deliver(message(f"Meeting {number}"))
    await packed.start()
    assert (await packed.ok("SELECT INBOX"))[0].startswith(b"* ")
    lines = await packed.ok("FETCH 1:* (UID FLAGS ENVELOPE)")
    assert len(lines) == 300
    assert packed.received * 5 < sum(map(len, lines))
    assert not packed.inflate.eof


async def test_it_is_offered_after_sign_in_and_only_once(gateway: Gateway) -> None:
    stranger = await gateway.connect()
    assert b"COMPRESS" not in await stranger.line()
    assert (await stranger.command("COMPRESS DEFLATE"))[-1] == b"t1 BAD Sign in first"
    client = CompressedClient.of(await gateway.client())
    assert b" COMPRESS=DEFLATE" in (await client.ok("CAPABILITY"))[0]
    assert b" BAD " in (await client.command("COMPRESS LZ4"))[-1]
    assert b" BAD " in (await client.command("COMPRESS"))[-1]
    assert b" BAD " in (await client.command("COMPRESS DEFLATE now"))[-1]
    await client.ok("compress deflate")
    client.begin()
    assert b" BAD [COMPRESSIONACTIVE] " in (await client.command("COMPRESS DEFLATE"))[-1]
    await client.ok("NOOP")


async def test_a_server_may_not_offer_it(gateway: Gateway) -> None:
    features = Features(compress=False, unauthenticate=False)
    server = ImapServer(gateway.backend, ssl_context=gateway.tls.server, features=features)
    await server.start([listening()])
    async with await Client.connect(server.addresses[0], gateway.tls.client) as client:
        await client.sign_in()
        announced = (await client.ok("CAPABILITY"))[0]
        assert b"COMPRESS" not in announced
        assert b"UNAUTHENTICATE" not in announced
        assert b" BAD Unknown command" in (await client.command("COMPRESS DEFLATE"))[-1]
        assert b" BAD Unknown command" in (await client.command("UNAUTHENTICATE"))[-1]
        await client.ok("NOOP")
    await server.stop()


async def test_what_is_sent_with_the_command_is_compressed_already(packed: CompressedClient) -> None:
    commands = b'b NOOP\r\nc LIST "" *\r\n'
    await packed.send_raw(b"a COMPRESS DEFLATE\r\n" + packed.packed(commands))
    assert await packed.line() == b"a OK DEFLATE active"
    packed.begin()
    assert await packed.line() == b"b OK NOOP completed"
    assert (await packed.until("c"))[-1] == b"c OK LIST completed"


async def test_many_commands_at_once(packed: CompressedClient) -> None:
    await packed.start()
    await packed.send(b"".join(b"n%d NOOP\r\n" % number for number in range(5_000)))
    for number in range(5_000):
        assert await packed.line() == b"n%d OK NOOP completed" % number


async def test_news_in_idle(packed: CompressedClient, account: MemoryAccount) -> None:
    await packed.start()
    await packed.ok("SELECT INBOX")
    await packed.send(b"i IDLE\r\n")
    assert await packed.line() == b"+ idling"
    for number in range(1, 4):
        account.deliver(message(f"News {number}"))
        while not (await packed.line()).startswith(b"* %d EXISTS" % number):
            pass
    await packed.send(b"DONE\r\n")
    assert (await packed.until("i"))[-1] == b"i OK IDLE completed"


@pytest.mark.parametrize(
    "body", [b"A line of text that is said again.\r\n" * 100_000, os.urandom(3_000_000).hex().encode()]
)
async def test_large_messages_both_ways(packed: CompressedClient, account: MemoryAccount, body: bytes) -> None:
    await packed.start()
    content = b"Subject: large\r\n\r\n" + body
    assert b"OK [APPENDUID" in await packed.append("INBOX", content)
    assert account.find("INBOX").messages[1].content == content
    await packed.ok("SELECT INBOX")
    (answer,) = await packed.ok("FETCH 1 BODY.PEEK[]")
    assert content in answer


async def test_a_bomb_is_taken_in_pieces(gateway: Gateway, packed: CompressedClient) -> None:
    await packed.start()
    bomb = zlib.compressobj(9, wbits=-15)
    piece = bytes(1024 * 1024)
    octets = b"".join(bomb.compress(piece) for _ in range(200)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    assert len(octets) < 300_000
    tracemalloc.start()
    await packed.send_raw(octets)
    assert (await packed.line()).startswith(b"* BYE [TOOBIG] ")
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()
    await (await gateway.client()).ok("NOOP")


async def test_a_bomb_in_a_literal_goes_to_disk(
    gateway: Gateway, packed: CompressedClient, account: MemoryAccount
) -> None:
    sizes: list[int] = []

    async def count(_target: str, messages: Sequence[NewMessage]) -> Appended:
        sizes.extend(one.content.seek(0, os.SEEK_END) for one in messages)
        return Appended(MailboxRef(1, 1), 1, [Change(1, 0, 1)], ())

    account.append = count  # type: ignore[method-assign,assignment]
    await packed.start()
    size = 40 * 1024 * 1024
    octets = packed.packed(b"a APPEND INBOX {%d+}\r\n" % size + bytes(size) + b"\r\n")
    tracemalloc.start()
    await packed.send_raw(octets)
    await (await gateway.client()).ok("NOOP")
    assert b"a OK " in (await packed.until("a"))[-1]
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()
    assert sizes == [size]


async def test_what_is_not_compressed_ends_the_connection(packed: CompressedClient) -> None:
    await packed.start()
    await packed.send_raw(b"a NOOP\r\n")
    assert await packed.line() == b"* BYE What you send is not compressed"
    assert await packed.at_end()


async def test_a_client_may_not_end_its_stream(packed: CompressedClient) -> None:
    await packed.start()
    await packed.send_raw(packed.deflate.compress(b"a NOOP\r\n") + packed.deflate.flush(zlib.Z_FINISH))
    assert await packed.line() == b"a OK NOOP completed"
    await packed.send_raw(b"b NOOP\r\n")
    assert await packed.line() == b"* BYE What you send is not compressed"


PIECES = st.lists(st.binary(max_size=300) | st.just(200_000).map(bytes), max_size=8)


@given(PIECES, st.integers(1, 5_000))
def test_any_stream_comes_out_as_it_went_in(pieces: list[bytes], cut: int) -> None:
    client = zlib.compressobj(wbits=-15)
    wire = b"".join(client.compress(piece) + client.flush(zlib.Z_SYNC_FLUSH) for piece in pieces)
    compression = Compression()
    received = b""
    for start in range(0, len(wire), cut):
        compression.receive(wire[start : start + cut])
        while compression.waiting:
            compression.go_on()
            piece = compression.decompress()
            assert len(piece) <= 65_536
            received += piece
    assert received == b"".join(pieces)


@given(PIECES, st.sets(st.integers(0, 7)))
def test_any_answer_reaches_the_client_whole(pieces: list[bytes], rests: set[int]) -> None:
    compression = Compression()
    client = zlib.decompressobj(-15)
    for number, piece in enumerate(pieces):
        assert client.decompress(compression.compress(piece) + compression.flush()) == piece
        if number in rests:
            compression.rest()
    compression.compress(b"")
    client.decompress(compression.finish())
    assert client.eof


@given(st.binary(max_size=2_000))
def test_any_input_is_an_error_or_octets(data: bytes) -> None:
    compression = Compression()
    compression.receive(data)
    try:
        while compression.waiting and not compression.at_end:
            compression.decompress()
    except CompressionError:
        pass


def test_limits_hold_for_what_is_decompressed() -> None:
    """The largest piece fits into what a connection may hold."""
    assert Limits().backlog >= 65_536
