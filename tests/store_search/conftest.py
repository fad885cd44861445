"""The store of the store's own tests, with an indexer that works when it is told to."""

from __future__ import annotations

import pytest

from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.search.indexer import Indexer
from tests.store.conftest import alice, bob, database_content, store

__all__ = ["alice", "bob", "database_content", "store"]


@pytest.fixture
def indexer(database: Database, store: MailStore) -> Indexer:
    """Not started: `index_batch` does one batch."""
    return Indexer(database)
