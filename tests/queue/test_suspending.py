"""An address outside that keeps refusing is sent nothing more, and its owner is told once."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default
from functools import partial

import pytest
from sqlalchemy import func, select

from mailgate.database import Statement
from mailgate.database.batch import batch_engine
from mailgate.queue.suspending import Failure, SuspendedMeanwhile, counts
from mailgate.queue.wishes import Mode, WishView, choose, chosen, outside_failure, resume
from tests.queue.conftest import PEOPLE, Desk
from tests.queue.family import batch
from tests.queue.test_copies import POSTED, allow, deliver, wish
from tests.support.sink import Sink

_FAILURES = Statement(select(func.count()).select_from(outside_failure))
DAY = 86_400


async def look(url: str, number: int = 2) -> WishView:
    async with batch_engine(url) as engine, engine.begin() as connection:
        return await connection.run_sync(chosen, PEOPLE[number])


async def failures(desk: Desk) -> int:
    row = await desk.database.read(lambda tx: tx.one(_FAILURES))
    return int(row[0]) if row else 0


async def count(desk: Desk, *queue_ids: int, address: str = "home2@example.net", days: float = 0) -> int:
    """Have messages refused; give the number of letters."""
    letters = 0
    for queue_id in queue_ids:
        counted = await desk.suspensions.count(queue_id, [Failure(2, address)], int(desk.now + days * DAY))
        await desk.store.deliver_all(counted.letters, first=counted.write)
        letters += len(counted.letters)
    return letters


async def test_after_three_refusals_nothing_more_is_sent_and_the_owner_is_told_once(
    family: Desk, queue_url: str
) -> None:
    await batch(queue_url, allow("copy"), wish(1), wish(2))
    refusals = iter(["552 5.3.4 too large", *["550 5.1.1 no such user"] * 9])
    script = lambda verb, rest: next(refusals) if verb == "RCPT" and "home2" in rest else None  # noqa: E731
    async with Sink(script) as sink:
        await family.worker(family.smarthost(sink.port))
        for at in range(1, 5):
            await deliver(family, 1, 2)
            await family.until("state", is_=[("sent",)] * at + [("failed",)] * at)
        await sink.wait(4)
        assert (await look(queue_url)).suspended_at == family.now
        assert (await look(queue_url, 1)).suspended_at == 0
        await deliver(family, 1, 2)
        await sink.wait(5)
    assert len(await family.rows("state")) == 9
    inbox = await family.inbox(2)
    assert len(inbox) == 6
    [letter] = [message_from_bytes(one, policy=default) for one in inbox if one != POSTED]
    assert letter["To"] == PEOPLE[2]
    assert letter["Subject"] == "Plus rien n’est envoyé à votre adresse extérieure"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "home2@example.net est revenu 3 fois en 30 jours" in letter.get_content()
    assert len(await family.inbox(1)) == 5, "neither the writer nor the others are told"
    await batch(queue_url, partial(resume, text=PEOPLE[2]))
    assert (await look(queue_url)).suspended_at == 0
    assert await failures(family) == 0


async def test_what_is_given_up_counts_as_well(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(2))
    await count(family, 1, 2)
    await deliver(family, 2)
    family.now += family.schedule.notice
    await family.clock().look()
    assert await family.inbox(1) == [], "no report of what waits"
    family.now += family.schedule.expiry
    await family.clock().look()
    assert await family.rows("state") == [("failed",)]
    assert (await look(queue_url)).suspended_at == family.now
    assert len(await family.inbox(2)) == 2


async def test_one_message_counts_once_and_only_for_some_days(family: Desk, queue_url: str) -> None:
    await batch(queue_url, wish(2))
    assert await count(family, 1, 1, 1, 1) == 0
    assert await count(family, 2, address="former@example.net") == 0
    assert await failures(family) == 1
    assert await count(family, 3, days=1) == 0
    assert await count(family, 4, days=30.5) == 0, "the first is out of sight"
    family.now += 31 * DAY
    await family.clock().forget()
    assert await failures(family) == 1
    assert await count(family, 5, 6, 7) == 1, "and then nothing more is counted"
    await batch(queue_url, partial(choose, text=PEOPLE[2], to="new@example.net", mode=Mode.COPY))
    assert await failures(family) == 0


async def test_of_two_at_the_same_time_one_tells(family: Desk, queue_url: str) -> None:
    await batch(queue_url, wish(2))
    await count(family, 1, 2)
    both = [
        await family.suspensions.count(number, [Failure(2, "home2@example.net")], int(family.now)) for number in (3, 4)
    ]
    done = await asyncio.gather(
        *(family.store.deliver_all(one.letters, first=one.write) for one in both), return_exceptions=True
    )
    assert [type(one) for one in done if one is not None] == [SuspendedMeanwhile]
    assert len(await family.inbox(2)) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [("5.1.1", True), ("5.2.1", True), ("5.2.2", True), ("5.7.1", True), ("", True), ("5.2.3", False), ("5.6.7", False),
     ("5.3.0", False)],
)  # fmt: skip
def test_what_is_said_of_the_message_is_not_held_against_the_address(status: str, expected: bool) -> None:  # noqa: FBT001
    assert counts(status) is expected
