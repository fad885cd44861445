"""A private OpenLDAP server on one LDIF file, from Debian's package, for tests."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from certs import CertificateFiles, ensure_demo

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 for names that are deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3

Writer: TypeAlias = Any
"""A connection of ldap3, whose methods have no types."""

BASE: Final = ldap3.BASE
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
moduleload syncprov
{certificate}
sizelimit size.soft={unpaged} size.hard={unpaged} size.prtotal={paged}
database mdb
suffix "{suffix}"
directory {folder}/db
dbnosync
maxsize 268435456
rootdn "{writer}"
rootpw "{password}"
{limits}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
{overlay}
"""

_CERTIFICATE = """\
TLSCertificateFile {tls.certificate}
TLSCertificateKeyFile {tls.key}
"""

_READER = """\
dn: {reader}
objectClass: top
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {password}
"""


def replaced(**attributes: str) -> dict[str, Any]:
    """What modifies an entry: the new value of each attribute."""
    return {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in attributes.items()}


def added(**attributes: str) -> dict[str, Any]:
    """What modifies an entry: one more value of each attribute."""
    return {name: [(ldap3.MODIFY_ADD, [value])] for name, value in attributes.items()}


class Slapd:
    """A server on loopback: LDAP with StartTLS, and LDAPS. A search without pages gives `unpaged` entries.

    With `sync` it offers content synchronization, and the reader has no limits; without `secure` it has no TLS.
    """

    def __init__(  # noqa: PLR0913 - what servers differ in
        self,
        folder: Path,
        ldif: str,
        schema: Path,
        *,
        unpaged: int = 500,
        paged: str = "unlimited",
        extra: str = "",
        sync: bool = False,
        limits: str = "unlimited",
        secure: bool = True,
    ) -> None:
        if shutil.which("slapd", path=_PATH) is None:
            raise FileNotFoundError("slapd was not found: apt-get install slapd ldap-utils")
        self.suffix = ldif.partition("dn: ")[2].partition("\n")[0]
        self.reader = f"cn=reader,{self.suffix}"
        self.syncs = sync
        self.writer = f"cn=writer,{self.suffix}"
        self.tls: CertificateFiles = ensure_demo(folder / "tls", [])
        self._folder = folder
        # Kept, so that nobody else is given the ports before slapd takes them, nor while it is away.
        self._reserved = [_reserved() for _ in range(2)]
        self._ldap, self._ldaps = (one.getsockname()[1] for one in self._reserved)
        self._secure = secure
        self._process: subprocess.Popen[bytes] | None = None
        configuration = _CONFIGURATION.format(
            schema=schema,
            folder=folder,
            certificate=_CERTIFICATE.format(tls=self.tls) if secure else "",
            suffix=self.suffix,
            reader=self.reader,
            unpaged=unpaged,
            paged=paged,
            writer=self.writer,
            password=PASSWORD,
            limits=f'limits dn.exact="{self.reader}" size={limits}' if sync and limits else "",
            overlay="overlay syncprov" if sync else "",
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
        urls = f"{self.ldap} {self.ldaps}" if self._secure else self.ldap
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
        for one in self._reserved:
            one.close()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A connection that may change everything."""
        tls = ldap3.Tls(validate=ssl.CERT_NONE)
        server = ldap3.Server(self.ldaps, tls=tls, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, self.writer, PASSWORD, raise_exceptions=True, check_names=False)
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def kill(self) -> None:
        """End the server without a word to anybody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def restart(self) -> None:
        """End the server without a word, and start it again on what it has."""
        self.kill()
        self.__enter__()

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
        for port in (self._ldap, self._ldaps) if self._secure else (self._ldap,):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 5).close()
                    break
                except OSError as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        log = (self._folder / "slapd.log").read_text()
                        raise RuntimeError(f"slapd does not answer: {log}") from error
                    time.sleep(0.02)


def _reserved() -> socket.socket:
    """A socket on a free port, on which slapd may listen beside it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one
