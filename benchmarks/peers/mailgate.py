"""The gateway, by `mailgate serve`, on an academy made for the purpose."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Self

from benchmarks.peers.academy import UAI, write_academy
from benchmarks.peers.peer import Peer, Person, bytes_on_disk, free_port
from tests.support.postgresql import PostgresqlServer

_STARTING = 30.0
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
        database = PostgresqlServer() if store == "postgresql" else None
        with database or nullcontext():
            made = _make_academy(directory, database)
            with Gateway(directory) as gateway:
                yield _peer(made, gateway, database)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Gateway:
    """The serving processes, on the settings that the demo wrote below `directory`; they can be started anew."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.imaps, self.smtps, self.mx, self.smarthost = (free_port() for _ in range(4))
        self._errors = directory / "errors"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def command(self) -> list[str]:
        """What its commands begin with."""
        return [sys.executable, "-m", "mailgate", "--config", str(self.state / "mailgate.toml")]

    def flush(self) -> None:
        """Have everything in its queue tried now."""
        subprocess.run([*self.command, "queue", "retry", "--all"], check=True, stdout=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """The first process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it greets."""
        environment = os.environ | {
            "MAILGATE_IMAP__LISTEN": f'["127.0.0.1:{self.imaps}"]',
            "MAILGATE_SMTP__LISTEN": f'["127.0.0.1:{self.smtps}"]',
            "MAILGATE_MX__LISTEN": f'["127.0.0.1:{self.mx}"]',
            "MAILGATE_MX__TRUSTED": '["127.0.0.0/8"]',
            "MAILGATE_QUEUE__ROUTE": "smarthost",
            "MAILGATE_QUEUE__SMARTHOST": f"127.0.0.1:{self.smarthost}",
            "MAILGATE_QUEUE__SMARTHOST_SECURITY": "none",
            "MAILGATE_QUEUE__PAUSES": "[86400]",
            "MAILGATE_LOG__LEVEL": "warning",
            "MAILGATE_LOG__FORMAT": "text",
        }
        command = [*self.command, "serve"]
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(command, stdout=errors, stderr=errors, env=environment)
        deadline = time.monotonic() + _STARTING
        while not all(map(_listens, (self.imaps, self.smtps, self.mx))):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"mailgate did not start:\n{self._errors.read_text()[-3000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; what it complained about is passed on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOPPING)
        self._process = None
        sys.stderr.write(self._errors.read_text(errors="replace")[-3000:])
        self._errors.write_bytes(b"")

    def restart(self) -> None:
        """Stop and start, on the same ports."""
        self.stop()
        self.start()


def _make_academy(directory: Path, database: PostgresqlServer | None) -> dict[str, Any]:
    """Run the demo once, for its accounts, passwords and settings; give what it says."""
    command = [sys.executable, "-m", "mailgate", "demo", "--ports", "auto", "--json"]
    command += ["--state", str(directory / "state"), "--directory", str(directory / "academy")]
    command += ["--store", database.over_socket(database.create_database())] if database else []
    with (directory / "demo").open("w+b") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.wait(_STOPPING)
        if not line:
            raise RuntimeError(f"the demo did not start:\n{(directory / 'demo').read_text()[-3000:]}")
    made: dict[str, Any] = json.loads(line)
    for limit in ("messages_per_hour", "recipients_per_hour"):
        lifted = ["policy", "limits", "set", UAI, "management", limit, "unlimited"]
        config = str(directory / "state" / "mailgate.toml")
        subprocess.run([*command[:3], "--config", config, *lifted], check=True, stdout=subprocess.DEVNULL)
    return made


def _peer(made: dict[str, Any], gateway: Gateway, database: PostgresqlServer | None) -> Peer:
    def people(profile: str) -> tuple[Person, ...]:
        found = (person for person in made["people"] if person["profile"] == profile)
        return tuple(Person(person["address"], person["password"]) for person in found)

    return Peer(
        name=f"mailgate, {'PostgreSQL' if database else 'SQLite'}",
        imaps=("127.0.0.1", gateway.imaps),
        smtps=("127.0.0.1", gateway.smtps),
        ca=Path(made["ca"]),
        mx=("127.0.0.1", gateway.mx),
        senders=people("management"),
        list_address=next(address for address in made["lists"] if address.startswith("parents@")),
        members=people("relative"),
        processes=lambda: (gateway.pid, database.pid) if database else (gateway.pid,),
        stored=_stored_by(database, gateway.state),
        forget=gateway.restart,
        smarthost=gateway.smarthost,
        flush=gateway.flush,
    )


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


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
