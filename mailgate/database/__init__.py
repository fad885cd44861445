"""One seam over two engines, SQLite and PostgreSQL: compiled statements, and units of work.

A unit of work is an async function over a `Tx`. On PostgreSQL its awaits go to the network; on SQLite a thread of its
own steps the very same function through without ever suspending, many units to one commit. So every transaction of the
application is written once.
"""

from mailgate.database.contract import Database, Row, Tx
from mailgate.database.open import open_database
from mailgate.database.statement import Statement

__all__ = ["Database", "Row", "Statement", "Tx", "open_database"]
