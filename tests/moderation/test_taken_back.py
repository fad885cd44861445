"""A message taken back while a part of it waits: nobody lets that part pass any more, whatever the clock says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from mailgate.database import open_database
from mailgate.delivery.waiting import held_of
from mailgate.delivery.whereabouts import present, seek
from mailgate.delivery.withdrawing import Order, take_back
from mailgate.moderation.deciding import DecidedError, Decider
from mailgate.moderation.held import OF_DISPATCH, State
from mailgate.store import dispatches
from tests.end_to_end.school import DOMAIN, PARENTS, members
from tests.moderation.desk import Desk
from tests.support.plans import read_whole

WRITER, READER = members(PARENTS)[:2]
TEACHER = members(f"6eme-a.profs@{DOMAIN}")[0]
PUPILS = f"6eme-a.eleves@{DOMAIN}"
PURGE = Order("purge", "root", name="An administrator")


@pytest.fixture
async def desk(academy_url: str) -> AsyncIterator[Desk]:
    database = await open_database(academy_url)
    yield await Desk(database).start()
    await database.close()


async def sent(desk: Desk, to: list[str], subject: str) -> dispatches.Dispatch:
    answer = await desk.send(WRITER, to, subject)
    [found] = await desk.database.read(partial(dispatches.find, name=answer.split()[-1]))
    return found


async def test_what_waits_is_cancelled_and_what_was_delivered_goes(desk: Desk) -> None:
    one = await sent(desk, [TEACHER, PARENTS, PUPILS], "A reprendre")
    sought = await desk.database.read(partial(seek, dispatch=one))
    assert len(sought.recipients) == 1
    await take_back(desk.database, desk.moderation, sought, PURGE)
    held = await desk.database.read(partial(held_of, dispatch_id=one.dispatch_id))
    assert [each.state for each in held] == [State.CANCELLED] * 2
    assert {each.decided_by for each in held} == {"An administrator"}
    with pytest.raises(DecidedError):
        await desk.moderation.approve(held[0].held_id, Decider("X", "x"))


async def test_one_list_alone(desk: Desk) -> None:
    one = await sent(desk, [PARENTS, PUPILS], "Une seule liste")
    held = await desk.database.read(partial(held_of, dispatch_id=one.dispatch_id))
    [pupils] = [each for each in held if each.target == PUPILS]
    sought = await desk.database.read(partial(seek, dispatch=one, list_id=pupils.target_id))
    await take_back(desk.database, desk.moderation, sought, PURGE)
    after = await desk.database.read(partial(held_of, dispatch_id=one.dispatch_id))
    assert {each.target: each.state for each in after} == {PUPILS: State.CANCELLED, PARENTS: State.HELD}


async def test_the_clock_lets_nothing_pass_once_it_was_taken_back(desk: Desk) -> None:
    one = await sent(desk, [PARENTS], "Trop tard ?")
    desk.clock.ahead = 100 * 24 * 3600.0
    sought = await desk.database.read(partial(seek, dispatch=one))
    await take_back(desk.database, desk.moderation, sought, PURGE)
    await desk.moderation.look_at_the_clock()
    [held] = await desk.database.read(partial(held_of, dispatch_id=one.dispatch_id))
    assert held.state is State.CANCELLED


async def test_what_was_let_pass_before_is_taken_from_mailboxes(desk: Desk) -> None:
    one = await sent(desk, [PARENTS], "Approuvé juste avant")
    before = await desk.database.read(partial(seek, dispatch=one))
    [held] = await desk.database.read(partial(held_of, dispatch_id=one.dispatch_id))
    await desk.moderation.approve(held.held_id, Decider("X", "x"))
    after = await take_back(desk.database, desk.moderation, before, PURGE)
    assert after.recipients
    assert await desk.database.read(partial(present, sought=after)) == []


async def test_no_table_is_read_whole(academy_url: str) -> None:
    whole = await read_whole(academy_url, dispatches.BY_TIME, account=1, since=0, until=1)
    whole |= await read_whole(academy_url, dispatches.BY_NAME, name="<a@b>", id="a")
    whole |= await read_whole(academy_url, OF_DISPATCH, dispatch_id="a")
    assert not whole
