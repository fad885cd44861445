"""Names that a test knows, without a server; keys; messages signed by dkimpy."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import dkim
import dns.rdata
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from smtp.authentication.signing import PrivateKey, SigningKey
from smtp.resolver import Found, Unanswered
from tests.support.nameserver import txt

RSA = generate_private_key(65537, 2048)
ED25519 = Ed25519PrivateKey.generate()
KEYS = (SigningKey("ecole.example", "r1", RSA), SigningKey("ecole.example", "e1", ED25519))


def public(key: PrivateKey) -> str:
    """p= of a key."""
    if isinstance(key, RSAPrivateKey):
        return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


RECORDS = {
    "r1._domainkey.ecole.example": f"v=DKIM1; k=rsa; p={public(RSA)}",
    "e1._domainkey.ecole.example": f"v=DKIM1; k=ed25519; p={public(ED25519)}",
}


@dataclass
class Zone:
    """A `Names`: what is not there is not there; None: the name servers fail."""

    records: Mapping[str, str | None]
    asked: list[str] = field(default_factory=list)

    async def lookup(self, name: str, kind: str) -> Found:
        assert kind == "TXT"
        self.asked.append(name)
        text = self.records.get(name, "")
        if text is None:
            raise Unanswered(name)
        return Found(name, (dns.rdata.from_text("IN", "TXT", txt(text)),) if text else ())


def split(message: bytes) -> tuple[bytes, bytes]:
    """Header block and body."""
    if message.startswith(b"\r\n"):
        return b"", message[2:]
    header, _, body = message.partition(b"\r\n\r\n")
    return header.removesuffix(b"\r\n") + b"\r\n", body


def by_dkimpy(message: bytes, *, ed25519: bool = False, **options: object) -> bytes:
    """The message with a signature of dkimpy on top."""
    if ed25519:
        raw = ED25519.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        private, selector, options["signature_algorithm"] = base64.b64encode(raw), b"e1", b"ed25519-sha256"
    else:
        private, selector = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), b"r1"
    made: bytes = dkim.sign(message, selector, b"ecole.example", private, **options)
    return made + message


def dkimpy_accepts(message: bytes, index: int = 0) -> bool:
    """What dkimpy says of a signature, of which all keys are known."""

    def texts(name: bytes, timeout: float = 0) -> bytes:
        return RECORDS[name.decode().rstrip(".")].encode()

    try:
        return bool(dkim.DKIM(message).verify(idx=index, dnsfunc=texts))
    except dkim.DKIMException:
        return False
