"""A database of each engine with the tables and nothing in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete

from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.strangers.schema import greylist
from tests.policy.conftest import academy_url

__all__ = ["academy_url"]


@pytest.fixture
async def database(academy_url: str) -> AsyncIterator[Database]:
    opened = await open_database(academy_url, pool_size=2)
    yield opened
    await opened.close()
    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        await connection.execute(delete(greylist))
