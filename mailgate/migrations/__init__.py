"""The database schema's versions: brought to the newest one at start, under a lock, on both engines (Alembic)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

import directory.family_schema
import directory.list_schema
import directory.schema
import mailgate.accounts.schema
import mailgate.moderation.schema
import mailgate.policy.audit
import mailgate.policy.schema
import mailgate.store.schema
import mailgate.store.search.schema
import mailgate.transfer.schema

METADATA: tuple[MetaData, ...] = (
    directory.schema.metadata,
    mailgate.store.schema.metadata,
    mailgate.accounts.schema.metadata,
    mailgate.transfer.schema.metadata,
    mailgate.policy.audit.metadata,
    mailgate.policy.schema.metadata,
    mailgate.moderation.schema.metadata,
)
"""Every table of the application, by the part that owns it."""

_LOCK = 0x6D61696C  # any number: what matters is that every mailgate uses the same


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The version that the database has (None: it is empty), and the one that this program needs."""

    current: str | None
    newest: str | None

    @property
    def ready(self) -> bool:
        return self.current == self.newest


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade_within(connection: Connection) -> None:
    """`upgrade` in the transaction of `connection`, which the caller ends."""
    if connection.dialect.name == "postgresql":
        # Several workers or nodes may start at once.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    command.upgrade(_config(connection), "head")


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the schema to the newest version; does nothing when it is there already."""
    async with engine.begin() as connection:
        await connection.run_sync(upgrade_within)


async def version(engine: AsyncEngine) -> SchemaVersion:
    """What the database has against what this program needs."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    async with engine.connect() as connection:
        current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    return SchemaVersion(current, newest)
