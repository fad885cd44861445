"""What we sign: dkimpy and our own verifier take it, and nobody can add to it."""

from __future__ import annotations

import re
import time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.authentication.canonical import hash_body
from smtp.authentication.dkim import Result, Verifier
from smtp.authentication.signing import Algorithm, SigningKey, sign
from smtp.header import read_fields
from tests.smtp_authentication.zone import ED25519, KEYS, RECORDS, RSA, Zone, dkimpy_accepts, split

HEADER: Final = (
    b'Received: from a by b; now\r\nFrom: "L\'\xc3\xa9cole" <direction@ecole.example>\r\nTo: <a@dehors.example>,\r\n'
    b"\t<b@dehors.example>\r\nSubject:  Sortie \t de fin d'ann\xc3\xa9e\r\nDate: Mon, 1 Jun 2026 08:00:00 +0200\r\n"
    b"List-Id: <6a.ecole.example>\r\nList-Unsubscribe: <https://ent.ecole.example/u/x>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Own: not signed\r\n"
)
BODIES: Final = [
    b"Bonjour\r\n", b"", b"\r\n", b"\r\n\r\n\r\n", b"a\r\n\r\n\r\n", b" \t\r\nx \t y\t\r\n \r\n", b"no end",
    b"bare\nfeeds\n\nhere\n", b"long " * 20_000 + b"\r\n", b"\xff\x00 binary\r\n", b".\r\n..\r\n",
]  # fmt: skip
TEXT = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"a", b"\xc3\xa9", b"word", b".", b"=\r\n"])).map(
    b"".join
)


def signed(body: bytes, header: bytes = HEADER, keys: tuple[SigningKey, ...] = KEYS) -> bytes:
    body_hash, _ = hash_body([body], {True})[True]
    return sign(header, body_hash, keys, int(time.time())) + header + b"\r\n" + body


async def results(message: bytes) -> list[Result]:
    header, body = split(message)
    found = await Verifier(Zone(RECORDS)).verify(read_fields(header), lambda: [body], int(time.time()))
    return [one.result for one in found]


@pytest.mark.parametrize("body", BODIES)
async def test_both_signatures_hold_for_everybody(body: bytes) -> None:
    message = signed(body)
    assert [dkimpy_accepts(message, at) for at in (0, 1)] == [True, True]
    assert await results(message) == [Result.PASS, Result.PASS]


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT)
def test_dkimpy_takes_any_subject_and_body(subject: bytes, body: bytes) -> None:
    value = re.sub(rb"[\r\n]+", b"\r\n ", subject)
    # A line end that is missing is added on the way (RFC 5321 section 4.1.1.4), before dkimpy sees it.
    ended = body if body.endswith(b"\n") else body + b"\r\n"
    message = signed(body, b"From: a@ecole.example\r\nSubject: x" + value + b"\r\n")
    message = message[: len(message) - len(body)] + ended
    assert [dkimpy_accepts(message, at) for at in (0, 1)] == [True, True]


@pytest.mark.parametrize(
    "change",
    [
        (b"Sortie", b"Vacances"), (b"Bonjour", b"Bonsoir"), (b"direction@", b"mallory@"), (b"One-Click", b"Two-Clicks"),
        (b"https://ent", b"https://evil"), (b"<6a.", b"<6b."), (b"<b@dehors", b"<c@dehors"),
    ],
)  # fmt: skip
async def test_what_is_changed_is_found(change: tuple[bytes, bytes]) -> None:
    message = signed(b"Bonjour\r\n")
    assert change[0] in message
    assert await results(message.replace(*change)) == [Result.FAIL, Result.FAIL]


@pytest.mark.parametrize(
    "name",
    ["From", "Subject", "To", "Cc", "Date", "Reply-To", "Message-ID", "In-Reply-To", "References", "MIME-Version",
     "Content-Type", "Content-Transfer-Encoding"],
)  # fmt: skip
@pytest.mark.parametrize("on_top", [True, False])
async def test_nobody_can_add_a_field_that_is_shown(name: str, on_top: bool) -> None:  # noqa: FBT001
    message = signed(b"Bonjour\r\n")
    more = f"{name}: mallory@evil.example\r\n".encode()
    changed = more + message if on_top else message.replace(b"X-Own", more + b"X-Own")
    assert set(await results(changed)) <= {Result.FAIL, Result.PERMERROR}
    assert not dkimpy_accepts(changed)


async def test_what_servers_on_the_way_do_changes_nothing() -> None:
    message = signed(b"Bonjour \r\n")
    changed = b"Received: from us by them; later\r\nX-Spam: no\r\n" + message.replace(
        b"Subject:  Sortie", b"SUBJECT: Sortie"
    )
    changed = changed.replace(b"\r\n\t<b@", b" \r\n  <b@") + b"\r\n\r\n"
    assert await results(changed) == [Result.PASS, Result.PASS]


def test_the_field_is_as_the_rfc_has_it() -> None:
    made = sign(HEADER, b"\0" * 32, KEYS, 1_780_000_000)
    one, two = re.findall(rb"DKIM-Signature: (?:.*\r\n)(?:[ \t].*\r\n)*", made)
    assert one + two == made
    assert all(len(line) <= 78 for line in made.split(b"\r\n"))
    flat = b"".join(one.split())
    assert flat.startswith(b"DKIM-Signature:v=1;a=rsa-sha256;c=relaxed/relaxed;d=ecole.example;s=r1;t=1780000000;h=")
    assert b"a=ed25519-sha256" in two
    names = re.search(rb"h=([^;]*);", flat)
    assert names is not None
    listed = names[1].split(b":")
    assert listed.count(b"from") == listed.count(b"subject") == listed.count(b"to") == listed.count(b"date") == 2
    assert listed.count(b"reply-to") == listed.count(b"list-unsubscribe") == listed.count(b"list-unsubscribe-post") == 1
    assert not {b"received", b"x-own", b"dkim-signature", b"return-path"} & set(listed)


def test_a_key_says_what_it_is() -> None:
    assert [SigningKey("x", "y", key).algorithm for key in (RSA, ED25519)] == [Algorithm.RSA, Algorithm.ED25519]
