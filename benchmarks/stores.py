"""A database of each store, to measure on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from tests.support.postgresql import PostgresqlServer

Store: TypeAlias = Literal["sqlite", "postgresql"]


@contextmanager
def database(store: Store) -> Iterator[str]:
    """The URL of a new database."""
    with tempfile.TemporaryDirectory() as folder:
        if store == "sqlite":
            yield f"sqlite:///{folder}/mailgate.db"
        else:
            with PostgresqlServer() as server:
                yield server.create_database()
