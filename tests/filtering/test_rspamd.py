"""Junk: the real rspamd with rules of our own, over SMTP on both stores; and servers that misbehave."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate import config
from mailgate.filtering.contract import Action, Finding, Unavailable
from mailgate.filtering.rspamd import Rspamd, _fields, _value, ping
from tests.filtering.arrivals import WELL_MEANT, Behaviour, arriving, deaf, endless, gone, saying, server, silent
from tests.filtering.gate import COLLEAGUE, COLLEGE, TEACHER, gate
from tests.incoming.conftest import note
from tests.support.rspamd import REJECTED, RspamdServer

LIMIT = 10 * 1024 * 1024


async def asked(
    url: str,
    content: bytes = WELL_MEANT,
    *,
    max_size: int = LIMIT,
    username: str = "",
    helo: str = "relay.b.example",
) -> Finding:
    """What a check says of a message."""
    check = Rspamd(url, "en", hostname="mx.ent.example.org", max_size=max_size)
    try:
        async with asyncio.timeout(20):
            return await check.examine(arriving(content, username=username, helo=helo))
    finally:
        await check.close()


def subject(text: str, body: str = "Bonjour") -> bytes:
    return f"From: a@b.example\r\nSubject: {text}\r\n\r\n{body}\r\n".encode()


async def test_rspamd_is_told_what_the_message_does_not_say(rspamd: RspamdServer) -> None:
    told = await asked(rspamd.url, subject("x"))
    octets = len(subject("x"))
    recipients = "l%C3%A9a@ent.example.org+max@ent.example.org"
    assert sorted(told.header.splitlines()) == [
        b"X-Many: a b",
        b"X-Many: c",
        f"X-Told: 192.0.2.7 relay.b.example a@b.example {recipients} - 77ab {octets}".encode(),
    ]
    signed_in = await asked(rspamd.url, subject("x"), username="anne@ent.example.org")
    assert f"{recipients} anne@ent.example.org 77ab".encode() in signed_in.header
    forged = await asked(rspamd.url, subject("x"), helo="a\r\nIP: 127.0.0.1\r\n\r\n")
    assert b"X-Told: 192.0.2.7 aIP: 127.0.0.1 a@b.example" in forged.header
    large = await asked(rspamd.url, subject("x", "y" * 3_000_000))
    assert b" 77ab 3000" in large.header


@pytest.mark.parametrize(
    ("content", "action", "reply"),
    [
        (subject("x"), Action.ACCEPT, ""),
        (subject("heavy"), Action.JUNK, ""),
        (subject("other"), Action.JUNK, ""),
        (
            subject("wait"),
            Action.DEFER,
            "451 4.7.1 This message is not accepted yet. Please try again in a few minutes.",
        ),
        (
            subject("grey"),
            Action.DEFER,
            "451 4.7.1 This message is not accepted yet. Please try again in a few minutes.",
        ),
        (subject("x", REJECTED), Action.REFUSE, "550 5.7.1 This message looks like junk and is not accepted."),
    ],
)
async def test_what_rspamd_says_is_done(rspamd: RspamdServer, content: bytes, action: Action, reply: str) -> None:
    found = await asked(rspamd.url, content)
    assert found.action is action
    assert (str(found.reply) if found.reply else "") == reply
    if content == subject("heavy"):
        assert found.reason == "score=7.00 required=15.00 tests=HEAVY"


async def test_a_large_message_is_no_junk(rspamd: RspamdServer) -> None:
    found = await asked(rspamd.url, subject("x", REJECTED), max_size=50)
    assert found == Finding(reason="too large to be looked at")


async def test_ping(rspamd: RspamdServer) -> None:
    assert (await ping(rspamd.url, "")).startswith("rspamd")
    with pytest.raises(Unavailable, match="no answer of rspamd"):
        await ping("http://127.0.0.1:9", "")
    async with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhuh?")) as at:
        with pytest.raises(Unavailable, match="no rspamd"):
            await ping(f"http://{at}", "")


def http(body: bytes, status: str = "200 OK") -> Behaviour:
    return saying(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)) + body)


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (gone, "no answer"),
        (saying(b""), "no answer"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), "no answer"),
        (saying(b"\xff\0garbage\r\n\r\n"), "no answer"),
        (saying(b"stream: OK\0"), "no answer"),
        (http(b"{}", "500 Oops"), "answers 500"),
        (http(b"", "403 Unauthorized"), "answers 403"),
        (http(b"", "302 Found\r\nLocation: http://127.0.0.1:1/"), "answers 302"),
        (http(b""), "cannot be read"),
        (http(b"null"), "cannot be read"),
        (http(b'{"action": 1}'), "cannot be read"),
        (http(b'{"score": 1.0}'), "cannot be read"),
        (http(b'{"action": "no action", "symbols": ' + b"[" * 100_000), "cannot be read"),
        (http(b'{"action": "' + b"x" * 2_000_000 + b'"}'), "too long"),
    ],
)
async def test_what_cannot_be_understood_is_no_answer(behaviour: Behaviour, problem: str) -> None:
    async with server(behaviour) as at:
        for content in (b"From: a\r\n\r\nx", b"x" * (8 * 1024 * 1024)):
            with pytest.raises(Unavailable, match=problem):
                await asked(f"http://{at}", content)


async def test_who_talks_without_end_is_not_listened_to() -> None:
    async with server(endless) as at:
        with pytest.raises(Unavailable, match="no answer"):
            await asked(f"http://{at}", b"From: a\r\n\r\nx")


@pytest.mark.parametrize("behaviour", [silent, deaf])
async def test_who_asks_need_not_wait_for_ever(behaviour: Behaviour, tmp_path: Path) -> None:

    async with server(behaviour) as at:
        for content in (b"From: a\r\n\r\nx", b"x" * (8 * 1024 * 1024)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await asked(f"http://{at}", content)


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        ("no action", Action.ACCEPT), ("add header", Action.JUNK), ("rewrite subject", Action.JUNK),
        ("quarantine", Action.JUNK), ("greylist", Action.DEFER), ("soft reject", Action.DEFER),
        ("reject", Action.REFUSE), ("discard", Action.REFUSE), ("what is new", Action.ACCEPT),
    ],
)  # fmt: skip
async def test_every_action_has_a_meaning(action: str, becomes: Action) -> None:
    answer = {
        "action": action,
        "score": 1,
        "required_score": 2,
        "symbols": {"A\r\nB": {"score": 3}, "C": {"score": -1}},
    }
    async with server(http(json.dumps(answer).encode())) as at:
        found = await asked(f"http://{at}")
    assert (found.action, found.reason) == (becomes, "score=1.00 required=2.00 tests=A__B")


_values = st.recursive(
    st.none() | st.text() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["value", "order"]) | st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text() | st.sampled_from(["X-A", "From", "List-Id", "x-spam-flag", "A b", "É"]), _values))
def test_fields_to_add_are_whole_and_harmless(wanted: dict[str, Any]) -> None:
    for field in _fields(wanted):
        assert field.endswith(b"\r\n")
        assert field.count(b"\n") == field.count(b"\r") == 1
        name, _, value = field.partition(b": ")
        assert name.isascii()
        assert name.lower() not in {b"from", b"list-id", b"x-spam-flag"}
        assert value.strip()


@given(st.text())
def test_a_value_fits_into_an_http_field(text: str) -> None:
    assert _value(text).isascii()
    assert _value(text).isprintable()


async def test_fields_of_rspamd_stand_in_the_message_and_both_doors_are_weighed(
    academy_url: str, tmp_path: Path, rspamd: RspamdServer
) -> None:
    filters = config.Filters(rspamd=config.RspamdFilter(url=rspamd.url, submission=True))
    async with gate(academy_url, tmp_path, filters) as door:
        told = b"X-Told: 127.0.0.1 relay.elsewhere.example ami@elsewhere.example"
        assert (await door.send(TEACHER, content=note("Bienvenue", extra="X-Spam-Flag: YES\r\n"))).startswith("250 ")
        [(_, message)] = await door.mailbox(TEACHER, "INBOX", "Bienvenue")
        lines = message.split(b"\r\n")
        assert lines[0].startswith(b"Return-Path:")
        assert told in message
        assert b"X-Spam" not in message
        assert await door.send(TEACHER, content=note("x").replace(b"Bonjour", REJECTED.encode())) == (
            "550 5.7.1 Ce message ressemble a un message indesirable et n'est pas accepte."
        )
        await door.school(COLLEGE, "language", "en")
        later = "451 4.7.1 This message is not accepted yet. Please try again in a few minutes."
        assert await door.send(TEACHER, content=note("wait")) == later
        mine = note("heavy", sender=TEACHER)
        assert await door.submit(TEACHER, COLLEAGUE, mine) == (
            "550 5.7.1 Ce message ressemble a un message indesirable et n'est pas envoye. "
            "Merci de le rediger autrement, ou avec moins de liens."
        )
        assert (await door.submit(TEACHER, COLLEAGUE, note("Ordinaire", sender=TEACHER))).startswith("250 ")
        [(_, message)] = await door.mailbox(COLLEAGUE, "INBOX", "Ordinaire")
        assert f" {TEACHER} ".encode() in message.partition(b"X-Told:")[2].partition(b"\r\n")[0]


async def test_what_people_send_is_not_weighed_unless_asked_for(
    academy_url: str, tmp_path: Path, rspamd: RspamdServer
) -> None:
    filters = config.Filters(rspamd=config.RspamdFilter(url=rspamd.url))
    async with gate(academy_url, tmp_path, filters) as door:
        assert (await door.submit(TEACHER, COLLEAGUE, note("heavy", sender=TEACHER))).startswith("250 ")


async def test_without_rspamd_mail_comes_in_all_the_same(academy_url: str, tmp_path: Path) -> None:
    filters = config.Filters(rspamd=config.RspamdFilter(url="http://127.0.0.1:9"))
    async with gate(academy_url, tmp_path, filters) as door:
        assert (await door.send(TEACHER, content=note("heavy"))).startswith("250 ")
