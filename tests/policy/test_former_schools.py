"""Schools that somebody was of count for what is written to them, and open nothing to themselves."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import delete, insert, select

from directory.nomenclature import Profile
from directory.schema import former_school, person, school, staff_function
from mailgate.database import Database, Statement, Tx
from mailgate.database.batch import batch_transaction
from mailgate.policy import schools
from mailgate.policy.matrix import Verdict
from mailgate.policy.stops import schools_stopped_for
from mailgate.policy.targets import PersonTarget
from mailgate.policy.writing import may_write

PROFILE = Profile.ADMINISTRATIVE
STAFF = Statement(
    select(person.c.person_id, staff_function.c.school_id)
    .join(staff_function, staff_function.c.person_id == person.c.person_id)
    .join(school, school.c.school_id == staff_function.c.school_id)
    .where(person.c.profile == PROFILE)
    .order_by(school.c.uai, person.c.person_id)
)


async def test_colleagues_may_write_to_who_has_left_and_not_the_other_way(academy: Database, academy_url: str) -> None:
    schools_of = defaultdict[int, set[int]](set)
    for number, school_id in await academy.read(lambda tx: tx.all(STAFF)):
        schools_of[number].add(school_id)
    stays, [its] = next((one, those) for one, those in schools_of.items() if len(those) == 1)
    gone = next(one for one, those in schools_of.items() if its not in those)

    async def verdicts(tx: Tx) -> list[Verdict]:
        found = [
            await may_write(tx, one, PersonTarget(other, PROFILE)) for one, other in ((stays, gone), (gone, stays))
        ]
        return [one.verdict for one in found]

    async def change(*, there: bool) -> None:
        async with batch_transaction(academy_url) as connection:
            await connection.execute(delete(former_school))
            if there:
                await connection.execute(insert(former_school).values(person_id=gone, school_id=its))
            await connection.run_sync(lambda plain: schools.change(plain, its, "language", "en" if there else None))

    assert await academy.read(verdicts) == [Verdict.REFUSE, Verdict.REFUSE]
    await change(there=True)
    try:
        assert await academy.read(verdicts) == [Verdict.ALLOW, Verdict.REFUSE]
        assert its in await academy.read(lambda tx: schools_stopped_for(tx, gone))
        assert await academy.read(lambda tx: schools.language_of_person(tx, gone)) == "en"
    finally:
        await change(there=False)
