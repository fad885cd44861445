"""An authority of one's own and a server certificate, for demonstrations and tests: EC P-256, short-lived, renewed.

Programs trust the authority by its `ca.pem`; its private key stays beside it, so that a renewed server certificate
needs no new trust.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.files import PRIVATE, PUBLIC, CertificateFiles, write_atomically

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
CA_DAYS: Final = 3650
SERVER_DAYS: Final = 90
RENEW_DAYS: Final = 30
"""A certificate with fewer days left than this is replaced."""

_CLOCK_SKEW: Final = datetime.timedelta(hours=1)
_COMMON_NAME_LENGTH: Final = 64


def ensure_demo(directory: Path, names: Iterable[str], now: datetime.datetime | None = None) -> CertificateFiles:
    """Give a certificate for `names` (host names or IP addresses) and the local ones, made or renewed as needed.

    Calling it again changes nothing while the certificate is good for all names; a change of names or a near end
    makes a new certificate of the same authority.

    Raises:
        OSError: the files cannot be written.
        ValueError: a name is not fit for a certificate.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    wanted = list(dict.fromkeys([*names, *LOCAL_NAMES]))
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = CertificateFiles(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority = _load(directory / "ca.pem", directory / "ca.key")
    if authority is None or _ends_soon(authority[0], now):
        authority = _make_authority(now)
        _write(directory / "ca.pem", directory / "ca.key", [authority[0]], authority[1])
    server = _load(files.certificate, files.key)
    if server is None or _ends_soon(server[0], now) or not _serves(server[0], authority[0], wanted):
        certificate, key = _make_server(authority, wanted, now)
        _write(files.certificate, files.key, [certificate, authority[0]], key)
    return files


_Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _load(certificate_path: Path, key_path: Path) -> _Pair | None:
    """A certificate with its own key; None when something is missing, broken or does not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return certificate, key


def _ends_soon(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    return certificate.not_valid_after_utc - now < datetime.timedelta(days=RENEW_DAYS)


def _serves(certificate: x509.Certificate, authority: x509.Certificate, wanted: list[str]) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(map(_general_name, wanted)) == set(held)


def _make_authority(now: datetime.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # The number in the name keeps apart the authorities of two demonstrations in one trust store.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mailgate demo authority {serial:x}"[:40])])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=serial)
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _make_server(authority: _Pair, names: list[str], now: datetime.datetime) -> _Pair:
    ca, ca_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_COMMON_NAME_LENGTH])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    end = min(now + datetime.timedelta(days=SERVER_DAYS), ca.not_valid_after_utc)
    certificate = (
        x509.CertificateBuilder(
            issuer_name=ca.subject,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
        )
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate, key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode().lower())


def _write(
    certificate_path: Path, key_path: Path, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey
) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)
    write_atomically(key_path, private, PRIVATE)
    write_atomically(certificate_path, public, PUBLIC)
