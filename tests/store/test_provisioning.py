"""Accounts made inside somebody else's transaction, on a plain SQLAlchemy connection."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from mailgate.database import Database
from mailgate.database.open import async_engine
from mailgate.store import MailStore
from mailgate.store.provisioning import create_accounts, set_quota, set_state
from mailgate.store.schema import account, mailbox
from tests.store.messages import message


class Undone(Exception):
    """Ends a transaction without committing it."""


@pytest.fixture
def plain(database: Database) -> MailStore:
    return MailStore(database)


async def test_an_import_makes_accounts_in_its_own_transaction(database_url: str, plain: MailStore) -> None:
    def work(connection: Connection) -> None:
        create_accounts(connection, [3, 1, 2], quota_limit=1000)
        create_accounts(connection, [2, 4])
        create_accounts(connection, [])
        set_state(connection, [2], "suspended")
        set_quota(connection, [3], 5)

    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(work)
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(account.c.account_id, account.c.state, account.c.quota_limit).order_by(account.c.account_id)
        )
        assert [tuple(row) for row in rows] == [
            (1, "active", 1000),
            (2, "suspended", 1000),
            (3, "active", 5),
            (4, "active", 0),
        ]
    await engine.dispose()
    await plain.deliver(message(), [1, 2, 3, 4])
    assert len(await plain.account(4, "").mailboxes()) == 6
    assert len(await plain.account(4, "").subscriptions()) == 6


async def test_an_import_that_is_undone_leaves_no_accounts(database_url: str, plain: MailStore) -> None:
    def work(connection: Connection) -> None:
        create_accounts(connection, [1, 2])
        assert len(connection.execute(select(mailbox)).all()) == 12
        raise Undone

    engine = async_engine(database_url)
    with pytest.raises(Undone):
        async with engine.begin() as connection:
            await connection.run_sync(work)
    await engine.dispose()
    assert await plain.account(1, "").mailboxes() == []


async def test_thousands_of_accounts_are_made_in_sets(plain: MailStore) -> None:
    await plain.create_accounts([(number, 0) for number in range(1, 5001)])
    await plain.create_accounts([(number, 0) for number in range(4000, 6001)])
    await plain.create_accounts([])
    await plain.deliver(message(), range(1, 6001))
    assert (await plain.account(6000, "").mailbox("INBOX")).messages == 1
