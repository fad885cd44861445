"""LOGIN and AUTHENTICATE (RFC 9051 sections 6.2.2 and 6.2.3, RFC 4959)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from imap.backend import Account
from imap.errors import BadCommand, CommandRefused
from imap.parsing.auth import Authenticate, Login, decode_base64
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session

_MOST_STEPS: Final = 10


async def login(session: Session, _tag: str, command: Login) -> Completion:
    """LOGIN: under TLS only."""
    _require_tls(session)
    account = await session.context.backend.login(command.username, command.password, session.connection.peer)
    return _signed_in(session, account)


async def authenticate(session: Session, _tag: str, command: Authenticate) -> Completion:
    """AUTHENTICATE: under TLS only."""
    _require_tls(session)
    backend = session.context.backend
    if command.mechanism not in backend.mechanisms():
        raise CommandRefused("This mechanism is not offered", code="CANNOT")
    exchange = backend.sasl(command.mechanism, session.connection.peer)
    response = command.initial_response
    for _ in range(_MOST_STEPS):
        challenge = await exchange.step(response)
        if challenge is None:
            if exchange.account is None:
                raise RuntimeError("the exchange is done and nobody signed in")
            return _signed_in(session, exchange.account)
        line = await session.connection.ask(b"+ %b\r\n" % base64.b64encode(challenge))
        if line == b"*":
            raise BadCommand("AUTHENTICATE cancelled")
        response = decode_base64(line)
    raise BadCommand("Too many steps")


def _require_tls(session: Session) -> None:
    if not session.connection.peer.tls:
        raise CommandRefused("Please use TLS first", code="PRIVACYREQUIRED")


def _signed_in(session: Session, account: Account) -> Completion:
    session.sign_in(account)
    return Completion("Signed in", session.capability_code())
