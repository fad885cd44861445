"""A private Postfix below a folder: its configuration, queue and log; as root alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STARTING = 20.0

_MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
local_recipient_maps =
"""

_MASTER = """
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
smtp      unix  - - n - - smtp
lmtp      unix  - - n - - lmtp
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """What a Postfix is, and how it is run. `main` is added to main.cf, `listeners` to master.cf."""

    def __init__(self, directory: Path, main: str, listeners: str) -> None:
        self.directory = directory
        self.pid = 0
        for folder in (directory, directory / "queue", directory / "data"):
            folder.mkdir(mode=0o755)
        self.configure(main)
        (directory / "master.cf").write_text(listeners + _MASTER)

    def configure(self, main: str) -> None:
        """Write main.cf, each parameter as `main` says last; `reload` has a running one read it.

        Postfix warns of what is there twice. When a reload begins another postlogd, that waits for itself to log it.
        """
        lines = [line for line in (_MAIN.format(directory=self.directory) + main).splitlines() if line]
        last = {line.partition("=")[0].strip(): line for line in lines}
        (self.directory / "main.cf").write_text("\n".join([*last.values(), ""]))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it.

        Raises:
            RuntimeError: it is not installed, was not started by root, or did not start; its log is in the text.
        """
        if os.geteuid() != 0:
            raise RuntimeError("Postfix starts only as root")
        shutil.chown(self.directory / "data", "postfix")
        master = subprocess.Popen([*self._control, "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_until_up(master)
            yield
        finally:
            self._run("stop")
            master.wait(_STARTING)

    def reload(self) -> None:
        """Have its new processes read main.cf."""
        self._run("reload")

    def flush(self) -> None:
        """Have it try everything in its queue now."""
        subprocess.run([_program("postqueue"), "-c", str(self.directory), "-f"], check=True)

    @property
    def log(self) -> str:
        """What it has logged."""
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    @property
    def _control(self) -> list[str]:
        return [_program("postfix"), "-c", str(self.directory)]

    def _run(self, word: str) -> None:
        subprocess.run([*self._control, word], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def _wait_until_up(self, master: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _STARTING
        while "daemon started" not in self.log:
            if master.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postfix did not start:\n{self.log[-2000:]}")
            time.sleep(0.02)
        self.pid = int((self.directory / "queue" / "pid" / "master.pid").read_text())


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if found is None:
        raise RuntimeError("Postfix is not installed: apt-get install postfix")
    return found
