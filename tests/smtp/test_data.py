"""DATA: one end, no look-alike, dots, sizes, long lines."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.content import DotDecoder
from smtp.limits import Limits
from tests.smtp.conftest import MESSAGE, PATIENCE, USER, Running, Start

SMUGGLED = b"MAIL FROM:<autre@ecole.example>\r\nRCPT TO:<victime@ecole.example>\r\nDATA\r\nfaux\r\n.\r\n"
LOOK_ALIKES = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\rx\r\n",
    b"\n\n.\r\n",
    b"\r\r.\r\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\n.\r\r\n",
    b"\r\n.\n\r\n",
    b"\x85.\r\n",
    b"\xe2\x80\xa8.\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
]


@pytest.mark.parametrize("mark", LOOK_ALIKES)
async def test_a_look_alike_of_the_end_never_splits_a_message(running: Running, mark: bytes) -> None:
    wire = await running.signed_in()
    await wire.begin()
    answer = await wire.data(b"Subject: a\r\n\r\nun" + mark + SMUGGLED)
    strange = mark.replace(b"\r\n", b"").translate(None, b"\x0b\x0c.x\x85\xe2\x80\xa8") != b""
    assert answer.startswith("554 5.6.0" if strange else "250 2.0.0")
    # The stream is in step: the next answer belongs to the next command, and nothing else was delivered.
    assert (await wire.ask("RCPT TO:<a@b>")).startswith("503 5.5.1")
    assert len(running.school.delivered) == (0 if strange else 1)
    assert all(b"faux" in body for body in running.school.bodies)


async def test_a_second_message_behind_a_real_end_is_a_command_of_its_own(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    assert (await wire.data(b"un\r\n.\r\n" + SMUGGLED)).startswith("250 2.0.0")
    assert (await wire.reply()).startswith("550 5.7.1")
    assert running.school.bodies == [b"un\r\n"]


async def test_dots_are_removed(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.data(b"..\r\n.x\r\n...\r\na..b\r\n..\r\n.\r\n")
    assert running.school.bodies == [b".\r\nx\r\n..\r\na..b\r\n.\r\n"]


async def test_an_empty_message(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    assert (await wire.data(b".\r\n")).startswith("250")
    assert running.school.bodies == [b""]


@pytest.mark.parametrize("length", [998, 1_000, 10_000, 1_000_000])
async def test_long_lines_are_kept_as_they_are(running: Running, length: int) -> None:
    wire = await running.signed_in()
    await wire.begin()
    body = b"Subject: a\r\n\r\n" + b"x" * length + b"\r\n"
    assert (await wire.data(body + b".\r\n")).startswith("250")
    assert running.school.bodies == [body]


async def test_a_message_over_the_limit_is_refused_at_its_end_and_the_next_one_passes(start: Start) -> None:
    running = await start(Limits(message_size=1_000, auth_delay=0))
    wire = await running.signed_in()
    await wire.begin()
    assert (await wire.data(b"x" * 999 + b"\r\n.\r\n")).startswith("552 5.3.4")
    await wire.begin()
    assert (await wire.data(b"x" * 998 + b"\r\n.\r\n")).startswith("250")
    assert [len(body) for body in running.school.bodies] == [1_000]


async def test_a_large_message_goes_through_a_file_and_leaves_none(start: Start, tmp_path: Path) -> None:
    running = await start(Limits(spool_memory=10_000), spool=tmp_path)
    wire = await running.signed_in()
    await wire.begin()
    body = b"Subject: a\r\n\r\n" + os.urandom(2_000_000).hex("\n", 38).replace("\n", "\r\n").encode() + b"\r\n"
    assert (await wire.data(body + b".\r\n")).startswith("250")
    assert running.school.bodies == [body]
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_a_temporary_refusal(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await start(Limits(spool_memory=1_000), spool=tmp_path)
    wire = await running.signed_in()
    await wire.begin()

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", full)
        assert (await wire.data(b"x" * 5_000 + b"\r\n.\r\n")).startswith("452 4.3.1")
    await wire.begin()
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250")


async def test_a_message_that_loops_is_refused(running: Running) -> None:
    wire = await running.signed_in()
    for hops, code in ((50, "250 2.0.0"), (51, "554 5.4.6")):
        await wire.begin()
        answer = await wire.data(b"Received: by a; b\r\n" * hops + b"\r\nReceived: x\r\n.\r\n")
        assert answer.startswith(code)


async def test_an_endless_header_is_refused(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    assert (await wire.data(b"X-A: b\r\n" * 50_000 + b"\r\n.\r\n")).startswith("554 5.6.0")


async def test_the_connection_lost_before_the_end_delivers_nothing(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE)
    wire.writer.transport.abort()
    await running.server.stop(grace=5)
    assert running.school.delivered == []


async def test_a_half_closed_client_still_gets_its_answers(running: Running) -> None:
    wire = await running.connect(starttls=True)
    await wire.send(b"EHLO pc\r\nNOOP\r\nNOOP")
    wire.writer.write_eof()
    answers = (await wire.rest()).split("\r\n")
    assert answers[-2:] == ["250 2.0.0 OK", ""]


async def test_a_message_whose_sender_has_left_before_its_turn_is_not_delivered(running: Running) -> None:
    running.school.proceed.clear()
    wire = await running.signed_in()
    await wire.begin()
    await wire.send(b"RCPT TO:<lent@ecole.example>\r\nDATA\r\n" + MESSAGE + b".\r\n")
    wire.writer.close()
    [(task, session)] = running.server._sessions.items()
    await session._gone.wait()
    running.school.proceed.set()
    await asyncio.wait([task], timeout=PATIENCE)
    assert running.school.delivered == []


async def test_a_client_that_leaves_during_delivery_does_not_undo_it(running: Running) -> None:
    running.school.proceed.clear()
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE + b".\r\n")
    await running.school.delivering.wait()
    wire.writer.transport.abort()
    running.school.proceed.set()
    await running.server.stop(grace=5)
    assert running.school.bodies == [MESSAGE]


def clear_text(stream: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 section 4.5.2 word for word: lines end with CRLF, a lone dot ends, a first dot goes."""
    clear: list[bytes] = []
    while True:
        line, end, stream = stream.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return b"".join(clear), stream
        clear.append(line.removeprefix(b".") + end)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\r\n.\r\n"])), st.data())
def test_packet_borders_change_nothing(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts) + b"\r\n.\r\n"
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    decoder = DotDecoder()
    clear = b""
    rest: bytes | None = None
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        piece = stream[start:stop]
        if rest is not None:
            rest += piece
            continue
        more, rest = decoder.feed(piece)
        clear += more
    assert rest is not None
    assert (clear, rest) == clear_text(stream)


async def test_mail_without_end_is_answered_by_size_alone(start: Start) -> None:
    running = await start(Limits(message_size=100_000, auth_delay=0))
    wire = await running.signed_in()
    await wire.begin(mail=f"MAIL FROM:<{USER}> SIZE=10")
    assert (await wire.data(b"x" * 5_000_000 + b"\r\n.\r\n")).startswith("552 5.3.4")
    assert (await wire.ask("NOOP")).startswith("250")
