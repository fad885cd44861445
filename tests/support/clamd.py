"""A private ClamAV daemon with signatures of our own, from Debian's package, for tests: nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_SIGNATURE: Final = "Eicar-Test-Signature"
VIRUS: Final = f"{_SIGNATURE}.UNOFFICIAL"
"""What it calls what it finds: signatures that ClamAV did not sign are marked."""
STREAM_MAX: Final = 2 * 1024 * 1024
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"
_WITHIN: Final = 60.0
_CONFIGURATION: Final = """\
Foreground yes
LocalSocket {folder}/clamd.sock
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {folder}/signatures
OfficialDatabaseOnly no
StreamMaxLength {most}
MaxThreads 4
LogFile {folder}/clamd.log
TemporaryDirectory {folder}
"""


class Clamd:
    """A server on loopback and on a Unix socket that knows EICAR."""

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("clamd", path=_PATH)
        if self._program is None:
            raise FileNotFoundError("clamd was not found: apt-get install clamav-daemon")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.tcp = f"127.0.0.1:{port}"
        self.unix = str(folder / "clamd.sock")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "signatures").mkdir()
        # Target 0: in files of any kind, at any place.
        (folder / "signatures" / "test.ndb").write_text(f"{_SIGNATURE}:0:*:{EICAR.hex()}\n")
        (folder / "clamd.conf").write_text(_CONFIGURATION.format(folder=folder, port=port, most=STREAM_MAX))

    def __enter__(self) -> Self:
        assert self._program is not None
        command = [self._program, f"--config-file={self._folder}/clamd.conf"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _WITHIN
        host, _, port = self.tcp.partition(":")
        while not _listening(host, int(port), self.unix):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError((self._folder / "clamd.log").read_text())
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


def _listening(host: str, port: int, path: str) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1), socket.socket(socket.AF_UNIX) as local:
            local.connect(path)
    except OSError:
        return False
    return True
