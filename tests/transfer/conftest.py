"""A store with accounts, on each engine in turn, and what moves mail in and out of it."""

from __future__ import annotations

import pytest

from imap.backend import Account
from mailgate.database import Database
from mailgate.migrations import upgrade_within
from mailgate.transfer.intake import Intake
from tests.store.conftest import alice, bob, store
from tests.support.templates import Fill, filled_by

__all__ = ["alice", "bob", "store"]


ALL_TABLES = filled_by(upgrade_within)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has all tables."""
    return ALL_TABLES


@pytest.fixture
def to_bob(database: Database, bob: Account) -> Intake:
    """The way into account 2."""
    return Intake(database, bob)
