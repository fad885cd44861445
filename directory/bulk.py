"""Many rows in one statement: one round trip of columns on PostgreSQL, what the driver does best on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, Select, Table, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

Rows = Sequence[Mapping[str, Any]]
"""Rows with the same columns all."""


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows."""
    if connection.dialect.name == "postgresql":
        names = list(rows[0])
        connection.execute(insert(table).from_select(names, unnested(table, names)), columns(names, rows))
    else:
        connection.execute(insert(table), list(rows))


def unnested(table: Table, names: Sequence[str]) -> Select[Any]:
    """The rows that `columns` gives, as PostgreSQL selects them."""
    arrays = [_array(table.c[name]) for name in names]
    given = func.unnest(*arrays).table_valued(*names).render_derived()
    return select(*(given.c[name] for name in names))


def columns(names: Sequence[str], rows: Rows) -> dict[str, list[Any]]:
    """The rows as one list for each column: the parameters of `unnested`."""
    return {f"many_{name}": [row[name] for row in rows] for name in names}


def _array(column: Column[Any]) -> BindParameter[Any]:
    return bindparam(f"many_{column.name}", type_=ARRAY(column.type))
