"""A private Dovecot on a loopback port: the peer that answers are compared with, and measured against."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PASSWORD = "secret"
"""The password of every user."""
STARTING = 20.0
"""Seconds within which it must greet, or stop."""

CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/dovecot.log
protocols = imap
ssl = no
login_greeting = {greeting}
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {owner}
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_fsync = {fsync}
imap_max_line_length = 1M
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/home/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
namespace inbox {{
  inbox = yes
}}
{extra}
"""


def installed() -> bool:
    """Whether the machine has Dovecot with IMAP."""
    return executable() is not None


def executable() -> str | None:
    """The path of the master process; packages put it in a directory that a user's PATH may lack."""
    return shutil.which("dovecot", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


class Dovecot:
    """One Dovecot for the time of a ``with`` block: plain IMAP, any user name, Maildirs under its directory.

    Without a `directory` it makes a temporary one and removes it at the end: a pytest folder's path is often too long
    for sockets, and closed to the user that Dovecot changes to when root starts it.
    """

    def __init__(self, directory: Path | None = None, *, fsync: str = "never", extra: str = "") -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.host = "127.0.0.1"
        self.port = 0
        self._fsync = fsync
        self._extra = extra
        self._greeting = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait for the greeting. Raises RuntimeError with the end of its log when none comes."""
        program = executable()
        if program is None:
            raise RuntimeError("Dovecot is not installed")
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        homes = self.directory / "home"
        homes.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            self.directory.chmod(0o755)
            os.chown(homes, owner.pw_uid, owner.pw_gid)
        self.port = _free_port()
        configuration = self.directory / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                user=pwd.getpwuid(os.getuid()).pw_name,
                group=grp.getgrgid(os.getgid()).gr_name,
                owner=owner.pw_name,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                password=PASSWORD,
                port=self.port,
                greeting=self._greeting,
                fsync=self._fsync,
                extra=self._extra,
            )
        )
        self._process = subprocess.Popen(
            [program, "-F", "-c", configuration], stdin=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + STARTING
        while not self._greets():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.log()
                self.stop()
                raise RuntimeError(f"Dovecot did not start:\n{log[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it and all its processes."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STARTING)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        """What it has logged."""
        log = self.directory / "dovecot.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _greets(self) -> bool:
        # Another process may have taken the port: a Dovecot too, where tests run side by side.
        with (
            contextlib.suppress(OSError),
            socket.create_connection((self.host, self.port), 1) as connection,
            connection.makefile("rb") as lines,
        ):
            return lines.readline().endswith(f" {self._greeting}\r\n".encode())
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
