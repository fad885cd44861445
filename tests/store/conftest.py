"""A store with its tables and a few accounts, on each engine in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

from directory import schema as directory
from directory.family_schema import person_merge
from directory.list_schema import list_alias
from imap.backend import Account
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.schema import metadata
from tests.support.templates import Fill, filled_by

ACCOUNTS = range(1, 31)
ASKED_OF_THE_DIRECTORY = [directory.cite, directory.school, directory.person, directory.address]
ASKED_OF_THE_DIRECTORY += [directory.list_, directory.list_member, list_alias, person_merge]


def _asked_of_the_directory(connection: Connection) -> None:
    directory.metadata.create_all(connection, tables=ASKED_OF_THE_DIRECTORY)


TABLES = filled_by(metadata.create_all, _asked_of_the_directory)
"""The store's tables."""


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the store's tables."""
    return TABLES


@pytest.fixture
async def store(database: Database) -> AsyncIterator[MailStore]:
    """A started store with the accounts 1 to 30, without quota."""
    opened, listening = MailStore(database), asyncio.Event()
    stop = database.listen(lambda _: listening.set())
    await opened.start()
    if database.engine == "postgresql":
        async with asyncio.timeout(60):
            # What is told before is told as "anything may have changed", which is not what tests wait for.
            await listening.wait()
    stop()
    await opened.create_accounts([(account_id, 0) for account_id in ACCOUNTS])
    yield opened
    await opened.close()


@pytest.fixture
def alice(store: MailStore) -> Account:
    """Account 1."""
    return store.account(1, "alice@example.org")


@pytest.fixture
def bob(store: MailStore) -> Account:
    """Account 2."""
    return store.account(2, "bob@example.org")
