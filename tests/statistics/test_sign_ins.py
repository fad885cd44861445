"""Sign-ins are counted in memory by kind of client, and written now and then; accounts count once a month."""

from __future__ import annotations

import asyncio

import pytest

from imap.clients import ClientKind
from mailgate.database import Database, open_database
from mailgate.database.contract import Work
from mailgate.statistics import counts
from mailgate.statistics.counts import ACTIVE, ALL_SCHOOLS, READING, SIGN_INS, SUBMISSION, Counts, Key
from mailgate.statistics.sign_ins import SignIns
from tests.statistics.conftest import FIRST, PUPIL, SECOND, TEACHER, UNKNOWN, ZONE, at

OCTOBER, NOVEMBER = 202610, 202611


class Clock:
    def __init__(self, text: str) -> None:
        self.now = at(text)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-10-31 23:58")


@pytest.fixture
def node(database: Database, clock: Clock) -> SignIns:
    return SignIns(database, ZONE, clock)


async def counted(database: Database) -> dict[tuple[int, str, str, str], int]:
    """What is counted of the whole gateway, without the profiles; what comes to nothing is left out."""
    found: Counts = await database.read(lambda tx: counts.read(tx, OCTOBER, NOVEMBER))
    return {
        (one.month, one.profile, one.measure, one.kind): number
        for one, number in found.items()
        if one.school == ALL_SCHOOLS and number
    }


async def test_each_kind_once_and_accounts_once(database: Database, node: SignIns) -> None:
    for _ in range(3):
        node.signed_in(TEACHER, ClientKind.THUNDERBIRD)
    node.signed_in(TEACHER, ClientKind.IOS)
    node.signed_in(PUPIL, ClientKind.WEBMAIL)
    node.submitting(UNKNOWN)
    await node.flush()
    node.signed_in(TEACHER, ClientKind.THUNDERBIRD)
    await node.close()
    found = await database.read(lambda tx: counts.read(tx, OCTOBER, OCTOBER))
    of_teacher = {
        Key(OCTOBER, school, "teacher", measure, kind): number
        for school in (ALL_SCHOOLS, FIRST, SECOND)
        for measure, kind, number in (
            (SIGN_INS, "thunderbird", 4),
            (SIGN_INS, "apple-ios", 1),
            (ACTIVE, "", 1),
            (READING, "", 1),
        )
    }
    of_pupil = {
        Key(OCTOBER, school, "pupil", measure, kind): 1
        for school in (ALL_SCHOOLS, FIRST)
        for measure, kind in ((SIGN_INS, "webmail"), (ACTIVE, ""), (READING, ""))
    }
    of_other = {
        Key(OCTOBER, ALL_SCHOOLS, "other", measure, kind): 1 for measure, kind in ((SIGN_INS, SUBMISSION), (ACTIVE, ""))
    }
    assert found == of_teacher | of_pupil | of_other


async def test_a_client_that_says_later_what_it_is(database: Database, node: SignIns, clock: Clock) -> None:
    early = node.signed_in(PUPIL, ClientKind.OTHER)
    late = node.signed_in(PUPIL, ClientKind.OTHER)
    node.signed_in(PUPIL, ClientKind.OTHER)
    node.identified(early, ClientKind.THUNDERBIRD)
    await node.flush()
    clock.now += 3600
    node.identified(late, ClientKind.OUTLOOK)
    await node.flush()
    assert await counted(database) == {
        (OCTOBER, "pupil", SIGN_INS, "thunderbird"): 1,
        (OCTOBER, "pupil", SIGN_INS, "outlook"): 1,
        (OCTOBER, "pupil", SIGN_INS, "other"): 1,
        (OCTOBER, "pupil", ACTIVE, ""): 1,
        (OCTOBER, "pupil", READING, ""): 1,
    }


