"""Postfix as a school would run it: submission over TLS, aliases for lists, LMTP to Dovecot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.peer import free_port
from certs import CertificateFiles
from tests.support.postfix import Postfix

_DOMAIN = "bench.example.org"

_MAIN = """
myhostname = localhost
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
smtpd_relay_restrictions = permit_sasl_authenticated, permit_auth_destination, reject
relayhost = [127.0.0.1]:{smarthost}
smtp_dns_support_level = disabled
smtp_host_lookup = native
"""
_LISTENERS = """
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
127.0.0.1:{mx} inet n - n - - smtpd
"""


class Relay:
    """One in front of a Dovecot, below `directory`."""

    def __init__(self, directory: Path, tls: CertificateFiles, *, auth: Path, lmtp: Path) -> None:
        self.port, self.mx, self.smarthost = free_port(), free_port(), free_port()
        main = _MAIN.format(
            directory=directory, domain=_DOMAIN, lmtp=lmtp, auth=auth, certificate=tls.certificate, key=tls.key,
            smarthost=self.smarthost,
        )  # fmt: skip
        self._postfix = Postfix(directory, main, _LISTENERS.format(port=self.port, mx=self.mx))

    @property
    def pid(self) -> int:
        """Of its first process, while it runs."""
        return self._postfix.pid

    @contextmanager
    def running(self, aliases: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """Run it with these aliases. Raises RuntimeError as `Postfix.running` does."""
        lines = [f"{address} {','.join(members)}\n" for address, members in aliases.items()]
        (self._postfix.directory / "aliases").write_text("".join(lines))
        with self._postfix.running():
            yield

    def flush(self) -> None:
        """Have everything in its queue tried now."""
        self._postfix.flush()
