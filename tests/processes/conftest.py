"""Gateways by `mailgate serve`: shared ones that tests leave running, and ones of one's own to stop and kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes.serving import Serving
from tests.support.postgresql import PostgresqlServer

STORES = ["sqlite", "postgresql"]


def make(folder: Path, url: str, *, accounts: bool = True, **settings: dict[str, Any]) -> Serving:
    """A gateway that is ready to be started; two workers on PostgreSQL."""
    made = Serving(folder, url or f"sqlite:///{folder}/mailgate.db", 2 if url else 1, settings)
    made.prepare(accounts=accounts)
    return made


@pytest.fixture(scope="package", params=STORES)
def serving(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> Iterator[Serving]:
    """One for the whole package, on each store."""
    url = postgresql_server.create_database() if request.param == "postgresql" else ""
    running = make(tmp_path_factory.mktemp("serving"), url)
    try:
        running.start()
        yield running
        assert running.stop() == 0
        assert running.noise == []
    finally:
        running.end()


Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts one of one's own, on SQLite when it is given no URL."""
    with ExitStack() as stack:

        def start_one(url: str = "", *, accounts: bool = True, **settings: dict[str, Any]) -> Serving:
            made = make(tmp_path, url, accounts=accounts, **settings)
            stack.callback(made.end)
            made.start()
            return made

        yield start_one


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """A fresh database on each store in turn, as `start` takes it."""
    url: str = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    return url
