"""A server to be measured: where it listens, who may sign in, and what it costs."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

SENDERS = 8


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    address: str
    password: str


@dataclass(frozen=True)
class Peer:
    """A running server.

    `processes` gives the roots of its process trees, those that hold the connections first and a database server of
    its own last; `stored` gives the bytes of its mail on disk; `forget` makes it as it is just after delivery, when
    nobody has read anything yet, which may
    end its connections. `smarthost` is the port on loopback that mail for others leaves through, where a benchmark
    listens or not; `flush` has everything in the queue tried now. No more than `most_idle` clients can be told of news
    at once.
    """

    name: str
    imaps: tuple[str, int]
    smtps: tuple[str, int]
    mx: tuple[str, int]
    ca: Path
    senders: tuple[Person, ...]
    list_address: str
    members: tuple[Person, ...]
    processes: Callable[[], tuple[int, ...]]
    stored: Callable[[], int]
    forget: Callable[[], None]
    smarthost: int
    flush: Callable[[], None]
    most_idle: int | None = None

    @property
    def sender(self) -> Person:
        """One who may write to everybody."""
        return self.senders[0]

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """A client's context that trusts this server: the same version of TLS with all of them."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def memory(self) -> int:
        """Bytes of memory of the processes that hold connections; what they share is counted once.

        A database server's memory follows what was read, not who is connected.
        """
        return sum(process.memory_full_info().pss for process in self._tree(self.processes()[:1]))

    def processor_time(self) -> float:
        """Seconds of CPU that all processes have used, and those that they have waited for."""
        total = 0.0
        for process in self._tree(self.processes()):
            times = process.cpu_times()
            total += times.children_user + times.children_system + _running_time(process.pid)
        return total

    def _tree(self, roots: tuple[int, ...]) -> Iterator[psutil.Process]:
        for number in roots:
            with contextlib.suppress(psutil.NoSuchProcess):
                root = psutil.Process(number)
                for process in (root, *root.children(recursive=True)):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.status()
                        yield process


def _running_time(process: int) -> float:
    """Seconds of CPU of a process; the kernel's other figure has steps of 10 ms."""
    total = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def bytes_on_disk(folder: Path) -> int:
    """Bytes that the files below `folder` take; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def free_port() -> int:
    """Give a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
