"""Passwords made by the machine: 138 random bits in readable groups, checked in microseconds.

So much entropy needs no slow hash: a salted digest answers PLAIN and LOGIN, and the keys of SCRAM-SHA-256 (RFC 5802,
RFC 7677) answer those clients that can do without sending the password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""No 0 and o, no 1, i and l: read aloud or copied by hand, each character is itself."""

GROUPS: Final = 7
GROUP_LENGTH: Final = 4
LENGTH: Final = GROUPS * GROUP_LENGTH

ITERATIONS: Final = 4096
"""RFC 7677 section 4; more would buy nothing against 138 bits."""

SALT_LENGTH: Final = 16

_IGNORED = str.maketrans("", "", " -\N{NO-BREAK SPACE}\N{EN DASH}\N{NON-BREAKING HYPHEN}")
_CHARACTERS = frozenset(ALPHABET)


@dataclass(frozen=True, slots=True)
class AppPasswordKeys:
    """What is kept of an app password: enough to check it, not enough to know it."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    digest: bytes = field(repr=False)


def generate() -> str:
    """A new app password in the form in which it is shown, such as ``k7mq-…`` with seven groups."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[start : start + GROUP_LENGTH] for start in range(0, LENGTH, GROUP_LENGTH))


def compact(password: str) -> str | None:
    """The characters of an app password without separators and capitals; None when it has not that form.

    Everything else is a chosen password: which check runs depends on the form alone, never on the account, so that
    the time of the answer tells nothing.
    """
    characters = password.translate(_IGNORED).lower()
    return characters if len(characters) == LENGTH and _CHARACTERS.issuperset(characters) else None


def fast_digest(salt: bytes, characters: str) -> bytes:
    """The salted digest of a password in its compact form."""
    return hashlib.blake2b(characters.encode(), key=salt, digest_size=32).digest()


def salt_for(secret: bytes, subject: str) -> bytes:
    """The salt of an account, or of a name that nobody has: always the same, and telling nothing without `secret`."""
    return hashlib.blake2b(subject.encode(), key=secret, digest_size=SALT_LENGTH).digest()


def subject_of(account_id: int) -> str:
    """What an account is called where the name of somebody unknown may stand as well."""
    return f"#{account_id}"


def derive(password: str, salt: bytes, iterations: int = ITERATIONS) -> AppPasswordKeys:
    """Keys of an app password as `generate` gives it; takes about 1.2 ms, nearly all without the GIL.

    A SCRAM client hashes what it was given, so these keys are for the shown form, hyphens included.
    """
    characters = compact(password)
    if characters is None:
        raise ValueError("not an app password")
    stored_key, server_key = scram_keys(password, salt, iterations)
    return AppPasswordKeys(salt, iterations, stored_key, server_key, fast_digest(salt, characters))


def scram_keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey (RFC 5802 section 3) with SHA-256."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")
