"""Checkpoints of an SQLite file beside those who write: what was committed is synced and copied into the file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Final

_SECONDS: Final = 1.0


class Checkpointer:
    """Brings commits from the log into the file a second after they were made, until `close`.

    It has a thread and a connection of its own: a commit that did this itself would wait for megabytes to reach the
    disk, and all others with it.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="sqlite-checkpointer", daemon=True)

    def start(self) -> None:
        """Open the connection; raises what `connect` raises."""
        self._connection = self._connect()
        self._thread.start()

    def committed(self) -> None:
        """Take note of a commit, in any thread."""
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """End; the last connection to close copies what is left."""
        self._closing.set()
        self._wanted.set()
        self._thread.join()
        self._connection.close()

    def _main(self) -> None:
        while not self._closing.is_set() and self._wanted.wait() and not self._closing.wait(_SECONDS):
            self._wanted.clear()  # and with it, it may be, what `close` has set: hence the first look
            if not self._checkpoint():
                self._wanted.set()

    def _checkpoint(self) -> bool:
        """Whether all is in the file: a reader or another process may hold it up for a while."""
        with contextlib.suppress(sqlite3.Error):
            busy, pages, copied = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return not busy and pages == copied
        return False
