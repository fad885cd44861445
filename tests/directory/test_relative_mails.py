"""E-mail addresses of guardians: kept where a school wants them, as the last import has them, and for nobody else."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from directory.family_schema import relative_mail
from directory.model import Link, Record
from directory.relations import forget_mails
from tests.directory.academy import SETTINGS, guardian_of, pupil, relative, small, take, teacher
from tests.directory.conftest import Transaction
from tests.directory.family import SCHOOL

CHILD = pupil(1, "A Roy", links=(guardian_of(11), guardian_of(12), Link("13", 90, 2)))
PEOPLE = (
    CHILD,
    relative(11, "Éva Roy", mail=" Eva.Roy@Example.NET "),
    relative(12, "Max Roy"),
    relative(13, "Ana Lund", mail="ana@example.net"),
    relative(14, "Noé Lund", mail="noe@example.net"),
)


def mails(connection: Connection) -> dict[str, str]:
    return {row.source_id: row.mail for row in connection.execute(select(relative_mail))}


async def test_an_address_is_kept_where_a_school_wants_it_and_follows_the_imports(transaction: Transaction) -> None:
    async def imported(*people: Record, wanted: bool = True) -> dict[str, str]:
        settings = replace(SETTINGS, force=True, mail_schools=[SCHOOL] if wanted else [])

        def work(connection: Connection) -> dict[str, str]:
            take(connection, small(*people, teacher(3, "Eva Lund", "6A")), settings)
            return mails(connection)

        return await transaction(work)

    assert await imported(*PEOPLE, wanted=False) == {}
    assert await imported(*PEOPLE) == {"11": "eva.roy@example.net"}, "guardians alone"
    assert await imported(*PEOPLE) == {"11": "eva.roy@example.net"}
    moved = (CHILD, relative(11, "Éva Roy", mail="eva@example.org"), relative(12, "Max Roy", mail=f"{'m' * 260}@x.org"))
    assert await imported(*moved) == {"11": "eva@example.org"}
    assert await imported(CHILD, relative(11, "Éva Roy"), relative(12, "Max Roy", mail="max@example.org")) == {
        "12": "max@example.org"
    }
    assert await imported(pupil(1, "A Roy"), *PEOPLE[1:]) == {}, "no guardian of anybody any more"
    assert await imported(*PEOPLE) == {"11": "eva.roy@example.net"}
    await transaction(lambda connection: forget_mails(connection, [SCHOOL]))
    assert await transaction(mails) == {"11": "eva.roy@example.net"}
    await transaction(lambda connection: forget_mails(connection, ["0000000A"]))
    assert await transaction(mails) == {}


def test_a_rehearsal_keeps_none(connection: Connection) -> None:
    take(connection, small(*PEOPLE), replace(SETTINGS, mail_schools=[SCHOOL]), dry_run=True)
    assert mails(connection) == {}