async def test_who_only_sends_until_somebody_reads(database: Database, node: SignIns, clock: Clock) -> None:
    def use(found: dict[tuple[int, str, str, str], int], month: int) -> tuple[int, int]:
        return found.get((month, "pupil", ACTIVE, ""), 0), found.get((month, "pupil", READING, ""), 0)

    for kind, expected in ((None, (1, 0)), (ClientKind.WEBMAIL, (1, 1)), (None, (1, 1)), (ClientKind.OTHER, (1, 1))):
        node.submitting(PUPIL) if kind is None else node.signed_in(PUPIL, kind)
        await node.flush()
        assert use(await counted(database), OCTOBER) == expected
    clock.now += 3600
    node.submitting(PUPIL)
    await node.flush()
    assert use(await counted(database), NOVEMBER) == (1, 0)
    assert use(await counted(database), OCTOBER) == (1, 1)


async def test_a_month_ends_between_two_writes(database: Database, node: SignIns, clock: Clock) -> None:
    node.signed_in(PUPIL, ClientKind.MACOS)
    clock.now += 180
    node.signed_in(PUPIL, ClientKind.MACOS)
    await node.flush()
    found = await counted(database)
    assert found == {
        (month, "pupil", measure, kind): 1
        for month in (OCTOBER, NOVEMBER)
        for measure, kind in ((SIGN_INS, "apple-macos"), (ACTIVE, ""), (READING, ""))
    }


async def test_two_nodes_count_an_account_once(database: Database, database_url: str, clock: Clock) -> None:
    other = await open_database(database_url, pool_size=2)
    nodes = [SignIns(one, ZONE, clock) for one in (database, other)]
    try:
        for _ in range(5):
            for node in nodes:
                for account in (TEACHER, PUPIL, UNKNOWN):
                    node.signed_in(account, ClientKind.ANDROID)
            await asyncio.gather(*(node.flush() for node in nodes))
    finally:
        await other.close()
    found = await counted(database)
    for profile in ("teacher", "pupil", "other"):
        assert found[OCTOBER, profile, ACTIVE, ""] == found[OCTOBER, profile, READING, ""] == 1
        assert found[OCTOBER, profile, SIGN_INS, "android"] == 10


class Away:
    """A database that cannot be written to for a while."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.away = True

    async def read(self, work: Work[object]) -> object:
        return await self.database.read(work)

    async def write(self, work: Work[object], *, durable: bool = True) -> object:
        if self.away:
            raise ConnectionError
        return await self.database.write(work, durable=durable)


async def test_nothing_is_lost_while_the_database_is_away(database: Database, clock: Clock) -> None:
    away = Away(database)
    node = SignIns(away, ZONE, clock)  # type: ignore[arg-type]
    node.signed_in(PUPIL, ClientKind.OTHER)
    with pytest.raises(ConnectionError):
        await node.flush()
    node.signed_in(PUPIL, ClientKind.OTHER)
    await node.close()  # does not keep anybody from stopping
    away.away = False
    await node.flush()
    assert (await counted(database))[OCTOBER, "pupil", SIGN_INS, "other"] == 2


class Slow:
    """A database that commits and is long in saying so."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.committed, self.told = asyncio.Event(), asyncio.Event()

    async def read(self, work: Work[object]) -> object:
        return await self.database.read(work)

    async def write(self, work: Work[object], *, durable: bool = True) -> object:
        done = await self.database.write(work, durable=durable)
        self.committed.set()
        await self.told.wait()
        return done


async def test_whoever_is_cancelled_while_it_writes_counts_once(database: Database, clock: Clock) -> None:
    slow = Slow(database)
    node = SignIns(slow, ZONE, clock)  # type: ignore[arg-type]
    node.signed_in(PUPIL, ClientKind.OTHER)
    flushing = asyncio.create_task(node.flush())
    await slow.committed.wait()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    slow.told.set()
    await node.close()
    assert (await counted(database))[OCTOBER, "pupil", SIGN_INS, "other"] == 1
