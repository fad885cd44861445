"""A gateway on the demo academy, on each store: shared by tests that leave it running, or one's own to kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gateway import Gateway
from tests.policy.conftest import academy_url
from tests.support.postgresql import PostgresqlServer

__all__ = ["academy_url"]

STORES = ["sqlite", "postgresql"]


def _options(store: str, server: PostgresqlServer) -> tuple[str, ...]:
    return ("--store", server.create_database()) if store == "postgresql" else ()


@pytest.fixture(scope="package", params=STORES)
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> Iterator[Gateway]:
    """One demo for the whole package: tests use people and mailboxes of their own."""
    running = Gateway(tmp_path_factory.mktemp("demo") / "state", _options(request.param, postgresql_server))
    running.start()
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture(params=STORES)
def mortal_gateway(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql_server: PostgresqlServer
) -> Iterator[Gateway]:
    """A demo of one's own, to stop, kill and start again."""
    running = Gateway(tmp_path / "state", _options(request.param, postgresql_server))
    running.start()
    try:
        yield running
    finally:
        running.kill()
