"""The little that SQLite and PostgreSQL spell differently, or that is asked often."""

from __future__ import annotations

from sqlalchemy import Connection, Insert, Table, delete, false, func, select
from sqlalchemy.dialects import postgresql, sqlite

from directory.schema import person

_LOCK = 0x6D61696C67617465
"""The advisory lock of changes of the directory on PostgreSQL: any number that nothing else takes."""


def lock(connection: Connection) -> None:
    """One import or change of lists at a time, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    # Python's SQLite driver begins a transaction at the first writing statement only, and a savepoint needs one.
    connection.execute(delete(person).where(false()))


def insert_ignoring(connection: Connection, table: Table) -> Insert:
    """An insert that passes over rows whose key is there. Its SELECT must have a WHERE (SQLite's grammar asks it)."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
