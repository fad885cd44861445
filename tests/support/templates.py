"""Fresh databases that hold something already: made once for each engine, and copied for each test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, MetaData

from mailgate.database.batch import batch_engine
from tests.support.postgresql import PostgresqlServer

Fill = Callable[[str], object]
"""Puts tables, and what else is wanted, into the empty database at a URL, and leaves nobody connected to it."""


def filled_by(*work: Callable[[Connection], object]) -> Fill:
    """A `Fill` of functions on a connection, in one transaction."""

    async def fill(url: str) -> None:
        async with batch_engine(url, create=True) as engine, engine.begin() as connection:
            for step in work:
                await connection.run_sync(step)

    return lambda url: asyncio.run(fill(url))


def tables_of(*metadata: MetaData) -> Fill:
    """A `Fill` with empty tables."""
    return filled_by(*(one.create_all for one in metadata))


class Templates:
    """What was filled already, by engine; `folder` takes the SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Fill, Path] = {}
        self._databases: dict[Fill, str] = {}

    def sqlite(self, fill: Fill, path: Path) -> None:
        """Make the file `path`, filled."""
        if (template := self._files.get(fill)) is None:
            template = self._folder / f"{len(self._files)}.db"
            fill(f"sqlite:///{template}")
            self._files[fill] = template
        shutil.copy(template, path)

    def postgresql(self, fill: Fill, server: PostgresqlServer) -> str:
        """Make a database on the session's server, filled, and give its URL."""
        if (template := self._databases.get(fill)) is None:
            template = server.create_database()
            fill(template)
            self._databases[fill] = template
        return server.copy_database(template)
