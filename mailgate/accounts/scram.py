"""The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): grammar and arithmetic, no input or output.

An account may have several app passwords, and the salt goes out before the client shows which one it holds: all
passwords of an account share a salt, and the proof is tried against the keys of each.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_MESSAGE: Final = 4096
KEY_LENGTH: Final = 32

# client-first-message = gs2-header [reserved-mext ","] username "," nonce ["," extensions]
# gs2-header = gs2-cbind-flag "," [ "a=" saslname ] ","
_CLIENT_FIRST: Final = re.compile(
    rb"(?P<gs2>(?P<flag>n|y|p=[A-Za-z0-9.-]+),(?:a=(?P<authzid>[^,\0]+))?,)"
    rb"(?P<bare>n=(?P<username>[^,\0]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*)",
    re.DOTALL,
)
# client-final-message = "c=" base64 "," "r=" nonce ["," extensions] "," "p=" base64
_CLIENT_FINAL: Final = re.compile(
    rb"(?P<bare>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*?)"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)",
    re.DOTALL,
)
_BAD_ESCAPE: Final = re.compile("=(?!2C|3D)")


class ScramMalformed(ValueError):
    """A message outside RFC 5802 section 7, or one that asks for what is not offered."""


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The client's first message, taken apart."""

    gs2_header: bytes
    bare: bytes
    authzid: str | None
    username: str
    nonce: bytes


def parse_client_first(message: bytes) -> ClientFirst:
    """Take apart a client-first-message. Raises ScramMalformed."""
    match = _CLIENT_FIRST.fullmatch(message) if len(message) <= MAX_MESSAGE else None
    if match is None:
        raise ScramMalformed("not a client-first-message")
    if match["flag"].startswith(b"p"):
        raise ScramMalformed("channel binding is not offered")
    authzid = None if match["authzid"] is None else _saslname(match["authzid"])
    return ClientFirst(match["gs2"], match["bare"], authzid, _saslname(match["username"]), match["nonce"])


def _saslname(value: bytes) -> str:
    try:
        name = value.decode()
    except UnicodeDecodeError as error:
        raise ScramMalformed("a name is not UTF-8") from error
    if _BAD_ESCAPE.search(name):
        raise ScramMalformed("a name holds a bare equals sign")
    return name.replace("=2C", ",").replace("=3D", "=")


class ScramServer:
    """One exchange after its first message; `server_first` is the challenge to send."""

    def __init__(self, first: ClientFirst, salt: bytes, iterations: int, server_nonce: str | None = None) -> None:
        self._first = first
        self._nonce = first.nonce + (server_nonce or secrets.token_urlsafe(24)).encode()
        self.server_first = b"r=%b,s=%b,i=%d" % (self._nonce, base64.b64encode(salt), iterations)

    def verify(self, client_final: bytes, keys: Iterable[tuple[bytes, bytes]]) -> tuple[int, bytes] | None:
        """Try the proof against (StoredKey, ServerKey) pairs: give the index of the one it fits and the
        server-final-message, or None when it fits none.

        Raises:
            ScramMalformed: not a client-final-message, or not the one of this exchange.
        """
        match = _CLIENT_FINAL.fullmatch(client_final) if len(client_final) <= MAX_MESSAGE else None
        if match is None:
            raise ScramMalformed("not a client-final-message")
        if not hmac.compare_digest(match["nonce"], self._nonce):
            raise ScramMalformed("the nonce is not of this exchange")
        if _base64(match["binding"]) != self._first.gs2_header:
            raise ScramMalformed("the header is not that of the first message")
        proof = _base64(match["proof"])
        if len(proof) != KEY_LENGTH:
            raise ScramMalformed("the proof has not the length of a key")
        auth_message = b",".join((self._first.bare, self.server_first, match["bare"]))
        found: tuple[int, bytes] | None = None
        for index, (stored_key, server_key) in enumerate(keys):
            if _fits(proof, stored_key, auth_message):
                signature = hmac.digest(server_key, auth_message, "sha256")
                found = (index, b"v=" + base64.b64encode(signature))
        return found


def _fits(proof: bytes, stored_key: bytes, auth_message: bytes) -> bool:
    signature = hmac.digest(stored_key, auth_message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def _base64(value: bytes) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ScramMalformed("not base64") from error
