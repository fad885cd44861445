"""Servers that mean harm, at the MX: nothing is smuggled, injected, delivered twice or in part, whatever it costs them.

The faults of aiosmtpd 1.4.6, on which the sessions stand, each have a test here.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

import pytest

from smtp.mx import MxServer
from tests.smtp.conftest import MESSAGE, PATIENCE
from tests.smtp.test_mx import SMUGGLED, StartMx, begin, start_mx

__all__ = ["start_mx"]

HELLO = "EHLO relay.elsewhere.example"
BREAKS = (b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\n", b"\r\0\n", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8")
DOTS = (b".", b"\0.", b".\0", b"\t.", b". ", b"..", b"\x2e\x08.")


def look_alikes() -> Iterator[bytes]:
    """What somebody may take for the end of data, and is not: a break, a dot, a break, each in all its forms."""
    for before, dot, after in itertools.product(BREAKS, DOTS, BREAKS):
        mark = before + dot + after
        if b"\r\n.\r\n" not in b"\r\n" + MESSAGE + mark:
            yield mark


def is_clean(octets: bytes) -> bool:
    """Whether a message has neither a bare CR or LF nor a NUL."""
    rest = octets.replace(b"\r\n", b"")
    return not any(octet in rest for octet in (b"\r", b"\n", b"\0"))


@pytest.mark.parametrize("verb", ["DATA", "BDAT"])
async def test_no_look_alike_of_the_end_splits_a_message(start_mx: StartMx, verb: str) -> None:
    """Each is one message with one answer: taken whole where all its lines end well, else refused whole."""
    mx = await start_mx(bad_commands=10_000, messages=10_000)
    wire = await mx.greeted()
    taken = 0
    for mark in look_alikes():
        content = MESSAGE[:-2] + mark + SMUGGLED.removesuffix(b".\r\n")
        await begin(wire)
        if verb == "DATA":
            answer = await wire.data(content + b".\r\n")
        else:
            await wire.send(b"BDAT %d LAST\r\n%b" % (len(content), content))
            answer = await wire.reply()
        taken += is_clean(content)
        assert answer[:9] == ("250 2.0.0" if is_clean(content) else "554 5.6.0"), mark
        assert len(mx.box.delivered) == taken, mark
        # In step: had anything of it been read as commands, their answers would come first.
        assert (await wire.ask("NOOP")) == "250 2.0.0 OK", mark
    assert taken > 50
    assert all(envelope.mail_from == "ami@elsewhere.example" for envelope, _ in mx.box.delivered)


async def test_the_octets_of_a_chunk_are_never_commands_nor_an_end(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    content = MESSAGE + b".\r\n" + SMUGGLED
    await wire.send(b"BDAT %d LAST\r\n%bNOOP\r\n" % (len(content), content))
    assert (await wire.reply()).startswith("250 2.0.0 Delivered")
    assert (await wire.reply()) == "250 2.0.0 OK"
    assert [body for _, body in mx.box.delivered] == [content]


async def test_a_chunk_whose_size_lies_makes_no_message_of_the_rest(start_mx: StartMx) -> None:
    """Too short: what is left over is read as commands, all of them refused; too long: it waits, and nothing comes."""
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(b"BDAT 10 LAST\r\n" + MESSAGE)
    assert (await wire.reply())[:3] == "250"
    assert (await wire.reply())[:3] == "500"
    other = await mx.greeted()
    await begin(other)
    await other.send(b"BDAT 1000 LAST\r\n" + MESSAGE + b".\r\nQUIT\r\n")
    other.writer.write_eof()
    assert await other.rest() == ""
    assert [body for _, body in mx.box.delivered] == [MESSAGE[:10] + b"\r\n\r\n"]


@pytest.mark.parametrize(
    "injected",
    [
        b"STARTTLS\r\nMAIL FROM:<m@x.example>\r\nRCPT TO:<ada@ecole.example>\r\nDATA\r\nx\r\n.\r\n",
        b"STARTTLS\r\nEHLO x.example\r\nMAIL FROM:<m@x.example>\r\n",
        b"STARTTLS\r\nRCPT TO:<ada@ecole.example>\r\n",
        b"STARTTLS\r\nBDAT 5 LAST\r\nx\r\n\r\n",
        b"STARTTLS\r\nSTARTTLS\r\n",
        b"STARTTLS\r\nMAIL FR",
    ],
)
async def test_nothing_behind_starttls_is_executed(start_mx: StartMx, injected: bytes) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await wire.send(injected)
    assert (await wire.reply()).startswith("220 2.0.0")
    wire = await mx.secured(wire)
    assert (await wire.ask("DATA")).startswith("503 5.5.1 Say EHLO first")
    assert (await wire.ask(HELLO)).startswith("250")
    assert (await wire.ask("RCPT TO:<ada@ecole.example>")).startswith("503 5.5.1 Say MAIL first")
    assert (await wire.ask("STARTTLS")).startswith("503 5.5.1")
    assert mx.box.delivered == []


BAD_LINES = [b"EHLO a\rReceived: x", b"EHLO a\0.example", b"EHLO \xff.example", b"EHLO a\x0b.example", b"EHLO a b"]
BAD_PATHS = [b"<a\r@x.example>", b"<a\0@x.example>", b"<\xff@x.example>", b"<a\n@x.example>", b"<a\tb@x.example>"]


@pytest.mark.parametrize("line", [*BAD_LINES, *(b"MAIL FROM:" + path for path in BAD_PATHS)])
async def test_control_characters_inject_nothing(start_mx: StartMx, line: bytes) -> None:
    mx = await start_mx()
    wire = await mx.connect()
    await wire.reply()
    if not line.startswith(b"EHLO"):
        await wire.ask(HELLO)
    answer = await wire.ask(line)
    assert answer[:4] in {"500 ", "501 "}
    if b"\n" in line:
        assert answer == "500 5.5.2 Lines must end with CR LF"
        assert await wire.rest() == ""


@pytest.mark.parametrize(
    "ended",
    [
        b"DATA\r\n" + MESSAGE,
        b"DATA\r\n" + MESSAGE + b".",
        b"DATA\r\n" + MESSAGE + b".\r",
        b"DATA\r\n" + MESSAGE[:-2] + b"\n.\r\n",
        b"BDAT 1000\r\n" + MESSAGE,
        b"BDAT %d\r\n" % len(MESSAGE) + MESSAGE,
        b"BDAT %d LAST\r\n" % (len(MESSAGE) + 1) + MESSAGE,
        b"BDAT 10\r\n" + MESSAGE[:10] + b"BDAT 10 LA",
    ],
)
@pytest.mark.parametrize("how", ["half", "abort"])
async def test_a_message_that_is_cut_off_is_delivered_nowhere(start_mx: StartMx, ended: bytes, how: str) -> None:
    """Also where the other side only ends its half of the connection, and would hear our answer."""
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(ended)
    if how == "half":
        wire.writer.write_eof()
        assert "250 2.0.0 Delivered" not in await wire.rest()
    else:
        wire.writer.close()
        await _ended(mx.server)
    assert mx.box.delivered == []


async def test_a_whole_message_from_a_half_closed_connection_is_delivered_and_answered_once(start_mx: StartMx) -> None:
    mx = await start_mx()
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(b"DATA\r\n" + MESSAGE + b".\r\nQUIT\r\n")
    wire.writer.write_eof()
    assert [line[:9] for line in (await wire.rest()).splitlines()] == ["354 End t", "250 2.0.0", "221 2.0.0"]
    assert [body for _, body in mx.box.delivered] == [MESSAGE]


async def _ended(server: MxServer) -> None:
    while server.connections:
        await asyncio.wait(server._sessions, return_when=asyncio.FIRST_COMPLETED)


@pytest.mark.parametrize("begun", [b"", b"NO", b"DATA\r\nFrom: a", b"BDAT 99999\r\nFrom: a"])
async def test_silence_ends_a_connection(start_mx: StartMx, begun: bytes) -> None:
    mx = await start_mx(silence_timeout=0.2)
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(begun)
    assert "421 4.4.2" in await wire.rest()
    assert mx.box.delivered == []


@pytest.mark.parametrize("begun", [b"", b"DATA\r\n", b"BDAT 99999999\r\n"])
async def test_an_octet_now_and_then_ends_it_too(start_mx: StartMx, begun: bytes) -> None:
    """A command must end in its time, and a message come at its rate, whatever trickles in between."""
    mx = await start_mx(silence_timeout=0.3, transfer_grace=0.3, transfer_rate=10_000)
    wire = await mx.greeted()
    await begin(wire)
    await wire.send(begun)

    async def trickle() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await wire.send(b"N")
                await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(PATIENCE):
        await _ended(mx.server)
    trickling.cancel()
    with contextlib.suppress(ConnectionError):  # an octet that came too late takes the answer away
        assert "421 4.4.2" in await wire.rest()
    assert mx.box.delivered == []


async def test_a_slow_honest_upload_passes_however_long_it_takes(start_mx: StartMx) -> None:
    """Silence is what ends a transfer, not its length."""
    mx = await start_mx(silence_timeout=0.3)
    wire = await mx.greeted()
    await begin(wire)
    await wire.ask("DATA")
    for at in range(0, len(MESSAGE), 5):
        await wire.send(MESSAGE[at : at + 5])
        await asyncio.sleep(0.04)
    await wire.send(b".\r\n")
    assert (await wire.reply()).startswith("250")
    assert [body for _, body in mx.box.delivered] == [MESSAGE]


async def test_lines_of_any_length_pass_and_no_end_is_needed_to_refuse(start_mx: StartMx) -> None:
    mx = await start_mx(message_size=100_000)
    wire = await mx.greeted()
    await begin(wire)
    long = MESSAGE + b"x" * 50_000 + b"\r\n"
    assert (await wire.data(long + b".\r\n")).startswith("250")
    await begin(wire)
    assert (await wire.data(b"x" * 3_000_000 + b"\r\n.\r\n")).startswith("552 5.3.4")
    assert [body for _, body in mx.box.delivered] == [long]


@pytest.mark.parametrize(
    ("flood", "answer"),
    [
        (b"NOOP\r\n", "421 4.7.0"),
        (b"RSET\r\n", "421 4.7.0"),
        (HELLO.encode() + b"\r\n", "421 4.7.0"),
        (b"VRFY a\r\n", "421 4.7.0"),
        (b"HELP\r\n", "421 4.7.0"),
        (b"XYZZY\r\n", "421 4.7.0"),
        (b"EXPN a\r\n", "421 4.7.0"),
        (b"RCPT TO:<inconnu@ecole.example>\r\n", "421 4.7.0"),
        (b"MAIL FROM:<a@b.example>\r\nRSET\r\n", "421 4.7.0"),
        (b"MAIL FROM:<>\r\nRCPT TO:<a@ecole.example>\r\nBDAT 0\r\nRSET\r\n", "421 4.7.0"),
        (b"GET / HTTP/1.1\r\n", "500 5.5.2"),
        (b"\r\n", "421 4.7.0"),
        (b"x" * 20_000 + b"\r\n", "421 4.7.0"),
    ],
)
async def test_a_flood_of_commands_ends_the_connection(start_mx: StartMx, flood: bytes, answer: str) -> None:
    mx = await start_mx(idle_commands=20, bad_commands=20, messages=20)
    wire = await mx.greeted()
    with contextlib.suppress(ConnectionError):
        await wire.send(flood * 200)
    with contextlib.suppress(ConnectionError):
        last = (await wire.rest()).splitlines()[-1]
        assert last.startswith(answer)
    await _ended(mx.server)
    assert (await mx.greeted()) is not None
    assert mx.box.delivered == []
