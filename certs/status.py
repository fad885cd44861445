"""What is wrong with a certificate, in words, for ``mailgate check``."""

from __future__ import annotations

import datetime
import ipaddress
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

SOON_DAYS: Final = 14
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 224
"""RFC 9325 section 4.5 for both."""

_SECONDS_PER_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A certificate at a glance; `problems` is empty when it can be served. Unreadable: no subject, no names."""

    subject: str
    names: tuple[str, ...]
    not_after: datetime.datetime | None
    days_left: int | None
    problems: tuple[str, ...]


def inspect(
    certificate: Path, key: Path | None = None, wanted: Iterable[str] = (), now: datetime.datetime | None = None
) -> CertificateStatus:
    """Look at a certificate file (the first of its chain), at its key, and whether it is good for the `wanted` names.

    Never raises for what it finds: it is all in `problems`.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        public_key = leaf.public_key()
        names = _names(leaf)
    except OSError as error:
        return CertificateStatus("", (), None, None, (f"{certificate}: {error.strerror}",))
    except Exception as error:  # the library has its own types for broken extensions and odd keys
        return CertificateStatus("", (), None, None, (f"{certificate}: not a certificate in PEM form ({error})",))
    problems = [
        *_date_problems(leaf, now),
        *(f"not good for the name {name}" for name in wanted if not _covers(names, name)),
        *_strength_problems(leaf, public_key),
        *(_key_problems(key, public_key) if key is not None else ()),
    ]
    days_left = int((leaf.not_valid_after_utc - now).total_seconds() // _SECONDS_PER_DAY)
    return CertificateStatus(_subject(leaf), names, leaf.not_valid_after_utc, days_left, tuple(problems))


def _subject(leaf: x509.Certificate) -> str:
    common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else leaf.subject.rfc4514_string()


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def _covers(names: tuple[str, ...], wanted: str) -> bool:
    """RFC 6125 6.4: the name itself, or a wildcard in the place of its first label."""
    try:
        return str(ipaddress.ip_address(wanted)) in names
    except ValueError:
        folded = wanted.lower()
        held = {name.lower() for name in names}
        return folded in held or f"*.{folded.partition('.')[2]}" in held


def _date_problems(leaf: x509.Certificate, now: datetime.datetime) -> list[str]:
    if leaf.not_valid_after_utc <= now:
        return [f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}"]
    if leaf.not_valid_before_utc > now:
        return [f"not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: is the clock right?"]
    if leaf.not_valid_after_utc - now < datetime.timedelta(days=SOON_DAYS):
        return [f"expires soon, on {leaf.not_valid_after_utc:%Y-%m-%d}"]
    return []


def _strength_problems(leaf: x509.Certificate, public_key: CertificatePublicKeyTypes) -> list[str]:
    problems = []
    match public_key:
        case rsa.RSAPublicKey(key_size=bits) if bits < MIN_RSA_BITS:
            problems.append(f"weak key: RSA of {bits} bits, {MIN_RSA_BITS} are needed")
        case ec.EllipticCurvePublicKey(key_size=bits) if bits < MIN_EC_BITS:
            problems.append(f"weak key: EC of {bits} bits, {MIN_EC_BITS} are needed")
        case dsa.DSAPublicKey():
            problems.append("weak key: programs no longer accept DSA")
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            problems.append("an Ed25519 or Ed448 key: most mail programs cannot use it yet, take EC P-256")
    if isinstance(leaf.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        problems.append("signed with SHA-1 or MD5, which programs no longer accept")
    return problems


def _key_problems(key: Path, public_key: CertificatePublicKeyTypes) -> list[str]:
    problems = []
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
        content = key.read_bytes()
    except OSError as error:
        return [f"{key}: {error.strerror}"]
    if mode & stat.S_IRWXO:
        problems.append(f"{key}: every user of this machine can read or change the key (mode {mode:o}): chmod 600 it")
    try:
        private_key = serialization.load_pem_private_key(content, None)
    except TypeError:
        return [*problems, f"{key}: the key is encrypted: give one without a password"]
    except Exception as error:  # ValueError, UnsupportedAlgorithm, and whatever a broken key brings
        return [*problems, f"{key}: not a private key in PEM form ({error})"]
    if private_key.public_key() != public_key:
        problems.append(f"{key}: the key is not that of the certificate")
    return problems
