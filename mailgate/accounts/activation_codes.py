"""Activation codes: typed once from paper, by somebody who has no password yet.

Twelve characters of 28 are 57 random bits. That is out of reach for who guesses at the page, where guesses are few, but
not for who has a stolen backup and a fast hash: some 10^10 guesses a second would find one within months, and a code in
an old backup may still be good on the living gateway. So a code is kept as an argon2id hash, of 1 MiB where a chosen
password has 19: at 10^6 guesses a second a code takes thousands of years, while those of a school of 2,000 people
are made in a few seconds, and a check keeps the event loop about as long as the TLS handshake before it.
"""

from __future__ import annotations

import base64
import secrets
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

ALPHABET: Final = "BCDFGHJKMNPQRSTVWXYZ23456789"
"""No 0 and O, no 1, I and L: each character is itself on paper. No vowels: no code is a word."""

GROUPS: Final = 3
GROUP_LENGTH: Final = 4
LENGTH: Final = GROUPS * GROUP_LENGTH

_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1, type=Type.ID)
_CHARACTERS: Final = frozenset(ALPHABET)
_BETWEEN: Final = frozenset(" -\N{NO-BREAK SPACE}\N{EN DASH}\N{NON-BREAKING HYPHEN}\N{HYPHEN}.")
_LONGEST: Final = 64
"""Characters of what is looked at as a code at all."""


def generate() -> str:
    """A new code as it is printed, such as ``K7MQ-…`` with three groups."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[start : start + GROUP_LENGTH] for start in range(0, LENGTH, GROUP_LENGTH))


def compact(typed: str) -> str | None:
    """The characters of a code, however it was typed; None for what is none."""
    if len(typed) > _LONGEST:
        return None
    characters = "".join(char for char in typed.strip().upper() if char not in _BETWEEN)
    return characters if len(characters) == LENGTH and _CHARACTERS.issuperset(characters) else None


def hash_code(code: str) -> str:
    """What is kept of a code; takes a millisecond or two. Raises ValueError for what is none."""
    characters = compact(code)
    if characters is None:
        raise ValueError("not an activation code")
    return _HASHER.hash(characters)


def verify_code(stored: str | None, typed: str) -> bool:
    """Is it the code? The work is the same where nothing is stored, and where what was typed is no code."""
    characters = compact(typed)
    try:
        good = _HASHER.verify(stored or _NOTHING, characters or "")
    except (VerificationError, InvalidHashError):
        return False
    return good and stored is not None and characters is not None


def _hash_of_nothing() -> str:
    """A hash of the same parameters that no code has."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${salt}${digest}"


_NOTHING: Final = _hash_of_nothing()
