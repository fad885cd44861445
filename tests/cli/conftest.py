"""Databases that hold the demo academy, imported once for each engine and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command, describe
from tests.directory.academy import DEMO
from tests.support.postgresql import PostgresqlServer


def command_on(folder: Path, url: str) -> Command:
    """The command with settings that name a database."""
    command = Command(folder)
    command.use(describe({"directory": {"school_year": 2025}, "database": {"url": url}}))
    return command


@pytest.fixture
def mailgate(tmp_path: Path, sqlite_url: str) -> Command:
    """The command, with settings that name an SQLite database which is not there yet."""
    return command_on(tmp_path, sqlite_url)


@pytest.fixture
def empty(tmp_path: Path, database_url: str) -> Command:
    """The command on a database without a table, on each engine in turn."""
    return command_on(tmp_path, database_url)


@pytest.fixture(scope="session")
def sqlite_academy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the demo academy, to be copied."""
    folder = tmp_path_factory.mktemp("academy")
    path = folder / "mailgate.db"
    command_on(folder, f"sqlite:///{path}").good("directory", "import", DEMO)
    return path


@pytest.fixture(scope="session")
def postgresql_academy(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer) -> str:
    """The URL of a database with the demo academy, to be copied."""
    url = postgresql_server.create_database()
    command_on(tmp_path_factory.mktemp("academy"), url).good("directory", "import", DEMO)
    return url


@pytest.fixture
def academy(tmp_path: Path, sqlite_academy: Path) -> Command:
    """The command on an SQLite database of one's own with the demo academy."""
    path = tmp_path / "academy.db"
    shutil.copy(sqlite_academy, path)
    return command_on(tmp_path, f"sqlite:///{path}")


@pytest.fixture
def academy_on_postgresql(
    tmp_path: Path, postgresql_server: PostgresqlServer, postgresql_academy: str
) -> Iterator[Command]:
    """The command on a PostgreSQL database of one's own with the demo academy."""
    url = postgresql_server.copy_database(postgresql_academy)
    yield command_on(tmp_path, url)
    postgresql_server.drop_database(url)


@pytest.fixture(params=["academy", "academy_on_postgresql"], ids=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Command:
    """The command on the demo academy, on each engine in turn."""
    command: Command = request.getfixturevalue(request.param)
    return command
