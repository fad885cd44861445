"""Public keys of signers: TXT records below ``_domainkey`` (RFC 6376 section 3.6, RFC 8301, RFC 8463)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from smtp.authentication.tags import parse_base64, parse_list, parse_tags
from smtp.resolver import Found, InvalidName, Unanswered

LEAST_BITS: Final = 1_024
"""Of RSA keys that count (RFC 8301 section 3.2)."""
MOST_BITS: Final = 8_192
_RECORD: Final = 4_096
"""Octets of a record that are read: an RSA key of `MOST_BITS` takes a third of it."""
_RECORDS: Final = 4


class Names(Protocol):
    """The part of `smtp.resolver.Resolver` that finds keys."""

    async def lookup(self, name: str, kind: str) -> Found:
        """Raises InvalidName, Unanswered."""
        ...


class NoKey(Exception):
    """There is no key that counts. Another time may do better where it is `temporary`."""

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as its domain publishes it."""

    public: RSAPublicKey | Ed25519PublicKey
    testing: bool = False
    """t=y: what is signed by it is to be treated as if it were not."""
    strict: bool = False
    """t=s: the identity (i=) is in the very domain of the signature."""

    @property
    def kind(self) -> str:
        """As k= has it."""
        return "rsa" if isinstance(self.public, RSAPublicKey) else "ed25519"

    @property
    def bits(self) -> int:
        """Its size."""
        return self.public.key_size if isinstance(self.public, RSAPublicKey) else 256

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether this key made this signature of the data, by SHA-256."""
        digest = hashlib.sha256(data).digest()
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(signature, digest, PKCS1v15(), Prehashed(hashes.SHA256()))
            else:
                self.public.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


async def fetch(names: Names, domain: str, selector: str) -> PublicKey:
    """The key of a selector; of several records the first that is one. Raises NoKey."""
    try:
        found = await names.lookup(f"{selector}._domainkey.{domain}", "TXT")
    except InvalidName:
        raise NoKey("the name of the key is no name") from None
    except Unanswered:
        raise NoKey("no name server answers for the key", temporary=True) from None
    problem = NoKey("no key")
    for text in found.texts()[:_RECORDS]:
        try:
            return parse_key(text)
        except NoKey as error:
            problem = error
    raise problem


def parse_key(text: bytes) -> PublicKey:
    """What a record says (RFC 6376 section 3.6.1). Raises NoKey."""
    if len(text) > _RECORD:
        raise NoKey("the record of the key is too long")
    try:
        tags = parse_tags(text)
    except ValueError:
        raise NoKey("the record of the key is malformed") from None
    if b"v" in tags and (next(iter(tags)) != b"v" or tags[b"v"] != b"DKIM1"):
        raise NoKey("the record of the key has another version")
    if b"h" in tags and b"sha256" not in parse_list(tags[b"h"]):
        raise NoKey("the key is not for SHA-256")
    if not {b"*", b"email"} & set(parse_list(tags.get(b"s", b"*"))):
        raise NoKey("the key is not for mail")
    flags = parse_list(tags.get(b"t", b""))
    return PublicKey(_public(tags), testing=b"y" in flags, strict=b"s" in flags)


def _public(tags: dict[bytes, bytes]) -> RSAPublicKey | Ed25519PublicKey:
    if b"p" not in tags:
        raise NoKey("the record of the key is malformed")
    if not tags[b"p"]:
        raise NoKey("the key was revoked")
    kind = tags.get(b"k", b"rsa")
    if kind not in {b"rsa", b"ed25519"}:
        raise NoKey("the key is of an unknown kind")
    try:
        octets = parse_base64(tags[b"p"])
        public = Ed25519PublicKey.from_public_bytes(octets) if kind == b"ed25519" else load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise NoKey("the key cannot be read") from None
    if isinstance(public, Ed25519PublicKey) and kind == b"ed25519":
        return public
    if not isinstance(public, RSAPublicKey):
        raise NoKey("the key is of another kind than it says")
    if not LEAST_BITS <= public.key_size <= MOST_BITS:
        raise NoKey(f"the key has {public.key_size} bits")
    return public
