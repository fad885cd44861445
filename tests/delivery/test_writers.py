"""Who sends one message after the other is looked up once a second, and what was counted meanwhile is known."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mailgate.delivery.lookups import Room, Writer
from mailgate.delivery.writers import FRESH, Known, Writers
from mailgate.policy.allowance import Sent
from mailgate.policy.limits import Limits
from mailgate.policy.sending import Standing

ALICE = 1
STANDING = Standing(
    "teacher",
    None,
    Limits(recipients_per_message=10, messages_per_hour=10, recipients_per_hour=10, message_size=10),
    {},
    "[]",
)


class Directory:
    """Looks everybody up, and counts how often."""

    asked = 0

    async def read(self, work: Callable[..., Any]) -> Writer:
        self.asked += 1
        return Writer({"alice@example.org": ALICE}, STANDING, Room(1_000, 10 * self.asked))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as this is told."""
    now = [100.0]
    monkeypatch.setattr("mailgate.delivery.writers.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


async def test_what_a_message_was_delivered_with_serves_the_next_one(clock: list[float]) -> None:
    directory = Directory()
    known = Writers(directory)  # type: ignore[arg-type]
    first = await known.known(ALICE)
    known.sent(ALICE, first, {7: Sent(1, 2)}, 500)
    second = await known.known(ALICE)
    assert directory.asked == 1
    assert second.at == first.at
    assert second.writer.room == Room(1_000, 510)
    assert second.writer.standing.window == {7: Sent(1, 2)}
    assert second.writer.standing.counted == "[[7,1,2]]"
    known.sent(ALICE, second, None, 0)
    clock[0] += FRESH + 0.01
    assert second.is_late
    third = await known.known(ALICE)
    assert (directory.asked, third.at) == (2, clock[0])


async def test_who_was_refused_is_looked_up_anew(clock: list[float]) -> None:
    directory = Directory()
    known = Writers(directory)  # type: ignore[arg-type]
    known.sent(ALICE, await known.known(ALICE), None, 0)
    await known.known(ALICE)  # and nothing is delivered
    await known.known(ALICE)
    assert directory.asked == 2


async def test_a_thousand_are_remembered(clock: list[float]) -> None:
    directory = Directory()
    known = Writers(directory)  # type: ignore[arg-type]
    writer = (await known.known(ALICE)).writer
    for account_id in range(1_001):
        known.sent(account_id, Known(writer, clock[0]), None, 0)
    await known.known(1)
    assert directory.asked == 1
    await known.known(0)
    assert directory.asked == 2
