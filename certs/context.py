"""The TLS context that all listeners share, and its renewal while connections are open (RFC 9325).

The context that listeners hold never changes: at each handshake it hands the connection over to the context of the
newest good certificate. Open connections keep the one that they began with, so that nothing is dropped.
"""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path
from typing import Final

from certs.files import CertificateFiles

_log = logging.getLogger(__name__)

# Forward secrecy and authenticated encryption only (RFC 9325 section 4.2); TLS 1.3 has no others.
TLS12_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

_Stamp = tuple[tuple[int, int, int], ...]


class TlsUnusable(Exception):
    """The certificate and the key cannot be served; the text names the file and what is wrong."""


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """A context that serves this certificate: TLS 1.2 and 1.3, no compression, no renegotiation, no ALPN.

    TLS 1.3 clients get no session tickets: to make and read them costs both sides more than to resume would save, and
    their keys could not be changed while this runs.

    Raises:
        TlsUnusable: a file is missing or broken, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0
    context.set_ciphers(TLS12_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    for path in (files.certificate, files.key):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise TlsUnusable(f"{path}: {error.strerror}") from error
    try:
        # Without a password callback, OpenSSL would ask for the password of an encrypted key on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise TlsUnusable(f"{files.certificate}, {files.key}: {reason}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted: give one without a password")


class ServerTls:
    """The shared context of one certificate; give `context` to every listener and call `reload_if_changed` at times.

    `problem` tells why a changed certificate was not taken; empty when all is well.
    """

    def __init__(self, files: CertificateFiles) -> None:
        """Load the certificate. Raises TlsUnusable."""
        self.files = files
        self.problem = ""
        self._stamp = _stamp(files)
        self.context = server_context(files)
        self._current = self.context
        self.context.sni_callback = self._hand_over

    def reload_if_changed(self) -> bool:
        """Take a certificate that changed since the last look; True when new connections get another one.

        A certificate that cannot be served is reported in the log and in `problem`, and the old one stays.
        """
        stamp = _stamp(self.files)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._current = server_context(self.files)
        except TlsUnusable as error:
            self.problem = str(error)
            _log.error("the certificate changed and cannot be used, the one before stays: %s", error)
            return False
        self.problem = ""
        _log.info("the certificate changed and is in use: %s", self.files.certificate)
        return True

    def _hand_over(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        # Called at each handshake, also when the client names no server.
        if self._current is not self.context:
            connection.context = self._current


def _stamp(files: CertificateFiles) -> _Stamp:
    return tuple(_stamp_of(path) for path in (files.certificate, files.key))


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - follows links, as a renewal by symbolic link needs
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_ino, status.st_size)
