"""A store with accounts, on each engine in turn, and what moves mail in and out of it."""

from __future__ import annotations

import pytest

from imap.backend import Account
from mailgate.database import Database
from mailgate.database.open import async_engine
from mailgate.migrations import upgrade
from mailgate.transfer.intake import Intake
from tests.store.conftest import alice, bob, store

__all__ = ["alice", "bob", "store"]


@pytest.fixture
async def tables(database_url: str) -> None:
    """All tables, in the fresh database."""
    engine = async_engine(database_url)
    await upgrade(engine)
    await engine.dispose()


@pytest.fixture
def to_bob(database: Database, bob: Account) -> Intake:
    """The way into account 2."""
    return Intake(database, bob)
