"""The little that SQLite and PostgreSQL spell differently, or that is asked often."""

from __future__ import annotations

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_ignoring(connection: Connection, table: Table) -> Insert:
    """An insert that passes over rows whose key is there. Its SELECT must have a WHERE (SQLite's grammar asks it)."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
