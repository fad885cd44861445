"""SASL exchanges on the server's side, in octets and without a protocol: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256.

The authorization identity must be empty or the one that signs in: nobody acts for another, and a client that asks for
it is refused, not obeyed by half.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from mailgate.accounts.errors import SignInMalformed, SignInRefused
from mailgate.accounts.identity import Identity
from mailgate.accounts.prepare import prepare_username
from mailgate.accounts.scram import ScramMalformed, ScramServer, parse_client_first

if TYPE_CHECKING:
    from mailgate.accounts.accounts import Accounts

MAX_RESPONSE: Final = 4096

_Step = Callable[[bytes], Awaitable[bytes | None]]


class SignIn(Protocol):
    """The server's side of one exchange (RFC 4422)."""

    identity: Identity | None
    """Who signed in, once `step` has returned None."""

    async def step(self, response: bytes | None) -> bytes | None:
        """Take the client's response (None when it sent no initial one); give the next challenge, or None when done.

        Raises:
            SignInRefused: unknown or suspended account, or wrong password.
            SignInUnavailable: try again later.
            SignInMalformed: not of the mechanism's grammar.
        """
        ...


class _Exchange:
    """The common part: bounds, the empty first challenge, and no step after the end."""

    first_challenge = b""

    def __init__(self, accounts: Accounts, peer_host: str) -> None:
        self.identity: Identity | None = None
        self._accounts = accounts
        self._peer_host = peer_host
        self._next: _Step = self._begin
        self._started = False

    async def step(self, response: bytes | None) -> bytes | None:
        current, self._next = self._next, self._over
        if response is None:
            if self._started:
                raise SignInMalformed("A response is missing.")
            self._started, self._next = True, current
            return self.first_challenge
        self._started = True
        if len(response) > MAX_RESPONSE:
            raise SignInMalformed("The response is too long.")
        return await current(response)

    async def _begin(self, response: bytes) -> bytes | None:
        raise NotImplementedError

    async def _over(self, _response: bytes) -> bytes | None:
        raise SignInMalformed("The exchange is over.")


class Plain(_Exchange):
    """PLAIN (RFC 4616 section 2)."""

    async def _begin(self, response: bytes) -> bytes | None:
        # message = [authzid] UTF8NUL authcid UTF8NUL passwd
        fields = response.split(b"\0")
        if len(fields) != 3 or not fields[1] or not fields[2]:  # noqa: PLR2004 - the three of the grammar
            raise SignInMalformed("The response is not of the form of PLAIN.")
        authzid, authcid, password = (_text(field) for field in fields)
        _refuse_other(authzid, authcid)
        self.identity = await self._accounts.verify(authcid, password, self._peer_host)
        return None


class Login(_Exchange):
    """LOGIN, never standardised, and the only one that some printers and old mail programs know."""

    first_challenge = b"Username:"
    _username = ""

    async def _begin(self, response: bytes) -> bytes | None:
        self._username = _text(response)
        self._next = self._finish
        return b"Password:"

    async def _finish(self, response: bytes) -> bytes | None:
        self.identity = await self._accounts.verify(self._username, _text(response), self._peer_host)
        return None


class ScramSha256(_Exchange):
    """SCRAM-SHA-256 without channel binding (RFC 7677)."""

    async def _begin(self, response: bytes) -> bytes | None:
        try:
            first = parse_client_first(response)
        except ScramMalformed as error:
            raise SignInMalformed("The response is not of the form of SCRAM.") from error
        _refuse_other(first.authzid or "", first.username)
        self._candidate = await self._accounts.scram_candidate(first.username, self._peer_host)
        self._server = ScramServer(first, self._candidate.salt, self._candidate.iterations)
        self._next = self._prove
        return self._server.server_first

    async def _prove(self, response: bytes) -> bytes | None:
        try:
            proven = self._server.verify(response, self._candidate.keys)
        except ScramMalformed as error:
            raise SignInMalformed("The response is not of the form of SCRAM.") from error
        index, server_final = proven if proven is not None else (None, b"")
        self._identity = await self._accounts.scram_outcome(self._candidate, index)
        self._next = self._acknowledge
        return server_final

    async def _acknowledge(self, response: bytes) -> bytes | None:
        if response:
            raise SignInMalformed("SCRAM: nothing is expected after the server's signature.")
        self.identity = self._identity
        return None


_MECHANISMS: Final[dict[str, type[_Exchange]]] = {"SCRAM-SHA-256": ScramSha256, "PLAIN": Plain, "LOGIN": Login}

MECHANISMS: Final = tuple(_MECHANISMS)
"""To be offered under TLS only."""


def begin(accounts: Accounts, mechanism: str, peer_host: str) -> SignIn:
    """Begin an exchange of one of the `MECHANISMS` for the peer at `peer_host`."""
    return _MECHANISMS[mechanism](accounts, peer_host)


def _text(field: bytes) -> str:
    try:
        return field.decode()
    except UnicodeDecodeError as error:
        raise SignInMalformed("The response is not UTF-8.") from error


def _refuse_other(authzid: str, authcid: str) -> None:
    if not authzid:
        return
    try:
        same = prepare_username(authzid) == prepare_username(authcid)
    except ValueError:
        same = False
    if not same:
        raise SignInRefused("Signing in on behalf of another person is not allowed.")
