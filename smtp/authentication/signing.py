"""DKIM signatures of what leaves (RFC 6376 section 5, RFC 8301, RFC 8463): relaxed/relaxed, over the whole body.

Fields that tell people what a message is are named once more than they are there, so that nobody can add another one
(section 5.4). The body is hashed once, in pieces, whatever the number of signatures and of headers it leaves with.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from smtp.authentication.canonical import canonical, relaxed_field, select
from smtp.header import Field, read_fields

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

_SHOWN: Final = frozenset(
    {b"from", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
     b"mime-version", b"content-type", b"content-transfer-encoding"}
)  # fmt: skip
"""Signed as often as they are there, and once more."""
_SIGNED: Final = _SHOWN | {
    b"sender", b"content-id", b"content-description", b"content-disposition", b"content-language", b"auto-submitted",
    b"resent-date", b"resent-from", b"resent-sender", b"resent-to", b"resent-cc", b"resent-message-id", b"list-id",
    b"list-help", b"list-post", b"list-owner", b"list-archive", b"list-subscribe", b"list-unsubscribe",
    b"list-unsubscribe-post", b"feedback-id", b"tls-report-domain", b"tls-report-submitter",
}  # fmt: skip
"""Those of RFC 6376 section 5.4.1, of RFC 8058 section 4 and of RFC 8460 section 3."""
_WIDTH: Final = 74


class Algorithm(StrEnum):
    """The ways to sign."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and the domain and selector under which its public half is published."""

    domain: str
    selector: str
    private: PrivateKey

    @property
    def algorithm(self) -> Algorithm:
        """What it signs by."""
        return Algorithm.RSA if isinstance(self.private, RSAPrivateKey) else Algorithm.ED25519

    def sign(self, data: bytes) -> bytes:
        """RFC 8463 section 3: Ed25519 signs the hash, as RSA does."""
        digest = hashlib.sha256(data).digest()
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, PKCS1v15(), Prehashed(hashes.SHA256()))
        return self.private.sign(digest)


def sign(header: bytes, body_hash: bytes, keys: Sequence[SigningKey], now: int) -> bytes:
    """The DKIM-Signature fields, one of each key, that go on top of this header; `now`: seconds since the epoch.

    `body_hash` is that of `BodyHash(relaxed=True)`.
    """
    fields = read_fields(header)
    names = fields_to_sign(fields)
    data = header_data(fields, names)
    made = []
    for key in keys:
        tags = [
            "v=1", f"a={key.algorithm}", "c=relaxed/relaxed", f"d={key.domain}", f"s={key.selector}", f"t={now}",
            f"h={':'.join(names)}", f"bh={base64.b64encode(body_hash).decode()}",
        ]  # fmt: skip
        made.append(signed_field("DKIM-Signature", tags, data, key))
    return b"".join(made)


def fields_to_sign(header: Iterable[Field]) -> list[str]:
    """h=: the names in alphabetical order, each as often as its fields are to be signed."""
    there = Counter(one.name for one in header)
    return [
        name.decode() for name in sorted(_SIGNED) for _ in range(there[name] + (name in _SHOWN))
    ]  # fmt: skip


def header_data(fields: Sequence[Field], names: Iterable[str]) -> bytes:
    """What is hashed of the header, before the signature itself."""
    return b"".join(canonical(one, relaxed=True) for one in select(fields, (name.encode() for name in names)))


def signed_field(name: str, tags: Sequence[str], data: bytes, key: SigningKey) -> bytes:
    """A field of tags that ends in b=, the signature of `data` and of itself; folded, with its CRLF."""
    text = _folded(name, tags)
    signature = key.sign(data + relaxed_field(name.encode(), text + b" b=").removesuffix(b"\r\n"))
    value = base64.b64encode(signature)
    lines = [value[at : at + _WIDTH - 4] for at in range(0, len(value), _WIDTH - 4)]
    return name.encode() + b":" + text + b"\r\n b=" + b"\r\n ".join(lines) + b"\r\n"


def _folded(name: str, tags: Iterable[str]) -> bytes:
    """``tag; tag; …;`` in lines that no server needs to fold again; h= is folded at its colons."""
    lines, line = [], f"{name}:"
    for tag in tags:
        for at, piece in enumerate(f"{tag};".replace(":", ":\0").split("\0")):
            blank = " " if at == 0 else ""
            if len(line) + len(blank) + len(piece) > _WIDTH and line:
                lines.append(line)
                line, blank = "", " "
            line += blank + piece
    lines.append(line)
    return "\r\n".join(lines).removeprefix(f"{name}:").encode()
