"""A private Postfix: submission over TLS, aliases for lists, LMTP to Dovecot."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.peer import free_port
from certs import CertificateFiles

_STARTING = 20.0
_DOMAIN = "bench.example.org"

_MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
local_recipient_maps =
mynetworks =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:yes
virtual_alias_maps = texthash:{directory}/aliases
virtual_alias_expansion_limit = 100000
virtual_transport = lmtp:unix:{lmtp}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
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
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One Postfix with its configuration, queue and log below `directory`."""

    def __init__(self, directory: Path, tls: CertificateFiles, *, auth: Path, lmtp: Path) -> None:
        self._directory = directory
        self._tls = tls
        self._auth = auth
        self._lmtp = lmtp
        self.port = 0
        self.pid = 0

    @contextmanager
    def running(self, aliases: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """Run it with these aliases.

        Raises:
            RuntimeError: it is not installed, was not started by root, or did not start; its log is in the text.
        """
        program = shutil.which("postfix", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
        if program is None:
            raise RuntimeError("Postfix is not installed: apt-get install postfix")
        if os.geteuid() != 0:
            raise RuntimeError("Postfix starts only as root: run this benchmark as root, or without this peer")
        self._configure(aliases)
        control = [program, "-c", str(self._directory)]
        master = subprocess.Popen([*control, "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_until_up(master)
            yield
        finally:
            subprocess.run([*control, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            master.wait(_STARTING)

    def _configure(self, aliases: Mapping[str, Sequence[str]]) -> None:
        self.port = free_port()
        directory = self._directory
        for folder in (directory, directory / "queue", directory / "data"):
            folder.mkdir(mode=0o755)
        shutil.chown(directory / "data", "postfix")
        main = _MAIN.format(
            directory=directory,
            domain=_DOMAIN,
            lmtp=self._lmtp,
            auth=self._auth,
            certificate=self._tls.certificate,
            key=self._tls.key,
        )
        (directory / "main.cf").write_text(main)
        (directory / "master.cf").write_text(_MASTER.format(port=self.port))
        lines = [f"{address} {','.join(members)}\n" for address, members in aliases.items()]
        (directory / "aliases").write_text("".join(lines))

    def _wait_until_up(self, master: subprocess.Popen[bytes]) -> None:
        pid_file = self._directory / "queue" / "pid" / "master.pid"
        log = self._directory / "log"
        deadline = time.monotonic() + _STARTING
        while not (log.exists() and "daemon started" in log.read_text()):
            if master.poll() is not None or time.monotonic() > deadline:
                text = log.read_text() if log.exists() else ""
                raise RuntimeError(f"Postfix did not start:\n{text[-2000:]}")
            time.sleep(0.02)
        self.pid = int(pid_file.read_text())
