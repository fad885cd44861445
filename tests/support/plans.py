"""How a database would run a statement: which tables it would read whole."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from mailgate.database import Statement


async def read_whole(url: str, statement: Statement, **parameters: object) -> set[str]:
    """The tables that no index helps with, on the database at `url`: small ones too."""
    if url.startswith("sqlite"):
        return _on_sqlite(urlsplit(url).path.removeprefix("/"), statement, parameters)
    connection = await asyncpg.connect(url, server_settings={"enable_seqscan": "off"})
    try:
        plan = statement.plan("postgresql")
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {plan.sql}", *plan.arguments(parameters))
    finally:
        await connection.close()
    return {node["Relation Name"] for node in _nodes(json.loads(text)[0]["Plan"]) if node["Node Type"] == "Seq Scan"}


def _on_sqlite(path: str, statement: Statement, parameters: dict[str, object]) -> set[str]:
    plan = statement.plan("sqlite")
    connection = sqlite3.connect(f"/{path}")
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = connection.execute(f"EXPLAIN QUERY PLAN {plan.sql}", plan.arguments(parameters)).fetchall()
    finally:
        connection.close()
    scanned = {found[1] for row in rows if (found := re.match(r"SCAN (\w+)", row[3]))}
    return scanned & tables


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for one in node.get("Plans", ()):
        yield from _nodes(one)
