"""A private OpenLDAP server on one LDIF file, from Debian's package, for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from certs import CertificateFiles, ensure_demo

PASSWORD = "reader's password"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {tls.certificate}
TLSCertificateKeyFile {tls.key}
sizelimit size.soft={unpaged} size.hard={unpaged} size.prtotal={paged}
database mdb
suffix "{suffix}"
directory {folder}/db
dbnosync
maxsize 268435456
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""

_READER = """\
dn: {reader}
objectClass: top
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {password}
"""


class Slapd:
    """A server on loopback: LDAP with StartTLS, and LDAPS. A search without pages gives `unpaged` entries."""

    def __init__(
        self, folder: Path, ldif: str, schema: Path, *, unpaged: int = 500, paged: str = "unlimited", extra: str = ""
    ) -> None:
        if shutil.which("slapd", path=_PATH) is None:
            raise FileNotFoundError("slapd was not found: apt-get install slapd ldap-utils")
        self.suffix = ldif.partition("dn: ")[2].partition("\n")[0]
        self.reader = f"cn=reader,{self.suffix}"
        self.tls: CertificateFiles = ensure_demo(folder / "tls", [])
        self._folder = folder
        self._ldap, self._ldaps = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        configuration = _CONFIGURATION.format(
            schema=schema,
            folder=folder,
            tls=self.tls,
            suffix=self.suffix,
            reader=self.reader,
            unpaged=unpaged,
            paged=paged,
        )
        (folder / "slapd.conf").write_text(configuration)
        (folder / "db").mkdir()
        reader = _READER.format(reader=self.reader, password=PASSWORD)
        (folder / "tree.ldif").write_text(f"{ldif.rstrip()}\n\n{reader}\n{extra}")
        self._run("slapadd", "-q", "-l", str(folder / "tree.ldif"))

    @property
    def ldap(self) -> str:
        """The address with StartTLS."""
        return f"ldap://127.0.0.1:{self._ldap}"

    @property
    def ldaps(self) -> str:
        """The address with TLS from the first octet."""
        return f"ldaps://127.0.0.1:{self._ldaps}"

    def __enter__(self) -> Self:
        urls = f"ldap://127.0.0.1:{self._ldap} ldaps://127.0.0.1:{self._ldaps}"
        with (self._folder / "slapd.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["slapd", "-f", str(self._folder / "slapd.conf"), "-h", urls, "-d", "0"],
                env={**os.environ, "PATH": _PATH},
                stdout=log,
                stderr=log,
            )
        self._await()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def kill(self) -> None:
        """End the server without a word to anybody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [program, "-f", str(self._folder / "slapd.conf"), *arguments],
            env={**os.environ, "PATH": _PATH},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 30
        for port in (self._ldap, self._ldaps):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 5).close()
                    break
                except OSError as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        log = (self._folder / "slapd.log").read_text()
                        raise RuntimeError(f"slapd does not answer: {log}") from error
                    time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
