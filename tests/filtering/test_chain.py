"""The chain of checks: all at once, the worst finding wins, and what becomes of a message when a check cannot look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from mailgate.config import OnFailure
from mailgate.filtering.audience import Audience
from mailgate.filtering.chain import Chain, Guarded, Outcome
from mailgate.filtering.contract import Action, Arriving, Finding, Unavailable, deferred, refused
from smtp.handler import Peer, SmtpError, Transaction
from smtp.header import Header, read_fields
from smtp.message import Prepared

HEADER = b"Return-Path: <a@b.example>\r\nReceived: from b.example\r\nFrom: a@b.example\r\n\r\n"
UNABLE = "451 4.3.0 Your message cannot be checked at the moment. Please try again later."


def prepared(header: bytes) -> Prepared:
    return Prepared(Header(read_fields(header)), Header(()), ("a@b.example",), None)


def arriving(*, trusted: bool = False) -> Arriving:
    """A message that no check of these tests looks into."""
    transaction = Transaction(Peer("192.0.2.1", 2525, ""), "b.example", "a@b.example")
    message = prepared(HEADER)
    audience: Audience = None  # type: ignore[assignment]  # nobody asks for it
    return Arriving("0123", transaction, message, b"From: a@b.example\r\n\r\n", audience, trusted=trusted)


@dataclass
class Says:
    """A check that gives what it is given, once `waits` is set."""

    finding: Finding | Exception
    name: str = "says"
    waits: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def examine(self, arriving: Arriving) -> Finding:
        self.begun.set()
        try:
            if self.waits is not None:
                await self.waits.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding

    async def close(self) -> None:
        """Nothing to close."""


def chain(*checks: Says, on_failure: OnFailure = "accept", timeout: float = 30.0) -> Chain:
    return Chain([Guarded(one, timeout, on_failure) for one in checks], "en")


JUNK = Finding(Action.JUNK, "score=7.00 required=6.00", b"X-One: 1\r\n")


async def test_the_worst_finding_wins() -> None:
    fine = Says(Finding(header=b"X-Two: 2\r\n"))
    assert await chain(fine).examine(arriving()) == Outcome(b"X-Two: 2\r\n")
    assert await chain(fine, Says(JUNK)).examine(arriving()) == Outcome(
        b"X-Two: 2\r\nX-One: 1\r\n", ("score=7.00 required=6.00",)
    )
    later, never = Says(deferred("Later.", "busy")), Says(refused("Never.", "bad", code=554))
    with pytest.raises(SmtpError, match=r"^451 4\.7\.1 Later\.$"):
        await chain(Says(JUNK), later, fine).examine(arriving())
    with pytest.raises(SmtpError, match=r"^554 5\.7\.1 Never\.$"):
        await chain(Says(JUNK), later, never, fine).examine(arriving())
    assert await Chain([], "en").examine(arriving()) == Outcome()
    assert not Chain([], "en")


async def test_it_is_junk_for_some_or_for_all() -> None:
    for_a, for_b = (Says(Finding(Action.JUNK, "r", only=frozenset({one}))) for one in ("a@x.example", "b@x.example"))
    none = await chain(Says(Finding())).examine(arriving())
    some = await chain(for_a, Says(Finding())).examine(arriving())
    both = await chain(for_a, for_b).examine(arriving())
    everybody = await chain(for_a, Says(JUNK)).examine(arriving())
    assert [[one.is_junk_for(f"{who}@x.example") for who in "abc"] for one in (none, some, both, everybody)] == [
        [False, False, False], [True, False, False], [True, True, False], [True, True, True],
    ]  # fmt: skip


async def test_checks_look_at_once_and_a_refusal_waits_for_nobody() -> None:
    slow = Says(Finding(), waits=asyncio.Event())
    never = Says(refused("Never.", "bad"), waits=asyncio.Event())
    asked = asyncio.create_task(chain(slow, never).examine(arriving()))
    await slow.begun.wait()
    await never.begun.wait()
    assert never.waits is not None
    never.waits.set()
    with pytest.raises(SmtpError):
        await asked
    assert slow.cancelled


async def test_who_asked_may_give_up() -> None:
    one, other = Says(Finding(), waits=asyncio.Event()), Says(Finding(), waits=asyncio.Event())
    asked = asyncio.create_task(chain(one, other).examine(arriving()))
    await one.begun.wait()
    await other.begun.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert one.cancelled
    assert other.cancelled


@pytest.mark.parametrize(
    ("failing", "problem"),
    [
        (lambda: Says(Finding(), waits=asyncio.Event()), "no answer in time"),
        (lambda: Says(Unavailable("nobody listens")), "nobody listens"),
        (lambda: Says(ValueError("the words of a message")), "ValueError"),
    ],
)
async def test_what_cannot_look_fails_open_or_closed(failing: Callable[[], Says], problem: str) -> None:
    with capture_logs() as logs:
        assert await chain(failing(), timeout=0.01).examine(arriving()) == Outcome()
        with pytest.raises(SmtpError, match=UNABLE):
            await chain(failing(), Says(JUNK), on_failure="defer", timeout=0.01).examine(arriving())
    failures = [line for line in logs if line["event"] == "check failed"]
    assert [(line["problem"], line["then"], line["log_level"]) for line in failures] == [
        (problem, "accept", "warning"),
        (problem, "defer", "warning"),
    ]
    assert "words of a message" not in str(logs)


async def test_each_check_leaves_a_line_to_count() -> None:
    with capture_logs() as logs:
        await chain(Says(JUNK, name="one")).examine(arriving())
    [line] = logs
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "checked", "log_level": "info", "id": "0123", "check": "one", "action": "junk",
        "reason": "score=7.00 required=6.00",
    }  # fmt: skip


async def test_a_trusted_network_is_not_looked_at_where_the_settings_say_so() -> None:
    never = Says(refused("Never.", "bad"))
    skipping = Chain([Guarded(never, 30.0, "accept", skip_trusted=True)], "en")
    assert await skipping.examine(arriving(trusted=True)) == Outcome()
    with pytest.raises(SmtpError):
        await skipping.examine(arriving())
    with pytest.raises(SmtpError):
        await chain(never).examine(arriving(trusted=True))


def test_fields_go_below_the_return_path_and_those_of_others_are_taken_off() -> None:
    message = prepared(HEADER[:-2] + b"X-Spam-Flag: YES\r\nX-SPAMD-Bar: +++\r\n\r\n")
    outcome = Outcome(b"X-One: 1\r\n", ("score=7.00 required=6.00", "dmarc=fail"))
    first, rest = HEADER.split(b"\r\n", 1)
    assert outcome.on(message, marked=False).header.octets == first + b"\r\nX-One: 1\r\n" + rest
    spam = b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7.00 required=6.00; dmarc=fail\r\n"
    assert outcome.on(message, marked=True).header.octets == first + b"\r\nX-One: 1\r\n" + spam + rest
