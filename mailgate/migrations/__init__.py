"""The database schema's versions: brought to the newest one at start, under a lock, on both engines (Alembic)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import AsyncEngine

_HERE: Final = Path(__file__).parent
_DIGITS: Final = 4
_VERSIONS: Final = "alembic_version"
_LOCK = 0x6D61696C  # any number: what matters is that every mailgate uses the same


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The version that the database has (None: it is empty), and the one that this program needs."""

    current: str | None
    newest: str | None

    @property
    def ready(self) -> bool:
        return self.current == self.newest


def upgrade_within(connection: Connection) -> None:
    """`upgrade` in the transaction of `connection`, which the caller ends."""
    from alembic import command  # noqa: PLC0415 - a command that finds the schema ready needs none of it

    if connection.dialect.name == "postgresql":
        # Several workers or nodes may start at once.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    return config


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the schema to the newest version; does nothing when it is there already."""
    async with engine.begin() as connection:
        await connection.run_sync(upgrade_within)


async def version(engine: AsyncEngine) -> SchemaVersion:
    """What the database has against what this program needs."""
    async with engine.connect() as connection:
        current = await connection.run_sync(_current)
    return SchemaVersion(current, _newest())


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSIONS}"))  # noqa: S608 - a constant
    return found


def _newest() -> str:
    """The file of each version is named by its number."""
    return max(path.name[:_DIGITS] for path in (_HERE / "versions").glob("[0-9]*.py"))
