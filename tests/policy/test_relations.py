"""What a look at the policy costs: one statement, by indexes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from directory.schema import list_, person
from mailgate.database import Database, Row, Statement, Tx
from mailgate.policy.matrix import list_key
from mailgate.policy.relations import OUTWARD, TO_LIST, TO_PERSON
from mailgate.policy.targets import ListTarget, OutsideTarget, PersonTarget, Target
from mailgate.policy.writing import may_write
from tests.support.plans import read_whole

PERSON = Statement(select(person.c.person_id, person.c.profile).where(person.c.profile != "shared").limit(1))
LIST = Statement(
    select(list_.c.kind, list_.c.target_id, list_.c.school_id, list_.c.audience, list_.c.list_id)
    .where(list_.c.kind == "class")
    .limit(1)
)


class Counting:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx) -> None:
        self.engine = tx.engine
        self.statements = 0
        self._tx = tx

    async def all(self, statement: Statement, **parameters: object) -> list[Row]:
        self.statements += 1
        return await self._tx.all(statement, **parameters)

    async def one(self, statement: Statement, **parameters: object) -> Row | None:
        self.statements += 1
        return await self._tx.one(statement, **parameters)


def to_person(writer: int, profile: str, _: Row) -> Target:
    return PersonTarget(writer, profile)


def to_list(_: int, __: str, row: Row) -> Target:
    kind, target_id, school_id, audience, list_id = row
    return ListTarget(kind, target_id, school_id, list_key(kind, audience), list_id)


def outward(_: int, __: str, ___: Row) -> Target:
    return OutsideTarget()


@pytest.mark.parametrize("target", [to_person, to_list, outward])
async def test_one_statement_answers(academy: Database, target: Callable[[int, str, Row], Target]) -> None:
    async def work(tx: Tx) -> int:
        [[writer, profile]], [a_list] = await tx.all(PERSON), await tx.all(LIST)
        counting = Counting(tx)
        await may_write(counting, writer, target(writer, profile, a_list))  # type: ignore[arg-type]
        return counting.statements

    assert await academy.read(work) == 1


async def test_no_table_is_read_whole(academy: Database, academy_url: str) -> None:
    whole = await read_whole(academy_url, TO_PERSON, sender=1, recipient=2, to="pupil")
    whole |= await read_whole(academy_url, TO_LIST, sender=1, school=1, list=1, to="class.pupils")
    whole |= await read_whole(academy_url, OUTWARD, sender=1, to="outside")
    assert not whole
