"""What an operator may switch off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """Extensions that are announced and served only when they are on."""

    compress: bool = True
    """COMPRESS=DEFLATE (RFC 4978)."""
    unauthenticate: bool = True
    """UNAUTHENTICATE; behind a proxy that checks who signs in it must be off (RFC 8437 section 8)."""
