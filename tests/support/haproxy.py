"""A private HAProxy before servers on loopback, from Debian's package, for tests."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_WITHIN: Final = 20.0
_CONFIGURATION: Final = """\
global
    stats socket {folder}/haproxy.sock
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 20s
"""
_ROUTE: Final = """\
listen {name}
    bind 127.0.0.1:{port}
    {options}
    server one {host}:{behind} {words} check check-send-proxy inter 200ms
"""


@dataclass(frozen=True, slots=True)
class Behind:
    """A server, and the words and options of HAProxy that say how it is talked to and checked."""

    address: tuple[str, int]
    words: str
    options: str = ""


class Haproxy:
    """Listens on loopback for each of `servers`, by name."""

    def __init__(self, folder: Path, servers: Mapping[str, Behind]) -> None:
        self._program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if self._program is None:
            raise FileNotFoundError("haproxy was not found: apt-get install haproxy")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in servers]
        self.addresses: dict[str, tuple[str, int]] = dict(
            zip(servers, (one.getsockname() for one in sockets), strict=True)
        )
        """Where it listens."""
        for one in sockets:
            one.close()
        routes = (
            _ROUTE.format(
                name=name, port=self.addresses[name][1], options=one.options, host=one.address[0],
                behind=one.address[1], words=one.words,
            )
            for name, one in servers.items()
        )  # fmt: skip
        (folder / "haproxy.cfg").write_text(_CONFIGURATION.format(folder=folder) + "".join(routes))

    def __enter__(self) -> Self:
        assert self._program is not None
        with (self._folder / "haproxy.log").open("wb") as log:
            command = [self._program, "-db", "-f", str(self._folder / "haproxy.cfg")]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _WITHIN
        while not (checks := self.checks()) or "INI" in checks.values():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError((self._folder / "haproxy.log").read_text())
            time.sleep(0.05)
        return self

    def checks(self) -> dict[str, str]:
        """What the last check of each server gave (``L7OK``); nothing before it runs."""
        with socket.socket(socket.AF_UNIX) as control:
            try:
                control.connect(str(self._folder / "haproxy.sock"))
            except OSError:
                return {}
            control.sendall(b"show stat\n")
            lines = control.makefile().read().removeprefix("# ").splitlines()
        rows = csv.DictReader(line for line in lines if line)
        return {row["pxname"]: row["check_status"].removeprefix("* ") for row in rows if row["svname"] == "one"}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(_WITHIN)
