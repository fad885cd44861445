"""The gateway itself, started as anybody would: `mailgate demo` with a directory of the size that is wanted."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from benchmarks.peers.academy import write_academy
from benchmarks.peers.peer import Peer, Person, bytes_on_disk
from tests.support.postgresql import PostgresqlServer

_STOPPING = 30.0


@contextmanager
def mailgate(members: int, store: Literal["sqlite", "postgresql"]) -> Iterator[Peer]:
    """Run it with `members` parents on one list, in a temporary folder, on the store that is named.

    Raises:
        RuntimeError: it did not start; what it said is in the text.
    """
    directory = Path(tempfile.mkdtemp(prefix="benchmark-mailgate-"))
    try:
        write_academy(directory / "academy", members)
        server = PostgresqlServer() if store == "postgresql" else None
        with server or nullcontext():
            yield from _run(directory, server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(directory: Path, server: PostgresqlServer | None) -> Iterator[Peer]:
    state = directory / "state"
    command = [sys.executable, "-m", "mailgate", "demo", "--ports", "auto", "--json"]
    command += ["--state", str(state), "--directory", str(directory / "academy")]
    command += ["--store", server.create_database()] if server else []
    with (directory / "errors").open("w+b") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"mailgate did not start:\n{(directory / 'errors').read_text()[-3000:]}")
            stored = _stored_by(server, state)
            processes = (process.pid, server.pid) if server else (process.pid,)
            yield _peer(json.loads(line), "PostgreSQL" if server else "SQLite", processes, stored)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOPPING)


def _peer(ready: dict[str, Any], store: str, processes: tuple[int, ...], stored: Callable[[], int]) -> Peer:
    def people(profile: str) -> tuple[Person, ...]:
        found = (person for person in ready["people"] if person["profile"] == profile)
        return tuple(Person(person["address"], person["password"]) for person in found)

    return Peer(
        name=f"mailgate, {store}",
        imaps=(ready["imaps"]["host"], ready["imaps"]["port"]),
        smtps=(ready["smtps"]["host"], ready["smtps"]["port"]),
        ca=Path(ready["ca"]),
        sender=people("management")[0],
        list_address=next(address for address in ready["lists"] if address.startswith("parents@")),
        members=people("relative"),
        processes=processes,
        stored=stored,
    )


def _stored_by(server: PostgresqlServer | None, state: Path) -> Callable[[], int]:
    if server is not None:
        return lambda: bytes_on_disk(server.data / "base")

    def pages() -> int:
        with closing(sqlite3.connect(state / "mailgate.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            used, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            total: int = (used - free) * size
            return total

    return pages
