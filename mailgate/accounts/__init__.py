"""Who may sign in: app passwords, chosen passwords, throttling, SASL, and accounts that are in no directory."""

from mailgate.accounts.accounts import Accounts
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
