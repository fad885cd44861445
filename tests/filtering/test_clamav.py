"""Viruses: the real clamd with a signature of our own, over SMTP on both stores; and servers that misbehave."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from mailgate import config
from mailgate.filtering.clamav import Clamav, TooLarge, version
from mailgate.filtering.contract import Action, Unavailable
from mailgate.store.contents import FileOctets
from tests.filtering.arrivals import Behaviour, arriving, deaf, endless, gone, saying, server, silent
from tests.filtering.attached import archive, named
from tests.filtering.gate import COLLEAGUE, COLLEGE, TEACHER, gate
from tests.support.clamd import EICAR, STREAM_MAX, VIRUS, Clamd

INFECTED = named("virus.txt", EICAR)
LIMIT = 25 * 1024 * 1024


def check(at: str, *, max_size: int = LIMIT, too_large: TooLarge = "accept") -> Clamav:
    return Clamav(at, "en", max_size=max_size, too_large=too_large)


async def test_a_virus_is_refused_at_both_doors(academy_url: str, tmp_path: Path, clamd: Clamd) -> None:
    filters = config.Filters(
        attachments=config.AttachmentFilter(forbidden=()), clamav=config.ClamavFilter(server=clamd.tcp)
    )
    french = (
        "554 5.7.1 Ce message contient un virus ({}) et n'est pas accepte. Merci de faire verifier votre ordinateur."
    )
    async with gate(academy_url, tmp_path, filters) as door:
        assert await door.send(TEACHER, content=INFECTED) == french.format(VIRUS)
        mine = named("virus.txt", EICAR, sender=TEACHER)
        assert await door.submit(TEACHER, COLLEAGUE, mine) == french.format(VIRUS)
        assert await door.submit(TEACHER, "ami@elsewhere.example", mine) == french.format(VIRUS)
        await door.school(COLLEGE, "language", "en")
        english = "554 5.7.1 This message holds a virus ({}) and is not accepted. Please have your computer checked."
        assert await door.send(TEACHER, content=named("a.zip", archive("a.txt", octets=EICAR))) == english.format(VIRUS)
        assert (await door.send(TEACHER, content=named("sain.txt", subject="Sain"))).startswith("250 ")
        assert (await door.submit(TEACHER, COLLEAGUE, named("b.txt", subject="Sain", sender=TEACHER))).startswith(
            "250 "
        )
        assert len(await door.mailbox(TEACHER, "INBOX", "Sain")) == 1
        assert not await door.mailbox(TEACHER, "INBOX", "Fichier")


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_clamd_answers_over_tcp_and_a_unix_socket(clamd: Clamd, kind: str) -> None:
    at = clamd.tcp if kind == "tcp" else clamd.unix
    assert (await version(at)).startswith("ClamAV ")
    assert (await check(at).examine(arriving())).action is Action.ACCEPT
    found = await check(at).examine(arriving(INFECTED))
    assert (found.action, found.reason) == (Action.REFUSE, f"virus={VIRUS}")
    many = [check(at).examine(arriving(INFECTED if number % 2 else b"From: a\r\n\r\nx")) for number in range(12)]
    assert [found.action is Action.REFUSE for found in await asyncio.gather(*many)] == [False, True] * 6


async def test_a_large_message_is_read_from_its_file_as_it_goes(clamd: Clamd) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"From: a@b.example\r\nSubject: x\r\n\r\n" + os.urandom(1_000_000).hex()[:1_500_000].encode())
        file.write(b"\r\n" + EICAR + b"\r\n")
        file.flush()
        found = await check(clamd.tcp).examine(
            arriving(FileOctets(file.fileno(), os.fstat(file.fileno()).st_size))  # type: ignore[arg-type]
        )
    assert found.action is Action.REFUSE


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_what_is_larger_than_clamd_takes_is_answered_as_the_settings_say(clamd: Clamd, kind: str) -> None:
    """Whether our limit says so, or clamd does, which closes while it is still being sent to."""
    at = clamd.tcp if kind == "tcp" else clamd.unix
    large = INFECTED + b"x" * (4 * STREAM_MAX)
    for max_size in (STREAM_MAX, LIMIT):
        found = await check(at, max_size=max_size).examine(arriving(large))
        assert (found.action, found.reason) == (Action.ACCEPT, "too large to be looked at")
        found = await check(at, max_size=max_size, too_large="refuse").examine(arriving(large))
        assert found.reply is not None
        assert str(found.reply) == (
            "552 5.3.4 This message is too large to be checked for viruses. Please send its files one by one."
        )


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (gone, r"closed without an answer|broke the connection off"),
        (saying(b""), "closed without an answer"),
        (saying(b"", after=12), "closed without an answer"),
        (saying(b"stream: OK"), "half an answer"),
        (saying(b"stream: O\0K"), "clamd: stream: O"),
        (saying(b"UNKNOWN COMMAND\0"), "clamd: UNKNOWN COMMAND"),
        (saying(b"stream: Can't open file ERROR\0"), "ERROR"),
        (saying(b"\xff\r\n\x1b[2J\0"), r"clamd: \\ufffd\\r\\n\\x1b"),
        (saying(b"stream: FOUND\0"), "clamd: stream: FOUND"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "half an answer"),
        (endless, "half an answer"),
    ],
)
async def test_what_cannot_be_understood_is_no_answer(behaviour: Behaviour, problem: str) -> None:
    async with server(behaviour) as at:
        for content in (b"From: a\r\n\r\nx", b"x" * (8 * 1024 * 1024)):
            with pytest.raises(Unavailable, match=problem):
                async with asyncio.timeout(20):
                    await check(at).examine(arriving(content))


@pytest.mark.parametrize("behaviour", [silent, deaf])
async def test_who_asks_need_not_wait_for_ever(behaviour: Behaviour) -> None:
    async with server(behaviour) as at:
        for content in (b"From: a\r\n\r\nx", b"x" * (8 * 1024 * 1024)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await check(at).examine(arriving(content))


async def test_nobody_there(tmp_path: Path) -> None:
    for at in ("127.0.0.1:9", str(tmp_path / "none.sock")):
        with pytest.raises(Unavailable, match="no connection to clamd"):
            await check(at).examine(arriving())
        with pytest.raises(Unavailable, match="no connection to clamd"):
            await version(at)


async def test_a_name_is_harmless() -> None:
    async with server(saying(b"stream: Bad\r\n250 ok\xff{X}" + b"y" * 500 + b" FOUND\0")) as at:
        found = await check(at).examine(arriving())
    assert found.reply is not None
    assert found.reason == ("virus=Bad_250_ok_{X}" + "y" * 500)[:106]
    assert "\n" not in str(found.reply)


@pytest.mark.parametrize("on_failure", ["accept", "defer"])
async def test_it_fails_open_or_closed(academy_url: str, tmp_path: Path, on_failure: config.OnFailure) -> None:
    async with server(silent) as at:
        filters = config.Filters(clamav=config.ClamavFilter(server=at, timeout=0.2, on_failure=on_failure))
        async with gate(academy_url, tmp_path, filters) as door:
            said = await door.send(TEACHER, content=named("a.txt", subject=on_failure))
            there = await door.mailbox(TEACHER, "INBOX", on_failure)
    if on_failure == "accept":
        assert said.startswith("250 ")
        assert len(there) == 1
    else:
        text = "451 4.3.0 Votre message ne peut pas etre verifie pour le moment. Merci de reessayer plus tard."
        assert (said, there) == (text, [])
