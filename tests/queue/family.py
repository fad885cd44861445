"""Two relatives of a pupil, for what goes to addresses outside; a database is as it was when they are gone."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, update

from directory.nomenclature import LEGAL_GUARDIAN, Profile
from directory.schema import enrolment, guardian, person, school
from mailgate.database.batch import batch_engine
from mailgate.policy import schools
from mailgate.queue.wishes import outside_failure, outside_wish

SCHOOL, OTHER_SCHOOL = 77, 78
PUPIL = 3


def found(connection: Connection) -> None:
    """Alice and Bob are relatives of a pupil of `SCHOOL`."""
    for number in (SCHOOL, OTHER_SCHOOL):
        row = {
            "school_id": number, "source": "test", "academy": "", "uai": f"00000{number}A", "siren": "",
            "name": "Collège", "kind": "COLLEGE", "school_year": 2026, "active": True,
        }  # fmt: skip
        connection.execute(insert(school).values(row))
    connection.execute(update(person).values(profile=Profile.RELATIVE))
    connection.execute(update(person).where(person.c.person_id == 2).values(display="Bob Roux"))
    connection.execute(
        insert(person).values(
            person_id=PUPIL, source="test", academy="", source_id=str(PUPIL), profile=Profile.PUPIL, sdet="",
            sn="Roux", given="", title="", display="Zoé Roux", state="active",
        )
    )  # fmt: skip
    for number in (1, 2):
        connection.execute(insert(guardian).values(pupil_id=PUPIL, person_id=number, link=1, legal=LEGAL_GUARDIAN))
    enrol(connection, SCHOOL)


def enrol(connection: Connection, school_id: int) -> None:
    """Have the pupil at this school too."""
    connection.execute(insert(enrolment).values(person_id=PUPIL, school_id=school_id, mef="", level=""))


def gone(connection: Connection) -> None:
    """Nothing of it is left."""
    for number in (SCHOOL, OTHER_SCHOOL):
        schools.change(connection, number, "outside", None)
    for table in (outside_failure, outside_wish, enrolment, guardian, school):
        connection.execute(delete(table))
    connection.execute(delete(person).where(person.c.person_id == PUPIL))
    connection.execute(update(person).values(profile=Profile.TEACHER))


async def batch(url: str, *steps: Callable[[Connection], object]) -> None:
    """Batch work on the database."""
    async with batch_engine(url) as engine, engine.begin() as connection:
        for step in steps:
            await connection.run_sync(step)
