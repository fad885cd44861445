"""The demo academy with its accounts, in a database of each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Connection

from directory.readers.aaf import read_aaf
from mailgate import migrations
from mailgate.database import Database, open_database
from mailgate.directory_import import Provisioning, import_and_provision
from tests.directory.academy import AAF, DEMO, SETTINGS
from tests.support.postgresql import PostgresqlServer
from tests.support.templates import Templates, filled_by


def _fill(connection: Connection) -> None:
    migrations.upgrade_within(connection)
    import_and_provision(connection, [(AAF, read_aaf(DEMO))], SETTINGS, Provisioning())


ACADEMY = filled_by(_fill)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def academy_url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
    templates: Templates,
) -> Iterator[str]:
    """A database that a module's tests share; they leave it as it was."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("academy") / "mailgate.db"
        templates.sqlite(ACADEMY, path)
        yield f"sqlite:///{path}"
        return
    url = templates.postgresql(ACADEMY, postgresql_server)
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture
async def academy(academy_url: str) -> AsyncIterator[Database]:
    """The academy."""
    opened = await open_database(academy_url)
    yield opened
    await opened.close()
