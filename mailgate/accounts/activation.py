"""The use of an activation code: who has it chooses a password, once, and the code is over.

What a page is sent says nothing of whom it is about: an unknown address, a wrong code, one that was used, revoked or is
too old have one answer, after the same work. Guesses are counted as those at chosen passwords are, by counters of their
own, so that nobody's guesses here keep a person from signing in. No code is in any log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import bindparam, func, select, update

from directory.schema import address
from mailgate.accounts.activation_codes import verify_code
from mailgate.accounts.app_passwords import subject_of
from mailgate.accounts.chosen_passwords import ChosenPasswords, check_policy
from mailgate.accounts.credentials import NOBODY
from mailgate.accounts.errors import ActivationRefused, SignInUnavailable, TooManyAttempts
from mailgate.accounts.management import addresses_of, put_chosen_password
from mailgate.accounts.prepare import prepare_username
from mailgate.accounts.schema import activation_code
from mailgate.accounts.throttle import Throttle, network_of
from mailgate.database import Database, DatabaseError, Statement, Tx
from mailgate.database.contract import Row
from mailgate.policy.audit import record_in
from mailgate.store.schema import account

_log = structlog.get_logger(__name__)

_ACTOR: Final = "by activation code"
_c = activation_code.c
_of_address = select(address.c.person_id).where(address.c.address == bindparam("address")).scalar_subquery()
_BY_ADDRESS: Final = Statement(
    select(account.c.account_id, account.c.state, _c.hash, _c.expires_at, _c.used_at, _c.revoked_at)
    .select_from(account.outerjoin(activation_code, _c.account_id == account.c.account_id))
    .where(account.c.account_id == func.coalesce(_of_address, NOBODY))
)
# The hash tells this code from one that was made since: whoever comes second finds nothing to use.
_USE: Final = Statement(
    update(activation_code)
    .values(used_at=bindparam("now"))
    .where(
        _c.account_id == bindparam("account_id"),
        _c.hash == bindparam("hash"),
        _c.used_at.is_(None),
        _c.revoked_at.is_(None),
        _c.expires_at > bindparam("now"),
    )
)
_STATE: Final = Statement(
    select(account.c.state).where(account.c.account_id == bindparam("account_id")).with_for_update()
)


_NOTHING: Final = (None, None, None, None, None, None)
"""The row of an address that is nobody's."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who has a code that may be used."""

    account_id: int
    name: str
    """The folded address that was given."""
    stored: str = field(repr=False)


class Activations:
    """Codes over one database; `clock` gives seconds since the epoch, `monotonic` never goes back.

    Throttling is that of this process.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        chosen: ChosenPasswords | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._chosen = ChosenPasswords(monotonic) if chosen is None else chosen
        self._throttle = Throttle(monotonic)

    def close(self) -> None:
        """End the pool of the slow hashes."""
        self._chosen.close()

    async def claim(self, username: str, code: str, peer_host: str) -> Claim:
        """Who may choose a password with this code; it stays unused.

        Raises:
            ActivationRefused: they do not go together, or the code is over.
            TooManyAttempts: too many wrong guesses.
            SignInUnavailable: the database does not answer.
        """
        network = network_of(peer_host)
        try:
            name = prepare_username(username.strip())
        except ValueError as error:
            raise ActivationRefused from error
        account_id, state, stored, expires_at, used_at, revoked_at = await self._look_up(name) or _NOTHING
        subject = name if account_id is None else subject_of(account_id)
        if self._throttle.wait(subject, network) > 0:
            _log.info("activation_throttled", account_id=account_id, network=network)
            raise TooManyAttempts
        self._throttle.begin(subject, network)
        good = verify_code(stored, code)
        over = used_at is not None or revoked_at is not None or (expires_at or 0) <= self._clock()
        if account_id is None or stored is None or not good or over or state != "active":
            self._throttle.failed(network)
            _log.info("activation_refused", account_id=account_id, network=network)
            raise ActivationRefused
        self._throttle.undecided(subject, network)
        return Claim(account_id, name, stored)

    async def activate(self, claim: Claim, password: str) -> None:
        """Use the code: the password opens the account from now on, and the code is over.

        Raises:
            PasswordRejected: the password will not do; the code is as it was.
            ActivationRefused: somebody was first, or the code or the account has ended meanwhile.
            SignInUnavailable: not possible right now; the code is as it was.
        """
        try:
            addresses = await addresses_of(self._database, claim.account_id)
        except DatabaseError as error:
            raise SignInUnavailable from error
        hashed = await self._chosen.hash(check_policy(password, addresses))
        now = int(self._clock())

        async def work(tx: Tx) -> None:
            state = await tx.one(_STATE, account_id=claim.account_id)
            if state is None or state[0] != "active":
                raise ActivationRefused
            if await tx.run(_USE, account_id=claim.account_id, hash=claim.stored, now=now) != 1:
                raise ActivationRefused
            await put_chosen_password(tx, claim.account_id, hashed, now)
            await record_in(tx, "activation", claim.name, "chose a password", actor=_ACTOR, at=now)

        try:
            await self._database.write(work)
        except DatabaseError as error:
            _log.error("activation_failed", error=type(error).__name__)
            raise SignInUnavailable from error
        _log.info("activated", account_id=claim.account_id)

    async def _look_up(self, name: str) -> Row | None:
        async def work(tx: Tx) -> Row | None:
            return await tx.one(_BY_ADDRESS, address=name)

        try:
            return await self._database.read(work)
        except DatabaseError as error:
            _log.error("activation_lookup_failed", error=type(error).__name__)
            raise SignInUnavailable from error
