"""Keys of DKIM: made, kept as octets, published as records (RFC 6376 section 3.6, RFC 8301 section 3.2, RFC 8463)."""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

RSA_BITS: Final = 2_048
"""What RFC 8301 section 3.2 asks of signers; the record of a larger key is too long for some name servers."""


class Kind(StrEnum):
    """The kinds of keys, as k= has them."""

    RSA = "rsa"
    ED25519 = "ed25519"


PrivateKey = RSAPrivateKey | Ed25519PrivateKey


def generate(kind: Kind) -> PrivateKey:
    """A new private key."""
    return generate_private_key(65_537, RSA_BITS) if kind is Kind.RSA else Ed25519PrivateKey.generate()


def to_octets(key: PrivateKey) -> bytes:
    """A private key to be kept where nobody else reads: PKCS #8, not encrypted."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_octets(octets: bytes) -> PrivateKey:
    """What `to_octets` gave. Raises ValueError for anything else."""
    key = load_der_private_key(octets, password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("this is no key of DKIM")  # noqa: TRY004 - it is the octets that are wrong
    return key


def record(key: PrivateKey) -> str:
    """The TXT record that publishes its public half."""
    if isinstance(key, RSAPrivateKey):
        octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k={Kind.RSA}; p={base64.b64encode(octets).decode()}"
    octets = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={Kind.ED25519}; p={base64.b64encode(octets).decode()}"
