"""The accounts of a CSV file come to be, all or none, and their passwords sign in."""

from __future__ import annotations

import pytest

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
