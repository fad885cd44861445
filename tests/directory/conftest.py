"""The directory's tables: in memory for what is only read, on each engine for what writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol, TypeVar

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from directory.readers.aaf import read_aaf
from directory.report import ImportReport
from directory.schema import metadata
from tests.directory.academy import DEMO, empty_directory, expected, take
from tests.directory.demo_feeds import DemoFiles
from tests.support.templates import Fill, tables_of

T = TypeVar("T")


class Transaction(Protocol):
    """Runs a function on a connection, in a transaction that commits when it returns."""

    async def __call__(self, work: Callable[[Connection], T]) -> T: ...


TABLES = tables_of(metadata)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the directory's tables."""
    return TABLES


@pytest.fixture
def engine_url(database_url: str) -> str:
    """The URL of a fresh database with its asynchronous driver, on each engine in turn."""
    scheme, _, rest = database_url.partition("://")
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[scheme.partition("+")[0]]
    return f"{driver}://{rest}"


@pytest.fixture
async def transaction(engine_url: str) -> AsyncIterator[Transaction]:
    """An empty directory, on each engine in turn."""
    engine = create_async_engine(engine_url)

    async def run(work: Callable[[Connection], T]) -> T:
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    yield run
    await engine.dispose()


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty directory in memory."""
    with empty_directory() as connection:
        yield connection


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[Connection, ImportReport]]:
    """The demo academy in memory, to be read only, and the report of its import."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        yield connection, take(connection, read_aaf(DEMO))
    engine.dispose()


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    """The demo academy in files of every format."""
    return DemoFiles.write(tmp_path_factory.mktemp("demo"), expected())
