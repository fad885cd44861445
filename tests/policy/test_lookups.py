"""What MAIL and RCPT look up in one statement is what the statements for each of it say; on both stores."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import delete

from mailgate.database import Database, Tx
from mailgate.database.batch import batch_engine
from mailgate.delivery import lookups
from mailgate.delivery.recipients import PersonRecipient, resolve, sending_addresses
from mailgate.policy.matrix import Verdict
from mailgate.policy.schema import stop
from mailgate.policy.sending import standing_of
from mailgate.policy.stops import Wanted, add, begin, schools_stopped_for, stop_of
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.policy.writing import may_write
from mailgate.store.mailboxes import quota
from tests.policy.academy import accounts

PAIRS = 150
END = 4_000_000_000
COLLEGE = "0131001T"


@pytest.fixture
async def changed(academy: Database, academy_url: str) -> Database:
    """The academy, where some things are stopped."""
    wanted = [
        Wanted(verdict=Verdict.MODERATE, ends_at=END, profile="teacher", reason_en="why"),
        Wanted(verdict=Verdict.REFUSE, ends_at=END, school=COLLEGE),
        Wanted(verdict=Verdict.REFUSE, ends_at=END, profile="pupil", school="0131002U"),
    ]

    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        await connection.run_sync(begin)
        for one in wanted:
            await connection.run_sync(add, one)
    return academy


async def number_of(database: Database, address: str) -> int:
    """The account that has an address."""
    found = await database.read(lambda tx: resolve(tx, address))
    assert isinstance(found, PersonRecipient)
    return found.account_id


async def check(database: Database, sender: int, address: str) -> None:
    async def apart(tx: Tx) -> None:
        inward = sender == OUTSIDE_WRITER
        found = await (lookups.reader_from_outside(tx, address) if inward else lookups.reader(tx, sender, address))
        person = await resolve(tx, address)
        assert isinstance(person, PersonRecipient)
        assert found is not None
        assert (found.person.account_id, found.person.open, found.person.target) == (
            person.account_id, person.open, person.target,
        )  # fmt: skip
        held = await quota(tx, person.account_id)
        assert found.room == (held.limit, held.used)
        schools = await schools_stopped_for(tx, person.account_id) if inward else frozenset[int]()
        assert found.schools == schools
        assert found.stop == await stop_of(tx, sender, list_schools=schools)
        assert found.decision == await may_write(tx, sender, person.target)

    await database.read(apart)


async def test_a_recipient(changed: Database, academy_url: str) -> None:
    draw = random.Random(5)
    people = sorted(one.address for one in accounts().values())
    try:
        for _ in range(PAIRS):
            sender, reader = draw.sample(people, 2)
            await check(changed, await number_of(changed, sender), reader)
            await check(changed, OUTSIDE_WRITER, reader.upper())
        own = await number_of(changed, people[0])
        await check(changed, own, people[0])
        assert await changed.read(lambda tx: lookups.reader(tx, own, "nobody@example.org")) is None
        assert await changed.read(lambda tx: lookups.reader_from_outside(tx, "nobody@example.org")) is None
    finally:
        async with batch_engine(academy_url) as engine, engine.begin() as connection:
            await connection.execute(delete(stop))


async def test_a_writer(academy: Database) -> None:
    for address in random.Random(7).sample(sorted(one.address for one in accounts().values()), 60):
        one = await number_of(academy, address)

        async def apart(tx: Tx, number: int = one) -> None:
            found = await lookups.writer(tx, number)
            assert found.addresses == await sending_addresses(tx, number)
            assert found.standing == await standing_of(tx, number)
            held = await quota(tx, number)
            assert found.room == (held.limit, held.used)

        await academy.read(apart)
