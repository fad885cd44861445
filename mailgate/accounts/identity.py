"""Who signed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """An account, and the address that was given at sign-in, folded."""

    account_id: int
    username: str
