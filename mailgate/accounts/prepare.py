"""Prepare user names and passwords for comparison (RFC 8265, which replaces SASLprep of RFC 4013)."""

from __future__ import annotations

import unicodedata

MAX_USERNAME = 254
"""Octets of an address (RFC 5321 4.5.3.1.3, without the angle brackets)."""

MAX_PASSWORD = 1024
"""Octets; RFC 4616 asks for 255 at least."""


def prepare_username(text: str) -> str:
    """Fold an address: width, case and NFC (RFC 8265 3.3). Raises ValueError."""
    if text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= MAX_USERNAME:
        return text.lower()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower())
    if not folded or len(folded.encode()) > MAX_USERNAME:
        raise ValueError("a user name has 1 to 254 octets")
    if any(unicodedata.category(char)[0] in "CZ" for char in folded):
        raise ValueError("a user name holds no control character and no space")
    return folded


def prepare_password(text: str) -> str:
    """NFC with every kind of space made U+0020, case kept (RFC 8265 4.2, OpaqueString). Raises ValueError."""
    if len(text) > MAX_PASSWORD:
        raise ValueError("a password has at most 1,024 octets")
    if text and text.isascii() and text.isprintable():
        return text
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    prepared = unicodedata.normalize("NFC", spaced)
    if not prepared or len(prepared.encode()) > MAX_PASSWORD:
        raise ValueError("a password has 1 to 1,024 octets")
    if any(unicodedata.category(char) == "Cc" for char in prepared):
        raise ValueError("a password holds no control character")
    return prepared
