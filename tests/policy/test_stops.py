"""Whom a stop concerns, which of several holds, and that none slips past a delivery; on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Boolean, Connection, delete, func, literal_column, select, table

from mailgate.database import Database, Statement, Tx
from mailgate.database.batch import batch_engine
from mailgate.database.contract import Work
from mailgate.delivery.recipients import ListRecipient, PersonRecipient, resolve
from mailgate.policy import stops
from mailgate.policy.matrix import Verdict
from mailgate.policy.schema import stop
from mailgate.policy.schools import SchoolError
from mailgate.policy.stops import REASON_LIMIT, Stop, StopError, Wanted, add, all_stops, begin, keep_out, lift, stop_of
from tests.policy.academy import Account, accounts, lists

Change: TypeAlias = Callable[[Callable[[Connection], Any]], Awaitable[Any]]

NOW = 1_795_000_000
COLLEGE, LYCEE = "0131001T", "0131002U"
PARENTS = "6eme-a.parents@clg-frederic-mistral.ent.example.org"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moment that stops see, to be changed."""
    at = [NOW]
    monkeypatch.setattr(stops, "now", lambda: at[0])
    return at


@pytest.fixture
async def change(academy_url: str, clock: list[int]) -> AsyncIterator[Change]:
    """Runs batch work as a command does; no stop is left."""
    async with batch_engine(academy_url) as engine:

        async def run(work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - what the work gives
            async with engine.begin() as connection:
                return await connection.run_sync(work)

        yield run
        await run(lambda connection: connection.execute(delete(stop)))


def person(profile: str, school: str | None = COLLEGE) -> Account:
    """The first of a profile at this school alone; without a school, the first of all."""
    people = sorted(accounts().values(), key=lambda one: one.number)
    return next(one for one in people if one.profile == profile and (school is None or one.schools == {school}))


async def seen(academy: Database, sender: Account, to: str | None = None) -> Verdict | None:
    """What holds a message back, of somebody to anybody or to a list."""

    async def work(tx: Tx) -> Stop | None:
        found = await resolve(tx, sender.address)
        assert isinstance(found, PersonRecipient)
        target = await resolve(tx, to) if to else None
        if target is None:
            return await stop_of(tx, found.account_id)
        assert isinstance(target, ListRecipient)
        assert target.target.school_id is not None
        return await stop_of(tx, found.account_id, lists=[target.list_id], list_schools=[target.target.school_id])

    stop = await academy.read(work)
    return None if stop is None else stop.verdict


def making(verdict: Verdict = Verdict.REFUSE, seconds: int = 60, **whom: str) -> Callable[[Connection], str]:
    """Batch work that makes a stop and gives its id."""

    def work(connection: Connection) -> str:
        begin(connection)
        return add(connection, Wanted(verdict=verdict, ends_at=NOW + seconds, **whom)).id

    return work


async def test_a_stop_for_everybody(academy: Database, change: Change) -> None:
    assert await seen(academy, person("management")) is None
    await change(making())
    for profile in ("pupil", "relative", "teacher", "management"):
        assert await seen(academy, person(profile)) is Verdict.REFUSE


async def test_a_profile(academy: Database, change: Change) -> None:
    await change(making(profile="pupil"))
    assert await seen(academy, person("pupil")) is Verdict.REFUSE
    assert await seen(academy, person("pupil", LYCEE)) is Verdict.REFUSE
    assert await seen(academy, person("teacher")) is None


async def test_a_school_is_who_belongs_to_it_and_its_lists(academy: Database, change: Change) -> None:
    await change(making(school=COLLEGE))
    for profile in ("pupil", "relative", "teacher"):
        assert await seen(academy, person(profile)) is Verdict.REFUSE
        assert await seen(academy, person(profile, LYCEE)) is None
        assert await seen(academy, person(profile, LYCEE), PARENTS) is Verdict.REFUSE


async def test_a_list(academy: Database, change: Change) -> None:
    await change(making(list_=PARENTS.upper()))
    other = next(address for address in lists() if address != PARENTS and lists()[address]["kind"] == "class")
    assert await seen(academy, person("teacher"), PARENTS) is Verdict.REFUSE
    assert await seen(academy, person("teacher"), other) is None
    assert await seen(academy, person("teacher")) is None


async def test_an_account(academy: Database, change: Change) -> None:
    teacher = person("teacher")
    await change(making(account=teacher.address))
    assert await seen(academy, teacher) is Verdict.REFUSE
    assert await seen(academy, person("teacher", LYCEE)) is None


async def test_several_together_are_what_meets_all(academy: Database, change: Change) -> None:
    await change(making(profile="relative", school=COLLEGE))
    assert await seen(academy, person("relative")) is Verdict.REFUSE
    assert await seen(academy, person("relative", LYCEE)) is None
    assert await seen(academy, person("pupil")) is None
    await change(lambda connection: lift(connection, None))
    await change(making(school=LYCEE, list_=PARENTS))
    assert await seen(academy, person("teacher", LYCEE), PARENTS) is Verdict.REFUSE
    assert await seen(academy, person("teacher", LYCEE)) is None
    assert await seen(academy, person("teacher"), PARENTS) is None


async def test_the_strictest_holds(academy: Database, change: Change) -> None:
    await change(making(Verdict.MODERATE, seconds=600))
    assert await seen(academy, person("pupil")) is Verdict.MODERATE
    refusing = await change(making(profile="pupil"))
    assert await seen(academy, person("pupil")) is Verdict.REFUSE
    assert await seen(academy, person("teacher")) is Verdict.MODERATE
    await change(lambda connection: lift(connection, refusing))
    assert await seen(academy, person("pupil")) is Verdict.MODERATE


async def test_a_stop_ends_by_itself_and_can_be_lifted(academy: Database, change: Change, clock: list[int]) -> None:
    stop_id = await change(making(seconds=60))
    assert [one.id for one in await change(all_stops)] == [stop_id]
    clock[0] = NOW + 59
    assert await seen(academy, person("pupil")) is Verdict.REFUSE
    clock[0] = NOW + 60
    assert await seen(academy, person("pupil")) is None
    assert await change(all_stops) == []
    with pytest.raises(StopError, match="no stop"):
        await change(lambda connection: lift(connection, stop_id))
    second = await change(making(seconds=600))
    assert [one.id for one in await change(lambda connection: lift(connection, second))] == [second]
    assert await seen(academy, person("pupil")) is None
    past = await change(lambda connection: all_stops(connection, past=True))
    assert {one.id for one in past} == {stop_id, second}


@pytest.mark.parametrize(
    ("whom", "why"),
    [
        ({"profile": "outside"}, "no profile"),
        ({"school": "0000000X"}, "no school"),
        ({"list_": "nobody@ent.example.org"}, "no list"),
        ({"account": "nobody@ent.example.org"}, "nobody has"),
        ({"reason_fr": "x" * (REASON_LIMIT + 1)}, "letters"),
        ({"reason_en": "a\x1bb"}, "one line"),
        ({"seconds": 0}, "future"),
    ],
)
async def test_what_makes_no_stop(academy: Database, change: Change, whom: dict[str, Any], why: str) -> None:
    with pytest.raises((StopError, SchoolError), match=why):
        await change(making(**whom))
    assert await change(all_stops) == []


def test_a_reason_in_the_reader_s_language_or_the_other() -> None:
    both = Stop(1, Verdict.REFUSE, None, "Arrêt", "Halt", 0)
    assert (both.reason("fr"), both.reason("en")) == ("Arrêt", "Halt")
    assert Stop(1, Verdict.REFUSE, None, "Arrêt", "", 0).reason("en") == "Arrêt"
    assert Stop(1, Verdict.REFUSE, None, "", "Halt", 0).reason("fr") == "Halt"


_WAITING = Statement(
    select(func.count())
    .select_from(table("pg_locks"))
    .where(literal_column("locktype = 'relation' AND NOT granted", Boolean))
)


@pytest.mark.parametrize("look", [keep_out, lambda tx: stop_of(tx, 1, until_commit=True)], ids=["keep out", "look"])
async def test_no_stop_begins_while_a_delivery_has_looked_but_not_committed(
    academy: Database, change: Change, look: Work[object]
) -> None:
    """SQLite lets one transaction write at a time: there is nothing to show."""
    if academy.engine == "sqlite":
        return
    looked, go_on = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def delivery(tx: Tx) -> None:
        await look(tx)
        looked.set()
        await go_on.wait()
        order.append("delivered")

    async def command() -> None:
        await change(making())
        order.append("stopped")

    delivering = asyncio.create_task(academy.write(delivery))
    await looked.wait()
    stopping = asyncio.create_task(command())
    while not (await academy.read(lambda tx: tx.all(_WAITING)))[0][0]:
        pass
    go_on.set()
    await asyncio.gather(delivering, stopping)
    assert order == ["delivered", "stopped"]


async def test_who_waits_for_a_stop_that_begins_sees_it(academy: Database, academy_url: str, change: Change) -> None:
    """Though the statement was sent before the stop was committed."""
    if academy.engine == "sqlite":
        return
    looking: list[asyncio.Task[Stop | None]] = []

    def command(connection: Connection) -> None:
        begin(connection)
        add(connection, Wanted(verdict=Verdict.REFUSE, ends_at=NOW + 60))

    async def look() -> Stop | None:
        return await academy.write_alone(lambda tx: stop_of(tx, 1, until_commit=True), durable=True)

    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        await connection.run_sync(command)
        looking.append(asyncio.create_task(look()))
        while not (await academy.read(lambda tx: tx.all(_WAITING)))[0][0]:
            pass
    assert await looking[0] is not None
    await change(lambda connection: connection.execute(delete(stop)))
