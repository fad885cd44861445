"""A large message costs the gateway no memory: neither taking it nor giving it out, whole, decoded or in part."""

from __future__ import annotations

import base64
import imaplib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.serving import Serving

MIB = 1024 * 1024
MOST = 5 * MIB
ATTACHMENT = os.urandom(36 * MIB)


def large_message() -> bytes:
    """50 MB: a text and one attachment in base64."""
    encoded = base64.encodebytes(ATTACHMENT).replace(b"\n", b"\r\n")
    return (
        b"From: ada@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="cut"\r\n\r\n'
        b"--cut\r\nContent-Type: text/plain\r\n\r\nSee below\r\n"
        b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encoded
        + b"--cut--\r\n"
    )


class Memory:
    """The memory of one process beyond what it had: what it holds of its own, not what it maps of files."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self.before = self.now()
        self.most = self.before

    def now(self) -> int:
        found = re.search(r"RssAnon:\s+(\d+) kB", self._status.read_text())
        assert found is not None
        return int(found.group(1)) * 1024

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            self.most = max(self.most, self.now())

    @contextmanager
    def watched(self) -> Iterator[None]:
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    @property
    def grown(self) -> int:
        return max(self.most, self.now()) - self.before


@pytest.fixture(scope="module")
def content() -> bytes:
    return large_message()


@pytest.fixture(scope="module")
def warm(serving: Serving) -> Iterator[imaplib.IMAP4_SSL]:
    """A session whose process has done all this once, so that SQLite's cache of 8 MiB is full."""
    client = serving.imap()
    small = large_message()[: 12 * MIB] + b"\r\n--cut--\r\n"
    client.create("Large")
    client.append("Large", None, None, small)
    client.select("Large")
    for item in ("BODY.PEEK[]", "BINARY.PEEK[2]", "BINARY.SIZE[2]"):
        client.fetch("1", f"({item})")
    client.store("1", "+FLAGS", "\\Deleted")
    client.expunge()
    yield client
    client.logout()


def grown_by(serving: Serving, client: imaplib.IMAP4_SSL, *arguments: object) -> tuple[int, list[object]]:
    memory = Memory(serving.pid_of(client.socket()))
    with memory.watched():
        kind, data = getattr(client, str(arguments[0]))(*arguments[1:])
    assert kind == "OK"
    return memory.grown, data


def test_append_and_fetch(serving: Serving, warm: imaplib.IMAP4_SSL, content: bytes) -> None:
    grown, _ = grown_by(serving, warm, "append", "Large", None, None, content)
    assert grown < MOST, f"APPEND: {grown}"
    warm.select("Large")
    for item, wanted in (
        ("BODY.PEEK[]", content),
        ("BODY.PEEK[2]<20000000.10000000>", None),
        ("BINARY.PEEK[2]", ATTACHMENT),
        ("BINARY.PEEK[2]<30000001.1000000>", ATTACHMENT[30_000_001:31_000_001]),
        ("BINARY.PEEK[]<40000000.10000000>", content[40_000_000:50_000_000]),
        ("ENVELOPE BODYSTRUCTURE RFC822.HEADER", None),
    ):
        grown, data = grown_by(serving, warm, "fetch", "1", f"({item})")
        if wanted is not None:
            assert isinstance(data[0], tuple)
            assert data[0][1] == wanted, item
        assert grown < MOST, f"{item}: {grown}"
    assert warm.fetch("1", "(BINARY.SIZE[2])")[1] == [f"1 (BINARY.SIZE[2] {len(ATTACHMENT)})".encode()]
    for command in (("search", None, "BODY", "below"), ("copy", "1", "Large")):
        grown, _ = grown_by(serving, warm, *command)
        assert grown < MOST, f"{command}: {grown}"
