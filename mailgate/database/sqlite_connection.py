"""One SQLite connection: its settings, transactions over it, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mailgate.database.contract import Row
from mailgate.database.errors import ConstraintViolated, DatabaseUnavailable
from mailgate.database.sqlite_syncer import SyncFailed
from mailgate.database.unit import checked_payload

if TYPE_CHECKING:
    from mailgate.database.statement import Plan, Statement

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit survives the loss of power
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8192",  # KiB, per connection
    "PRAGMA mmap_size = 1073741824",  # bytes; pages then come from the system's cache, uncopied: half the time
    "PRAGMA wal_autocheckpoint = 16000",  # pages: where nobody checkpoints beside, or who does cannot keep up
    "PRAGMA journal_size_limit = 67108864",  # bytes that the log keeps after a checkpoint
)
"""What every connection sets."""
READER_PRAGMAS = (
    "PRAGMA query_only = ON",
    # KiB: what is read comes uncopied from the file, or from the log until the next checkpoint, and is dropped from
    # the cache at the next commit of anybody; measured, a larger one makes no read faster.
    "PRAGMA cache_size = -1024",
)
"""What those that read set besides."""

_TEMPORARY = {
    sqlite3.SQLITE_BUSY: "{path} stays locked by another process: find it (fuser {path}) and let it finish",
    sqlite3.SQLITE_LOCKED: "{path} stays locked by another process: find it (fuser {path}) and let it finish",
    sqlite3.SQLITE_FULL: "the disk that holds {path} is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk that holds {path} failed: see the system's log",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened: check that its folder exists and may be written to",
    sqlite3.SQLITE_PERM: "{path} may not be used by this user: change its owner",
    sqlite3.SQLITE_READONLY: "{path} cannot be written to: check its owner and mode, and those of its folder",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged: restore it from a backup",
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database: name another file, or move this one away",
}


_TEXTS = 1_000
"""Texts of one statement: the first is long out of the driver's cache when it comes again."""


class Connection(sqlite3.Connection):
    """One that compiles a statement once, also after it was interrupted between two rows.

    The driver of Python 3.11 keeps such a statement in its cache for good, takes it for one in use, and compiles its
    text anew at each call, which takes ten times as long as most reads. A text with a blank more is another one.
    """

    def __init__(self, path: Path, *, timeout: float) -> None:
        super().__init__(path, timeout=timeout, isolation_level=None, cached_statements=512, check_same_thread=False)
        self._texts: dict[str, str] = {}

    def text_of(self, plan: Plan) -> str:
        """What to execute."""
        return self._texts.get(plan.sql, plan.sql)

    def has_failed(self, plan: Plan) -> None:
        """Note that a statement did not come to its end."""
        blanks = (len(self.text_of(plan)) - len(plan.sql) + 1) % _TEXTS
        self._texts[plan.sql] = plan.sql + " " * blanks


def connect(path: Path, *, busy_timeout: float, read_only: bool = False) -> Connection:
    """Open a connection for one thread at a time, making the file (for its owner only) if there is none.

    Raises:
        sqlite3.Error: see `translated`.
    """
    if not path.exists():
        try:
            os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC | os.O_RDWR, 0o600))
        except OSError as error:
            raise DatabaseUnavailable(f"{path} cannot be made: {error.strerror}") from error
    connection = Connection(path, timeout=busy_timeout)
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        _check_journal(connection, path)
        if read_only:
            for pragma in READER_PRAGMAS:
                connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_journal(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        raise DatabaseUnavailable(f"{path} is on a disk without shared memory (NFS?): use a local disk")


def translated(error: BaseException, path: Path) -> BaseException:
    """Give the seam's own exception for an error of the driver, or `error` itself if it is a fault of the program."""
    if isinstance(error, sqlite3.IntegrityError):
        made: Exception = ConstraintViolated(str(error))
    elif isinstance(error, SyncFailed):
        made = DatabaseUnavailable(f"the disk that holds {path} failed: see the system's log, then start again")
    else:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if not isinstance(error, sqlite3.Error) or code not in _TEMPORARY:
            return error
        made = DatabaseUnavailable(_TEMPORARY[code].format(path=path))
    made.__cause__ = error
    return made


class SqliteTx:
    """A transaction over a connection; `messages` takes what it publishes, None if it only reads. `check` is called
    before each statement.
    """

    __slots__ = ("_check", "_connection", "_messages")

    engine: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(
        self, connection: Connection, messages: list[str] | None, check: Callable[[], None] | None = None
    ) -> None:
        self._check = check
        self._connection = connection
        self._messages = messages

    async def all(self, statement: Statement, **parameters: object) -> list[Row]:
        plan = self._plan(statement)
        try:
            return self._execute(plan, parameters).fetchall()
        except sqlite3.Error:
            self._connection.has_failed(plan)
            raise

    async def one(self, statement: Statement, **parameters: object) -> Row | None:
        plan = self._plan(statement)
        cursor = self._execute(plan, parameters)
        row: Row | None = cursor.fetchone()
        cursor.close()
        return row

    async def run(self, statement: Statement, **parameters: object) -> int:
        plan = self._plan(statement)
        try:
            cursor = self._execute(plan, parameters)
            cursor.fetchall()  # a statement with RETURNING counts only when it is at its end
        except sqlite3.Error:
            self._connection.has_failed(plan)
            raise
        if cursor.rowcount >= 0:
            return cursor.rowcount
        count: int = self._connection.execute("SELECT changes()").fetchone()[0]  # after WITH, the driver is blind
        return count

    async def run_many(self, statement: Statement, parameters: Sequence[Mapping[str, object]]) -> None:
        plan = self._plan(statement)
        self._connection.executemany(self._connection.text_of(plan), map(plan.arguments, parameters))

    def _execute(self, plan: Plan, parameters: Mapping[str, object]) -> sqlite3.Cursor:
        return self._connection.execute(self._connection.text_of(plan), plan.arguments(parameters))

    def _plan(self, statement: Statement) -> Plan:
        if self._check is not None:
            self._check()
        return statement.plan("sqlite")

    async def notify(self, payload: str) -> None:
        if self._messages is None:
            raise RuntimeError("a unit of work given to read() tried to publish")
        self._messages.append(checked_payload(payload))
