"""`mailgate serve` in processes of its own, its log read as it comes, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import json
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from certs import CertificateFiles, ensure_demo
from mailgate.database.batch import batch_engine
from tests.cli.command import Command, describe
from tests.support.school import make_colleagues

WITHIN = 60.0
CSV = "address,label\nlea.pupil@ent.example.org,Léa Pupil\nmarc.teacher@ent.example.org,Marc Teacher\n"

Record = dict[str, Any]


@dataclass(slots=True)
class Serving:
    """A gateway with two accounts, on free ports: TLS and STARTTLS of both protocols."""

    folder: Path
    url: str
    workers: int = 1
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    """Its log since it was started last."""
    faults: list[Record] = field(default_factory=list)
    """What it logged with a traceback, whenever it was started."""
    noise: list[str] = field(default_factory=list)
    """Lines on standard error that are no log record."""
    passwords: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None
    _news: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None

    def prepare(self, *, accounts: bool = True) -> None:
        """Certificate, settings, and two accounts in the database."""
        files = ensure_demo(self.folder / "tls", [])
        sections: dict[str, dict[str, Any]] = {
            "gateway": {"workers": self.workers},
            "database": {"url": self.url},
            "tls": {"certificate": str(files.certificate), "key": str(files.key), "reload_interval": 3600},
            "imap": {"listen": ["127.0.0.1:0"], "listen_starttls": ["127.0.0.1:0"]},
            "smtp": {"listen": ["127.0.0.1:0"], "listen_starttls": ["127.0.0.1:0"]},
        }
        for name, keys in self.settings.items():
            sections.setdefault(name, {}).update(keys)
        self.command.use(describe(sections))
        if not accounts:
            return
        (self.folder / "accounts.csv").write_text(CSV, encoding="utf-8")
        made = self.command.good("account", "import", self.folder / "accounts.csv", "--json").json
        self.passwords = {one["address"]: one["password"] for one in made}
        asyncio.run(self._make_colleagues())

    async def _make_colleagues(self) -> None:
        async with batch_engine(self.url) as engine, engine.begin() as connection:
            await connection.run_sync(make_colleagues, self.passwords)

    @property
    def command(self) -> Command:
        return Command(self.folder)

    @property
    def pupil(self) -> str:
        return next(iter(self.passwords))

    @property
    def teacher(self) -> str:
        return list(self.passwords)[1]

    def start(self) -> None:
        """Start, and wait until every worker serves."""
        self.records.clear()
        command = [sys.executable, "-m", "mailgate", "--config", str(self.command.config), "serve"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait_for("serving", self.workers)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                with self._news:
                    try:
                        self.records.append(record := json.loads(line))
                        self.faults += [record] if "exception" in record else []
                    except ValueError:
                        self.noise.append(line)
                    self._news.notify_all()
        with self._news:
            self._reader = None
            self._news.notify_all()

    def wait_for(self, event: str, count: int = 1) -> list[Record]:
        """The records of an event, once there are so many. Raises AssertionError when the gateway ends without."""
        with self._news:
            self._news.wait_for(lambda: len(self.of(event)) >= count or self._reader is None, WITHIN)
            assert len(self.of(event)) >= count, (event, self.records, self.noise)
            return self.of(event)

    def of(self, event: str) -> list[Record]:
        """The records of an event so far."""
        return [record for record in self.records if record["event"].startswith(event)]

    def _address(self, kind: str, number: int) -> tuple[str, int]:
        host, _, port = self.of("serving")[0][kind][number].removesuffix(" proxy").rpartition(":")
        return host, int(port)

    @property
    def imaps(self) -> tuple[str, int]:
        return self._address("imap", 0)

    @property
    def imap_starttls(self) -> tuple[str, int]:
        return self._address("imap", 1)

    @property
    def smtps(self) -> tuple[str, int]:
        return self._address("smtp", 0)

    @property
    def smtp_starttls(self) -> tuple[str, int]:
        return self._address("smtp", 1)

    @property
    def mx(self) -> tuple[str, int]:
        return self._address("mx", 0)

    def behind(self, kind: str) -> tuple[str, int]:
        """Where it waits for a proxy: the second place of a kind."""
        return self._address(kind, 1)

    @property
    def web(self) -> tuple[str, int]:
        return self._address("web", 0)

    @property
    def listeners(self) -> list[tuple[str, int]]:
        return [self.imaps, self.imap_starttls, self.smtps, self.smtp_starttls]

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def pids(self) -> set[int]:
        """The processes that serve."""
        children = {child.pid for child in self.process.children() if child.nice() == self.process.nice()}
        return children or {self.process.pid}

    @property
    def indexer(self) -> psutil.Process:
        """The process of the search index, where several serve."""
        [found] = [child for child in self.process.children() if child.nice() > self.process.nice()]
        return found

    def pid_of(self, client: socket.socket) -> int:
        """The process that serves this connection."""
        here = client.getsockname()
        for pid in self.pids():
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.raddr and tuple(connection.raddr) == here:
                    return pid
        raise AssertionError("nobody serves this connection")

    def signal(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def wait(self) -> int:
        """The exit code."""
        assert self._process is not None
        return self._process.wait(WITHIN)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def end(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (self.process, *self.process.children()):
                process.kill()
        self.wait()
        if (reader := self._reader) is not None:
            reader.join(WITHIN)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "tls" / "ca.pem"))

    def imap(self, address: str = "") -> imaplib.IMAP4_SSL:
        """A signed-in session, of the pupil if nobody is named."""
        client = imaplib.IMAP4_SSL(*self.imaps, ssl_context=self.tls(), timeout=WITHIN)
        address = address or self.pupil
        with contextlib.ExitStack() as stack:
            stack.callback(client.shutdown)
            client.login(address, self.passwords[address])
            stack.pop_all()
        return client

    def smtp(self, address: str = "") -> smtplib.SMTP_SSL:
        """A signed-in session, of the teacher if nobody is named."""
        client = smtplib.SMTP_SSL(*self.smtps, context=self.tls(), timeout=WITHIN)
        address = address or self.teacher
        with contextlib.ExitStack() as stack:
            stack.callback(client.close)
            client.login(address, self.passwords[address])
            stack.pop_all()
        return client

    def send(self, subject: str) -> None:
        """A message of the teacher to the pupil."""
        with self.smtp() as client:
            client.sendmail(self.teacher, [self.pupil], self.message(subject))

    def message(self, subject: str) -> str:
        return f"From: <{self.teacher}>\r\nTo: <{self.pupil}>\r\nSubject: {subject}\r\n\r\nUn texte secret\r\n"

    def new_certificate(self) -> None:
        """Another certificate of the same authority in the place of the one in use."""
        other = self.folder / "other"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(self.folder / "tls", other)
        (other / "server.pem").unlink()
        files = ensure_demo(other, [])
        for source, name in ((files.key, "server.key"), (files.certificate, "server.pem")):
            source.replace(self.folder / "tls" / name)

    @property
    def files(self) -> CertificateFiles:
        tls = self.folder / "tls"
        return CertificateFiles(tls / "ca.pem", tls / "server.pem", tls / "server.key")


class Idle:
    """An IMAP session in IDLE, over a socket of one's own."""

    def __init__(self, serving: Serving, mailbox: str = "INBOX", address: str = "") -> None:
        self.client = serving.imap(address)
        self.client.select(mailbox)
        self.client.send(b"i IDLE\r\n")
        assert self.client.readline().startswith(b"+ ")

    def wait_for(self, text: bytes) -> bytes:
        """The next line that holds this text."""
        while text not in (line := self.client.readline()):
            assert line, "the connection ended"
        return line

    def close(self) -> None:
        self.client.shutdown()


def await_refusal(address: tuple[str, int]) -> None:
    """Come back when nobody listens there any more; one that waited to be accepted is reset."""
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            with contextlib.suppress(ConnectionResetError):
                socket.create_connection(address, WITHIN).close()
