"""What can go wrong at sign-in and in the care of passwords.

AccountsError
├── SignInRefused        unknown, suspended, or a wrong password: one answer for all three
├── SignInUnavailable    not decided: too many failures, or something behind does not answer; try again later
│   └── TooManyAttempts  too many wrong activation codes of late
├── ActivationRefused    no such address with such a code, or a code that is over: one answer for all
├── SignInMalformed      the client broke the mechanism's grammar
├── UnknownPeople        no such class, school or person
├── UnknownAccount       no such account to give a password to
├── LabelRejected        a label that cannot be shown in a list
├── TooManyPasswords     the account has as many app passwords as it may
└── PasswordRejected     a chosen password that the policy does not allow
"""

from __future__ import annotations


class AccountsError(Exception):
    """A sentence for people; it never holds a password."""


class SignInRefused(AccountsError):
    """Unknown account, suspended account or wrong password: who asks cannot tell which."""

    def __init__(self, text: str = "Sign-in failed: check the address and the password.") -> None:
        super().__init__(text)


class ActivationRefused(AccountsError):
    """Unknown address, wrong code, or one that was used, revoked or is too old: who asks cannot tell which."""

    def __init__(self) -> None:
        super().__init__("This address and this code do not go together, or the code was used already.")


class SignInUnavailable(AccountsError):
    """Sign-in was not decided; the same credentials may be good later."""

    def __init__(self, text: str = "Sign-in is not possible right now. Please try again later.") -> None:
        super().__init__(text)


class TooManyAttempts(SignInUnavailable):
    """Too many wrong ones of late."""

    def __init__(self) -> None:
        super().__init__("Too many attempts. Please try again in a few minutes.")


class SignInMalformed(AccountsError):
    """A message that is not of the mechanism's grammar."""


class UnknownPeople(AccountsError):
    """No class, school or person is called so."""


class UnknownAccount(AccountsError):
    """No account has this number."""


class LabelRejected(AccountsError):
    """A label is one short line of text."""


class TooManyPasswords(AccountsError):
    """The account has as many app passwords as it may; revoking one makes room."""


class PasswordRejected(AccountsError):
    """The chosen password is against the policy; the text, which is in the catalogues, says why."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text.format(**values))
        self.text = text
        self.values = values
