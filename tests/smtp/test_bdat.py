"""BDAT (RFC 3030 section 2)."""

from __future__ import annotations

import pytest

from smtp.limits import Limits
from tests.smtp.conftest import USER, Running, Start, Wire


async def bdat(wire: Wire, octets: bytes, last: str = "") -> str:
    await wire.send(f"BDAT {len(octets)}{last}\r\n".encode() + octets)
    return await wire.reply()


async def test_chunks_make_one_message_as_it_is(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    assert await bdat(wire, b"Subject: a\r\n\r") == "250 2.0.0 13 octets received"
    assert await bdat(wire, b"\n.\r\n.\r\n", " last") == "250 2.0.0 Accepted as 1"
    assert running.school.bodies == [b"Subject: a\r\n\r\n.\r\n.\r\n"]
    assert (await wire.ask("BDAT 0 LAST")).startswith("503 5.5.1")


async def test_an_empty_last_chunk_ends_the_message(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.send(b"BDAT 6\r\nabcd\r\nBDAT 0 LAST\r\n")
    assert (await wire.reply()).startswith("250 2.0.0 6 octets")
    assert (await wire.reply()).startswith("250 2.0.0 Accepted")
    assert running.school.bodies == [b"abcd\r\n"]


async def test_a_whole_transaction_in_one_pipeline(running: Running) -> None:
    wire = await running.signed_in()
    mail = f"MAIL FROM:<{USER}>\r\nRCPT TO:<a@b.example>\r\nBDAT 3 LAST\r\nx\r\n".encode()
    await wire.send(mail * 3 + b"QUIT\r\n")
    answers = (await wire.rest()).split("\r\n")
    assert [answer[:9] for answer in answers] == ["250 2.1.0", "250 2.1.5", "250 2.0.0"] * 3 + ["221 2.0.0", ""]
    assert running.school.bodies == [b"x\r\n"] * 3


async def test_chunks_without_a_transaction_are_swallowed_never_executed(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    await wire.ask("EHLO pc")
    assert (await bdat(wire, b"QUIT\r\n", " LAST")).startswith("530 5.7.0")
    assert (await wire.ask("NOOP")).startswith("250")
    wire = await running.signed_in()
    assert (await bdat(wire, b"QUIT\r\n", " LAST")).startswith("503 5.5.1")
    assert (await wire.ask("NOOP")).startswith("250")


async def test_reset_between_chunks_drops_them(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await bdat(wire, b"x\r\n")
    assert (await wire.ask("RSET")).startswith("250")
    await wire.begin()
    assert (await bdat(wire, b"y\r\n", " LAST")).startswith("250")
    assert running.school.bodies == [b"y\r\n"]


async def test_data_and_rcpt_do_not_mix_with_chunks(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await bdat(wire, b"x\r\n")
    assert (await wire.ask("DATA")).startswith("503 5.5.1")
    assert (await wire.ask("RCPT TO:<c@b.example>")).startswith("503 5.5.1")


async def test_chunks_over_the_limit_fail_and_the_pipelined_rest_is_swallowed(start: Start) -> None:
    running = await start(Limits(message_size=100, auth_delay=0))
    wire = await running.signed_in()
    await wire.begin()
    await wire.send(b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert (await wire.reply()).startswith("250 2.0.0 60")
    assert (await wire.reply()).startswith("552 5.3.4")
    assert (await wire.reply()).startswith("503 5.5.1")
    assert (await wire.reply()).startswith("250 2.0.0 OK")
    assert running.school.delivered == []
    await wire.begin()


@pytest.mark.parametrize("argument", ["", "x", "-1", "1 LAST LAST", "99999999999999999999", "1 2", "0x10", "٣"])
async def test_a_malformed_bdat_ends_the_connection_before_data_become_commands(
    running: Running, argument: str
) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.send(f"BDAT {argument}\r\nNOOP\r\n".encode())
    answer = await wire.rest()
    assert answer.startswith("501 5.5.4")
    assert "250" not in answer


@pytest.mark.parametrize("chunks", [(b"a\nb\r\n",), (b"a\rb\r\n",), (b"a\r", b"b"), (b"a\r",), (b"a", b"\n"), (b"\0",)])
async def test_line_ends_must_be_whole_across_chunks(running: Running, chunks: tuple[bytes, ...]) -> None:
    wire = await running.signed_in()
    await wire.begin()
    answers = []
    for at, chunk in enumerate(chunks, 1):
        await wire.send(b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" * (at == len(chunks)), chunk))
        answers.append(await wire.reply())
    assert answers[-1].startswith("554 5.6.0")
    assert running.school.delivered == []
    assert (await wire.ask("NOOP")).startswith("250")
