"""Certificates verified by records of the Domain Name System: DANE for SMTP (RFC 6698, RFC 7671, RFC 7672)."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.verification import Criticality, ExtensionPolicy

MOST_CERTIFICATES: Final = 20
"""Certificates of a chain that are looked at; as many records of a server."""
_MOST_DEEP: Final = 8
_DER: Final = 2
"""`_ssl.ENCODING_DER`."""


class Usage(IntEnum):
    """What a record is about (RFC 7218): those of RFC 7672 section 3.1, others are not usable with SMTP."""

    DANE_TA = 2
    """An authority: it issued, or issued the issuers of, a certificate in the server's name."""
    DANE_EE = 3
    """The server's own certificate, whatever name or end it has (RFC 7671 section 5.1)."""


class Selector(IntEnum):
    """Of which octets."""

    CERT = 0
    SPKI = 1


_DIGESTS: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    0: lambda octets: octets,
    1: lambda octets: hashlib.sha256(octets).digest(),
    2: lambda octets: hashlib.sha512(octets).digest(),
}
_LENGTHS: Final = {1: 32, 2: 64}
_SHA256, _SHA512 = 1, 2


class Mismatch(Exception):
    """The certificates that a server presents are not what the records say."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """A TLSA record (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def usable(self) -> bool:
        """Whether it can authenticate a server for SMTP (RFC 7672 section 3.1, RFC 6698 section 4.1)."""
        known = self.usage in set(Usage) and self.selector in set(Selector) and self.matching in _DIGESTS
        return known and bool(self.data) and len(self.data) == _LENGTHS.get(self.matching, len(self.data))

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether it is of this certificate."""
        octets = _octets(certificate, self.selector)
        return hmac.compare_digest(_DIGESTS[self.matching](octets), self.data)

    def __str__(self) -> str:
        """As reports have it (RFC 8460 section 4.4)."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


def _octets(certificate: x509.Certificate, selector: int) -> bytes:
    if selector == Selector.CERT:
        return certificate.public_bytes(Encoding.DER)
    return certificate.public_key().public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Dane:
    """How a server is to prove who it is; without a record: not at all, but TLS is asked for (RFC 7672 section 2.2)."""

    records: tuple[Tlsa, ...]
    """The usable ones."""
    base: str
    """The TLSA base domain: what is said in SNI, and the first name that an authority's certificate may be for."""
    names: tuple[str, ...] = ()
    """The other ones (RFC 7672 section 3.2.2)."""

    def check(self, chain: Sequence[bytes], now: datetime.datetime) -> None:
        """Look at the certificates that a server presents, its own first, in DER. Raises Mismatch."""
        if not self.records:
            return
        if not chain:
            raise Mismatch("the server presents no certificate")
        try:
            presented = [x509.load_der_x509_certificate(one) for one in chain[:MOST_CERTIFICATES]]
            proved = any(self._proves(one, presented, now) for one in agile(self.records))
        except Exception as error:  # cryptography has its own types for broken certificates and odd keys
            raise Mismatch(f"a certificate cannot be read: {type(error).__name__}") from error
        if not proved:
            raise Mismatch("no TLSA record matches the server's certificates")

    def _proves(self, record: Tlsa, presented: Sequence[x509.Certificate], now: datetime.datetime) -> bool:
        if record.usage == Usage.DANE_EE:
            return record.matches(presented[0])
        anchors = [one for one in presented if record.matches(one)]
        if not anchors and record.matching == 0 and record.selector == Selector.CERT:
            anchors = [x509.load_der_x509_certificate(record.data)]  # it need not be presented (RFC 7671 section 5.2.2)
        return any(self._issued(anchor, presented, now) for anchor in anchors)

    def _issued(self, anchor: x509.Certificate, presented: Sequence[x509.Certificate], now: datetime.datetime) -> bool:
        leaf, *others = presented
        authorities, servers = _extensions()
        builder = verification.PolicyBuilder().store(verification.Store([anchor])).time(now)
        builder = builder.max_chain_depth(_MOST_DEEP)
        builder = builder.extension_policies(ca_policy=authorities, ee_policy=servers)
        for name in dict.fromkeys((self.base, *self.names)):
            try:
                builder.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
            except (verification.VerificationError, ValueError):
                continue
            return True
        return False


def _extensions() -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """What is asked of an authority's and of a server's certificate: that of the Web, but for identifiers of keys,
    which private authorities leave out.
    """
    identifiers = (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier)
    authorities, servers = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.webpki_defaults_ee()
    for kind in identifiers:
        authorities = authorities.may_be_present(kind, Criticality.AGNOSTIC, None)
        servers = servers.may_be_present(kind, Criticality.AGNOSTIC, None)
    return authorities, servers


def agile(records: Iterable[Tlsa]) -> Iterator[Tlsa]:
    """Without records of a weaker digest where there is a stronger one of the same usage and selector (RFC 7671
    section 9).
    """
    found = list(records)
    strong = {(one.usage, one.selector) for one in found if one.matching == _SHA512}
    return (one for one in found if one.matching != _SHA256 or (one.usage, one.selector) not in strong)


def presented(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates that a server presented, unverified, its own first.

    Python has this in public from 3.13 on; before, on the object within (3.10 and later).
    """
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain() or ())
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    return [one.public_bytes(_DER) for one in inner.get_unverified_chain() or ()]
