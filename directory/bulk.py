"""Many rows, or many values, in one statement: as arrays on PostgreSQL, as the driver does best on SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

Rows = Sequence[Mapping[str, Any]]
"""Rows with the same columns all, two at least; numbers, texts, octets and truth values."""


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows."""
    if connection.dialect.name == "postgresql":
        names = list(rows[0])
        connection.execute(insert(table).from_select(names, _unnested(table, names)), _columns(names, rows))
    else:
        _execute_many(connection, insert(table), rows)


def upsert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows, and replace those that have the same primary key; no two of `rows` may have the same."""
    names = list(rows[0])
    if connection.dialect.name == "postgresql":
        into: Insert = postgresql.insert(table).from_select(names, _unnested(table, names))
        connection.execute(_replacing(into, table, names), _columns(names, rows))
    else:
        _execute_many(connection, _replacing(sqlite.insert(table), table, names), rows)


def among(connection: Connection, column: Column[str], name: str) -> ColumnElement[bool]:
    """Whether a text is one of those that the parameter `name` gives: `listed`."""
    if connection.dialect.name == "postgresql":
        return column == func.any(bindparam(name, type_=ARRAY(Text)))
    return column.in_(select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value))


def listed(connection: Connection, values: Sequence[str]) -> list[str] | str:
    """The parameter of `among`."""
    return list(values) if connection.dialect.name == "postgresql" else json.dumps(values)


def _execute_many(connection: Connection, statement: Insert, rows: Rows) -> None:
    """Without the work that SQLAlchemy does for each row: half of the time."""
    compiled: Any = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    values = itemgetter(*compiled.positiontup)
    connection.exec_driver_sql(str(compiled), [values(row) for row in rows])


def _replacing(into: Any, table: Table, names: Sequence[str]) -> Insert:  # noqa: ANN401 - of either dialect
    key = [column.name for column in table.primary_key]
    changed = {name: into.excluded[name] for name in names if name not in key}
    replacing: Insert = into.on_conflict_do_update(index_elements=key, set_=changed)
    return replacing


def _unnested(table: Table, names: Sequence[str]) -> Select[Any]:
    """The rows that `_columns` gives, as PostgreSQL selects them."""
    arrays = [_array(table.c[name]) for name in names]
    given = func.unnest(*arrays).table_valued(*names).render_derived()
    return select(*(given.c[name] for name in names))


def _columns(names: Sequence[str], rows: Rows) -> dict[str, list[Any]]:
    return {f"many_{name}": [row[name] for row in rows] for name in names}


def _array(column: Column[Any]) -> BindParameter[Any]:
    return bindparam(f"many_{column.name}", type_=ARRAY(column.type))
