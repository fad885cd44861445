"""Who decides, on the demo academy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mailgate.database import open_database
from mailgate.delivery.recipients import ListRecipient, PersonRecipient, resolve
from mailgate.moderation.moderators import MOST, moderators_of
from tests.end_to_end.school import DOMAIN, PARENTS, members
from tests.moderation.desk import Desk

DIRECTION = members(f"direction@{DOMAIN}")
SCHOOL_LIFE = members(f"vie-scolaire@{DOMAIN}")
PUPIL, *_ = members(f"6eme-a.eleves@{DOMAIN}")
PARENT = members(PARENTS)[0]


@pytest.fixture
async def desk(academy_url: str) -> AsyncIterator[Desk]:
    database = await open_database(academy_url)
    yield await Desk(database).start()
    await database.close()


async def deciding(desk: Desk, sender: str, to: str) -> set[str]:
    found = await desk.database.read(lambda tx: resolve(tx, to))
    assert isinstance(found, ListRecipient | PersonRecipient)
    number = found.list_id if isinstance(found, ListRecipient) else found.account_id
    people = await desk.database.read(lambda tx: moderators_of(tx, desk.people[sender], found.target, number, None))
    assert len(people) <= MOST
    return {one.address for one in people}


async def test_the_head_decides_about_a_list_that_nobody_moderates(desk: Desk) -> None:
    assert await deciding(desk, PARENT, PARENTS) == set(DIRECTION)


async def test_nobody_decides_about_a_message_of_their_own(desk: Desk) -> None:
    assert await deciding(desk, DIRECTION[0], PARENTS) == set(DIRECTION[1:])


async def test_the_head_and_the_school_life_decide_about_a_message_to_a_person(desk: Desk) -> None:
    assert await deciding(desk, PARENT, PUPIL) == {*DIRECTION, *SCHOOL_LIFE}
