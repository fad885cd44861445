"""Who may sign in: app passwords, chosen passwords, throttling, SASL, and accounts that are in no directory."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mailgate.accounts.errors import (
    AccountsError,
    LabelRejected,
    PasswordRejected,
    SignInMalformed,
    SignInRefused,
    SignInUnavailable,
    TooManyPasswords,
    UnknownAccount,
)

if TYPE_CHECKING:
    from mailgate.accounts.accounts import Accounts
    from mailgate.accounts.identity import Identity
    from mailgate.accounts.management import AppPasswordInfo

__all__ = [
    "Accounts",
    "AccountsError",
    "AppPasswordInfo",
    "Identity",
    "LabelRejected",
    "PasswordRejected",
    "SignInMalformed",
    "SignInRefused",
    "SignInUnavailable",
    "TooManyPasswords",
    "UnknownAccount",
]

_WHERE = {"Accounts": "accounts", "AppPasswordInfo": "management", "Identity": "identity"}


def __getattr__(name: str) -> object:
    """Imported when asked for (PEP 562): who wants the tables alone needs no hash of passwords."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
