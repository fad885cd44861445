"""The accounts of a CSV file come to be, all or none, and their passwords sign in."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert, select

from directory.schema import attachment, person, school
from mailgate.accounts import Accounts
from mailgate.accounts.csv_accounts import CsvRejected, parse_accounts
from mailgate.accounts.csv_import import MadeAccount, import_accounts
from mailgate.database import async_engine
from tests.accounts.conftest import ALICE, PEER

FILE = b"""address,label,password
copieur-cdi@ent.example.org,Copieur du CDI,
pronote@ent.example.org,PRONOTE,un mot de passe choisi
"""


async def run(database_url: str, content: bytes) -> list[MadeAccount]:
    engine = async_engine(database_url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(import_accounts, parse_accounts(content))
    finally:
        await engine.dispose()


async def test_made_and_given_passwords_sign_in(accounts: Accounts, database_url: str) -> None:
    copier, pronote = await run(database_url, FILE)
    assert copier.password is not None
    assert copier.password not in repr(copier)
    assert pronote.password is None
    for made, password in ((copier, copier.password), (pronote, "un mot de passe choisi")):
        assert (await accounts.verify(made.address, password, PEER)).account_id == made.account_id
    again = await accounts.create_app_password(copier.account_id, "Second")
    assert (await accounts.verify(copier.address, again, PEER)).account_id == copier.account_id


async def test_one_taken_address_and_nothing_is_made(accounts: Accounts, database_url: str) -> None:
    with pytest.raises(CsvRejected) as caught:
        await run(database_url, FILE + f"{ALICE},Alice,\n".encode())
    assert [error.line for error in caught.value.errors] == [4]
    assert len(await run(database_url, FILE)) == 2


SCHOOLS = [("0131001T", "Collège Frédéric Mistral"), ("0131002U", "Lycée Thiers"), ("0131003V", "Lycée Thiers")]


def make_schools(connection: Connection) -> None:
    for number, (uai, name) in enumerate(SCHOOLS, 1):
        row = {"source": "test", "academy": "", "siren": "", "kind": "", "school_year": 2026, "active": True}
        connection.execute(insert(school).values(school_id=number, uai=uai, name=name, **row))


def people(connection: Connection) -> dict[str, tuple[str, int | None]]:
    rows = connection.execute(
        select(person.c.sn, person.c.profile, attachment.c.school_id).outerjoin(
            attachment, attachment.c.person_id == person.c.person_id
        )
    )
    return {sn: (profile, school_id) for sn, profile, school_id in rows}


async def test_people_of_a_school_by_uai_and_by_name(database_url: str) -> None:
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(make_schools)
    await run(
        database_url,
        "address,label,profile,school\n"
        "a@x.fr,A,teacher,0131001t\nb@x.fr,B,management,collège  frédéric MISTRAL\nc@x.fr,C,,\n".encode(),
    )
    with pytest.raises(CsvRejected) as caught:
        await run(database_url, "address,label,school\nd@x.fr,D,Lycée Thiers\ne@x.fr,E,0139999X\n".encode())
    assert [str(error) for error in caught.value.errors] == [
        "line 2, column school: several schools are called Lycée Thiers: use the UAI, one of 0131002U, 0131003V",
        "line 3, column school: no school has the UAI or the name 0139999X",
    ]
    async with engine.connect() as connection:
        found = await connection.run_sync(people)
    assert {name: found[name] for name in "ABC"} == {"A": ("teacher", 1), "B": ("management", 1), "C": ("other", None)}
    await engine.dispose()
