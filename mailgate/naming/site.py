"""What is true of this installation for all of its domains: names, ports, the exchanger's certificate and policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailgate.config import Settings
from mailgate.listeners import parse_place

_HTTPS: Final = 443
_MAX_AGE: Final = 7 * 86_400
"""Seconds that others keep the policy: RFC 8461 section 3.2 asks for weeks, a first mistake for days."""


@dataclass(frozen=True, slots=True)
class Site:
    """Ports are 0 where nothing listens."""

    hostname: str
    imaps: int
    submissions: int
    submission: int
    takes_mail: bool
    """Whether other servers may bring mail: the exchanger, or a server in front of LMTP."""
    smarthost: str
    """The host that mail leaves through; empty where it leaves from here, or not at all."""
    postmaster: str
    policy: str
    """The text of the MTA-STS policy; empty where there is none."""
    certificate: str
    """SHA-256 of the certificate's public key, in hexadecimal; empty where it cannot be read."""

    @property
    def policy_id(self) -> str:
        """Changes whenever the policy does (RFC 8461 section 3.1)."""
        return hashlib.sha256(self.policy.encode()).hexdigest()[:20]


def site_of(settings: Settings) -> Site:
    """The installation as the settings have it."""
    hostname = settings.gateway.hostname
    return Site(
        hostname=hostname,
        imaps=_port(settings.imap.listen),
        submissions=_port(settings.smtp.listen),
        submission=_port(settings.smtp.listen_starttls),
        takes_mail=bool(settings.mx.listen or settings.lmtp.listen),
        smarthost=settings.queue.smarthost.rpartition(":")[0] if settings.queue.route == "smarthost" else "",
        postmaster=f"postmaster@{settings.directory.domain}",
        policy=policy(hostname, settings.mx.mta_sts) if settings.mx.mta_sts != "none" and settings.web.listen else "",
        certificate=_public_key(settings.tls.certificate),
    )


def policy(hostname: str, mode: str) -> str:
    """The MTA-STS policy of every domain whose exchanger this is (RFC 8461 section 3.2)."""
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {hostname}\r\nmax_age: {_MAX_AGE}\r\n"


def _port(places: Sequence[str]) -> int:
    return next((parse_place(text).port for text in places), 0)


def _public_key(certificate: Path) -> str:
    try:
        key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def pages_url(settings: Settings, port: int = 0) -> str:
    """Where people find the pages, which listen on `port` (0: as the settings have it); empty when there are none."""
    if not settings.web.listen:
        return ""
    if settings.web.url:
        return settings.web.url
    port = port or _port(settings.web.listen)
    return f"https://{settings.gateway.hostname}{'' if port == _HTTPS else f':{port}'}"
