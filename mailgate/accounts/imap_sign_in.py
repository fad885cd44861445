"""Sign-in as the IMAP engine asks for it: `imap.backend.SaslExchange` and LOGIN, with the errors of `imap.errors`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imap.backend import Account, Peer
from imap.errors import AuthenticationFailed, BadCommand, ServiceUnavailable
from mailgate.accounts import sasl
from mailgate.accounts.accounts import Accounts
from mailgate.accounts.errors import SignInMalformed, SignInRefused, SignInUnavailable

OpenAccount = Callable[[int, str], Account]
"""Give the mailboxes of an account from its number and the name that signed in."""


class ImapSignIn:
    """The part of `imap.backend.Backend` that comes before an account is open: derive from it, or delegate to it."""

    def __init__(self, accounts: Accounts, open_account: OpenAccount) -> None:
        self._accounts = accounts
        self._open_account = open_account

    def mechanisms(self) -> tuple[str, ...]:
        return sasl.MECHANISMS

    def sasl(self, mechanism: str, peer: Peer) -> ImapSaslExchange:
        return ImapSaslExchange(sasl.begin(self._accounts, mechanism, peer.host), self._open_account)

    async def login(self, username: str, password: str, peer: Peer) -> Account:
        """Check a password as LOGIN sends it. Raises AuthenticationFailed, ServiceUnavailable."""
        with _imap_errors():
            identity = await self._accounts.verify(username, password, peer.host)
        return self._open_account(identity.account_id, identity.username)


class ImapSaslExchange:
    """`imap.backend.SaslExchange` over a `sasl.SignIn`."""

    def __init__(self, sign_in: sasl.SignIn, open_account: OpenAccount) -> None:
        self.account: Account | None = None
        self._sign_in = sign_in
        self._open_account = open_account

    async def step(self, response: bytes | None) -> bytes | None:
        """One step. Raises AuthenticationFailed, ServiceUnavailable, and BadCommand for a malformed response."""
        with _imap_errors():
            challenge = await self._sign_in.step(response)
        if challenge is None and (identity := self._sign_in.identity) is not None:
            self.account = self._open_account(identity.account_id, identity.username)
        return challenge


@contextmanager
def _imap_errors() -> Iterator[None]:
    try:
        yield
    except SignInRefused as error:
        raise AuthenticationFailed(str(error)) from error
    except SignInUnavailable as error:
        raise ServiceUnavailable(str(error)) from error
    except SignInMalformed as error:
        raise BadCommand(str(error)) from error
