"""Databases for the tests: each test that asks for one runs on both engines."""

from __future__ import annotations

import gc
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mailgate.database import Database, open_database
from tests.support.memory import use_memory
from tests.support.postgresql import PostgresqlServer
from tests.support.templates import Fill, Templates

pytest_plugins = ["tests.support.stacks"]
use_memory()
# A shell has what runs in its background ignore Ctrl+C, and so would all programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says how busy the machine is; what must be fast is measured elsewhere, what hangs is ended.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the collector of garbage need not look through, again and again: thousands of tests that stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """One server for the session (for each worker of xdist)."""
    with PostgresqlServer(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What fills the databases of tests, made once for the session."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def database_content() -> Fill | None:
    """What a fresh database holds: nothing, unless a folder of tests has its own `database_content`."""
    return None


@pytest.fixture
def postgresql_url(
    postgresql_server: PostgresqlServer, templates: Templates, database_content: Fill | None
) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database."""
    url = (
        templates.postgresql(database_content, postgresql_server)
        if database_content
        else postgresql_server.create_database()
    )
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path, templates: Templates, database_content: Fill | None) -> str:
    """The URL of a fresh SQLite database."""
    path = tmp_path / "mailgate.db"
    if database_content:
        templates.sqlite(database_content, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database, on each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh and open database, on each engine in turn."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()
