"""People and accounts in a real database, on each engine in turn."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

import directory.schema
import mailgate.accounts.schema
import mailgate.policy.audit
import mailgate.policy.schema
import mailgate.queue.wishes
import mailgate.retention.schema
import mailgate.statistics.schema
import mailgate.store.schema
from directory.local import add_person
from mailgate.accounts import Accounts
from mailgate.accounts.chosen_passwords import ChosenPasswords
from mailgate.database import Database, async_engine
from mailgate.store.provisioning import create_accounts, set_state
from tests.accounts.clocks import FakeClock
from tests.support.templates import Fill, tables_of

PEER = "192.0.2.7"
ALICE = "alice.martin@ent.example.org"
BOB = "bob.durand@ent.example.org"
CAROL = "carol.petit@ent.example.org"
"""Suspended."""
NOBODY = "nobody@ent.example.org"


TABLES = tables_of(
    *(
        one.metadata
        for one in (
            directory.schema,
            mailgate.store.schema,
            mailgate.accounts.schema,
            mailgate.policy.schema,
            mailgate.policy.audit,
            mailgate.queue.wishes,
            mailgate.retention.schema,
            mailgate.statistics.schema,
        )
    )
)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the tables."""
    return TABLES


def make_people(connection: Connection) -> dict[str, int]:
    today = datetime.date(2026, 11, 22)
    people = {
        address: add_person(connection, given="", sn=address.partition("@")[0], address=address, today=today)
        for address in (ALICE, BOB, CAROL)
    }
    create_accounts(connection, list(people.values()))
    set_state(connection, [people[CAROL]], "suspended")
    return people


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def people(database_url: str) -> dict[str, int]:
    """The account of each address."""
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        made = await connection.run_sync(make_people)
    await engine.dispose()
    return made


@pytest.fixture
async def chosen(clock: FakeClock) -> ChosenPasswords:
    return ChosenPasswords(clock)


@pytest.fixture
async def accounts(
    database: Database, people: dict[str, int], clock: FakeClock, chosen: ChosenPasswords
) -> AsyncIterator[Accounts]:
    opened = Accounts(database, clock=clock, monotonic=clock, chosen=chosen)
    yield opened
    opened.close()
