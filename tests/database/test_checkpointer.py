"""The thread that copies commits into an SQLite file ends when it is told to, at whatever moment."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from mailgate.database import sqlite_checkpointer
from mailgate.database.sqlite_checkpointer import Checkpointer


def test_it_ends_when_it_is_closed_just_before_it_takes_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpointer, "_SECONDS", 0.01)
    checkpointer = Checkpointer(lambda: sqlite3.connect(tmp_path / "file.db", check_same_thread=False))

    class Late(threading.Event):
        """What is noted has been noted for the last time already."""

        def clear(self) -> None:
            checkpointer._closing.set()
            self.set()
            super().clear()

    checkpointer._wanted = Late()
    checkpointer.start()
    checkpointer.committed()
    checkpointer._thread.join(20)
    assert not checkpointer._thread.is_alive()
    checkpointer.close()
