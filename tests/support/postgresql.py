"""A private PostgreSQL server, from Debian's binaries, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_ADMINISTRATOR = "mailgate"
_UNDERTAKER = 'cat; "$0" -D "$1/data" -m immediate stop; rm -rf "$1"'
"""Waits for the end of its input, which comes even when the tests are killed, and then leaves nothing behind."""


def find_binaries() -> Path:
    """Give the folder of `initdb` and `postgres`, the newest version first.

    Raises:
        FileNotFoundError: there is none; the text says what to install.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in (*debian, *on_path):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("no PostgreSQL server was found: apt-get install postgresql, or put initdb on PATH")


class PostgresqlServer:
    """A server on loopback and a Unix socket, in a temporary folder that goes with it.

    It runs as another user when started by root, which PostgreSQL refuses. With `durable` false nothing is synced to
    disk, and a password is asked for by MD5: faster, and of no use to a test of durability.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable
        self._binaries = find_binaries()
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="mailgate-postgresql-"))
        self._password = secrets.token_hex(8)
        self._undertaker: subprocess.Popen[bytes] | None = None
        self._psql: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster and bring the server up."""
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            for path in (self._folder, password_file):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        # SCRAM takes 4,096 rounds for each connection, of which the tests make thousands.
        method = "scram-sha-256" if self._durable else "md5"
        self._run(
            *("initdb", "-D", str(self.data), "-U", _ADMINISTRATOR, f"--pwfile={password_file}", "--no-sync"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", f"--auth-host={method}"),
        )
        self._undertaker = subprocess.Popen(
            ["sh", "-c", _UNDERTAKER, self._binaries / "pg_ctl", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=self._user and self._user.pw_uid,
            group=self._user and self._user.pw_gid,
            extra_groups=[] if self._user else None,
        )
        self.resume()

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self._folder / "data"

    @property
    def pid(self) -> int:
        """The number of the server's main process."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def pause(self) -> None:
        """Stop the server at once, as a failure would, keeping its data."""
        self._end_session()
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def resume(self) -> None:
        """Bring the server up, on the port that it had."""
        self.port = self.port or _free_port()
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "max_connections": 200,
            "shared_buffers": "64MB",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
        options = " ".join(f"-c {key}={value}" for key, value in settings.items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._end_session()
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
        if self._undertaker is not None:
            self._undertaker.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self, *options: str) -> str:
        """Make a fresh database, with options of CREATE DATABASE, and give its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} {' '.join(options)}")
        return f"postgresql://{_ADMINISTRATOR}:{self._password}@127.0.0.1:{self.port}/{name}"

    def over_socket(self, url: str) -> str:
        """The URL of the same database over the server's Unix socket."""
        return f"postgresql://{_ADMINISTRATOR}@/{url.rpartition('/')[2]}?host={self._folder}&port={self.port}"

    def copy_database(self, url: str) -> str:
        """Make a copy of a database that nobody is connected to, and give its URL."""
        # Copying the files takes a third of the time of copying by way of the log.
        return self.create_database(f"TEMPLATE {url.rpartition('/')[2]} STRATEGY FILE_COPY")

    def drop_database(self, url: str) -> None:
        """Remove a database, ending its connections."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction, in a session that is kept. Raises RuntimeError when it fails."""
        if self._psql is None:
            self._psql = self._session()
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(f"{statement};\n\\echo :SQLSTATE\n".encode())
        self._psql.stdin.flush()
        if (state := self._psql.stdout.readline()) != b"00000\n":
            raise RuntimeError(f"{statement} failed: {state.decode() or self._said()}")

    def _session(self) -> subprocess.Popen[bytes]:
        """Psql, which needs no more than the Unix socket."""
        with self._programs() as output:
            return subprocess.Popen(
                [
                    *(self._binaries / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                    *("-h", self._folder, "-p", str(self.port), "-U", _ADMINISTRATOR, "postgres"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=self._folder,
            )

    def _end_session(self) -> None:
        if self._psql is not None:
            self._psql.communicate()
            self._psql = None

    def _programs(self) -> BinaryIO:
        """The file that takes what PostgreSQL's programs say."""
        return (self._folder / "programs").open("a+b")

    def _said(self) -> str:
        """The end of what the programs and the server have said."""
        log = self._folder / "log"
        text = (self._folder / "programs").read_text(errors="replace")
        text += log.read_text(errors="replace") if log.exists() else ""
        return text[-3000:]

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        user = self._user
        with self._programs() as output:  # a pipe would be inherited by the server
            outcome = subprocess.run(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                check=False,
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
            )
        if outcome.returncode:
            raise RuntimeError(f"{program} failed:\n{self._said()}")


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
