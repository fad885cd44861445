"""AUTH (RFC 4954): forms of the exchange, faults, and what stops guessing."""

from __future__ import annotations

from base64 import b64encode

import pytest

from smtp.limits import Limits
from tests.smtp.conftest import PASSWORD, PLAIN, USER, Running, Start, Wire


async def greeted(running: Running) -> Wire:
    wire = await running.connect()
    await wire.reply()
    await wire.ask("EHLO pc")
    return wire


def b64(text: str) -> bytes:
    return b64encode(text.encode())


async def test_plain_with_initial_response(running: Running) -> None:
    wire = await greeted(running)
    assert await wire.ask(b"auth plain " + PLAIN) == "235 2.7.0 Signed in"


async def test_plain_after_an_empty_challenge(running: Running) -> None:
    wire = await greeted(running)
    await wire.send(b"AUTH PLAIN\r\n")
    assert await wire.reader.readline() == b"334 \r\n"
    assert await wire.ask(PLAIN) == "235 2.7.0 Signed in"


async def test_login_in_two_steps_and_with_the_name_first(running: Running) -> None:
    for first in (b"AUTH LOGIN", b"AUTH LOGIN " + b64(USER)):
        wire = await greeted(running)
        answer = await wire.ask(first)
        if first == b"AUTH LOGIN":
            assert answer == "334 " + b64("Username:").decode()
            answer = await wire.ask(b64(USER))
        assert answer == "334 " + b64("Password:").decode()
        assert (await wire.ask(b64(PASSWORD))).startswith("235 2.7.0")


async def test_an_equals_sign_is_an_empty_initial_response(running: Running) -> None:
    wire = await greeted(running)
    assert (await wire.ask("AUTH PLAIN =")).startswith("535 5.7.8")


async def test_wrong_password_then_right_one(running: Running) -> None:
    wire = await greeted(running)
    assert (await wire.ask(b"AUTH PLAIN " + b64(f"\0{USER}\0faux"))).startswith("535 5.7.8")
    assert (await wire.ask(f"MAIL FROM:<{USER}>")).startswith("530 5.7.0")
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("235 2.7.0")
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("503 5.5.1")


async def test_a_star_cancels(running: Running) -> None:
    wire = await greeted(running)
    await wire.ask("AUTH LOGIN")
    assert (await wire.ask("*")).startswith("501 5.7.0")
    assert (await wire.ask(b"AUTH PLAIN " + PLAIN)).startswith("235 2.7.0")


@pytest.mark.parametrize("response", [b"=AAA", b"AAA=BBB", b"AAA", b"A A=", b"\xff\xff", b"AAAA\0", b"AA==AA=="])
async def test_what_is_not_base64_is_refused(running: Running, response: bytes) -> None:
    wire = await greeted(running)
    assert (await wire.ask("AUTH PLAIN")).startswith("334")
    assert (await wire.ask(response)).startswith("501 5.5.2")
    assert (await wire.ask("NOOP")).startswith("250")


async def test_unknown_mechanisms_are_refused(running: Running) -> None:
    wire = await greeted(running)
    for mechanism in ("CRAM-MD5", "", "PLAIN2 AAAA"):
        assert (await wire.ask(f"AUTH {mechanism}")).startswith("504 5.5.4")


async def test_long_responses_are_taken_up_to_the_limit_and_refused_above(running: Running) -> None:
    wire = await greeted(running)
    assert (await wire.ask(b"AUTH PLAIN " + b64("x" * 9_000))).startswith("535 5.7.8")
    await wire.ask("AUTH PLAIN")
    assert (await wire.ask(b"A" * 12_284)).startswith("535 5.7.8")
    await wire.ask("AUTH PLAIN")
    assert (await wire.ask(b"A" * 100_000)).startswith("500 5.5.6")
    assert (await wire.ask("NOOP" + " " * 3_000)).startswith("500 5.5.2")
    assert (await wire.ask("NOOP")).startswith("250")


async def test_repeated_failures_are_slowed_down_and_end_the_connection(start: Start) -> None:
    running = await start(Limits(auth_failures=3, auth_delay=0.02))
    wire = await greeted(running)
    for _ in range(2):
        assert (await wire.ask("AUTH PLAIN AAAA")).startswith("535 5.7.8")
    assert (await wire.ask("AUTH PLAIN AAAA")).startswith("421 4.7.0")
    assert await wire.rest() == ""


async def test_the_application_learns_who_asks(running: Running) -> None:
    wire = await greeted(running)
    await wire.ask(b"AUTH PLAIN " + PLAIN)
    [peer] = running.school.peers
    assert peer.host == "127.0.0.1"
    assert peer.tls.startswith("TLSv1.3")


async def test_who_does_not_sign_in_in_time_is_sent_away(start: Start) -> None:
    running = await start(Limits(sign_in_timeout=0.2))
    wire = await greeted(running)
    assert "421 4.4.2" in await wire.rest()
