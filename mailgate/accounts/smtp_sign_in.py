"""Sign-in as the submission server asks for it: `smtp.handler.SaslExchange`, with the replies of RFC 4954 section 6."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.accounts import sasl
from mailgate.accounts.accounts import Accounts
from mailgate.accounts.errors import SignInMalformed, SignInRefused, SignInUnavailable
from smtp.handler import Peer, Sender, SmtpError


class SmtpSignIn:
    """The part of `smtp.handler.SubmissionHandler` that signs people in: derive from it, or delegate to it."""

    def __init__(self, accounts: Accounts, signed_in: Callable[[int], None] | None = None) -> None:
        """`signed_in` is called with each account that somebody signs in to."""
        self._accounts = accounts
        self._signed_in = signed_in

    def mechanisms(self) -> tuple[str, ...]:
        return sasl.MECHANISMS

    def sasl(self, mechanism: str, peer: Peer) -> SmtpSaslExchange:
        return SmtpSaslExchange(sasl.begin(self._accounts, mechanism, peer.host), self._signed_in)


class SmtpSaslExchange:
    """`smtp.handler.SaslExchange` over a `sasl.SignIn`."""

    def __init__(self, sign_in: sasl.SignIn, signed_in: Callable[[int], None] | None = None) -> None:
        self.sender: Sender | None = None
        self._sign_in = sign_in
        self._signed_in = signed_in

    async def step(self, response: bytes | None) -> bytes | None:
        """One step. Raises SmtpError 535 5.7.8, 454 4.7.0, 501 5.5.2."""
        try:
            challenge = await self._sign_in.step(response)
        except SignInRefused as error:
            raise SmtpError(535, "5.7.8", str(error)) from error
        except SignInUnavailable as error:
            raise SmtpError(454, "4.7.0", str(error)) from error
        except SignInMalformed as error:
            raise SmtpError(501, "5.5.2", str(error)) from error
        if challenge is None and (identity := self._sign_in.identity) is not None:
            self.sender = Sender(identity.account_id, identity.username)
            if self._signed_in is not None:
                self._signed_in(identity.account_id)
        return challenge
