"""One seam over two engines, SQLite and PostgreSQL: compiled statements, and units of work.

A unit of work is an async function over a `Tx`. On PostgreSQL its awaits go to the network; on SQLite a thread of its
own steps the very same function through without ever suspending, many units to one commit. So every transaction of the
application is written once.
"""

from mailgate.database.contract import Database, Row, Tx
from mailgate.database.errors import BadDatabaseUrl, ConstraintViolated, DatabaseError, DatabaseUnavailable
from mailgate.database.open import async_engine, open_database
from mailgate.database.statement import Statement, insert, member, rows

__all__ = [
    "BadDatabaseUrl",
    "ConstraintViolated",
    "Database",
    "DatabaseError",
    "DatabaseUnavailable",
    "Row",
    "Statement",
    "Tx",
    "async_engine",
    "insert",
    "member",
    "open_database",
    "rows",
]
