"""A gateway on the demo academy, on each store: shared by tests that leave it running, or one's own to kill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.demo import prepare
from tests.end_to_end.gateway import Gateway
from tests.policy.conftest import academy_url
from tests.support.postgresql import PostgresqlServer

__all__ = ["academy_url"]

STORES = ["sqlite", "postgresql"]


class Demos:
    """Demos as a first start leaves them: made once for each store, and copied."""

    def __init__(self, folder: Path, server: PostgresqlServer) -> None:
        self._folder = folder
        self._server = server
        self._made: dict[str, str] = {}
        """The URL of the database, by store."""

    def copy(self, store: str, state: Path) -> Gateway:
        """A gateway that is ready to be started on a state folder of its own."""
        template = self._folder / store
        if store not in self._made:
            url = self._server.create_database() if store == "postgresql" else None
            made = prepare(template, store=url, directory=None, free_ports=True, progress=lambda _file, _number: None)
            self._made[store] = made.academy.store
        before = self._made[store]
        shutil.copytree(template, state)
        url = self._server.copy_database(before) if store == "postgresql" else f"sqlite:///{state / 'mailgate.db'}"
        kept = state / "academy.json"
        kept.write_text(kept.read_text().replace(before, url))
        return Gateway(state, ("--store", url) if store == "postgresql" else ())


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer) -> Demos:
    """What was made already, for the session; a first start itself is tested in tests/cli/test_demo.py."""
    return Demos(tmp_path_factory.mktemp("demos"), postgresql_server)


@pytest.fixture(scope="package", params=STORES)
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, demos: Demos
) -> Iterator[Gateway]:
    """One demo for the whole package: tests use people and mailboxes of their own."""
    running = demos.copy(request.param, tmp_path_factory.mktemp("demo") / "state")
    running.start()
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture(params=STORES)
def mortal_gateway(request: pytest.FixtureRequest, tmp_path: Path, demos: Demos) -> Iterator[Gateway]:
    """A demo of one's own, to stop, kill and start again."""
    running = demos.copy(request.param, tmp_path / "state")
    running.start()
    try:
        yield running
    finally:
        running.kill()
