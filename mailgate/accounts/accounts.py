"""Who may sign in: the check of a name and a password, and the care of passwords."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from mailgate.accounts import management
from mailgate.accounts.app_passwords import ITERATIONS, compact, derive, generate, salt_for, subject_of
from mailgate.accounts.chosen_passwords import ChosenPasswords, check_policy
from mailgate.accounts.credentials import AppPassword, Credentials, load_secret, look_up, note_use
from mailgate.accounts.errors import SignInRefused, SignInUnavailable
from mailgate.accounts.identity import Identity
from mailgate.accounts.management import AppPasswordInfo, NewAppPassword
from mailgate.accounts.prepare import prepare_password, prepare_username
from mailgate.accounts.throttle import Throttle, network_of
from mailgate.database import Database, DatabaseError

_log = structlog.get_logger(__name__)

_NO_KEYS: Final = ((secrets.token_bytes(32), secrets.token_bytes(32)),)
"""Keys that no proof fits, for an account without app passwords."""


@dataclass(frozen=True, slots=True)
class ScramCandidate:
    """What a SCRAM exchange needs of the account it is about, which may not exist."""

    credentials: Credentials
    network: str
    salt: bytes = field(repr=False)
    iterations: int
    offered: tuple[AppPassword, ...]

    @property
    def keys(self) -> Sequence[tuple[bytes, bytes]]:
        """(StoredKey, ServerKey) of each app password that may be proven."""
        return [(one.keys.stored_key, one.keys.server_key) for one in self.offered] or _NO_KEYS


class Accounts:
    """Sign-in and passwords over one database.

    `clock` gives seconds since the epoch, for what is stored; `monotonic` never goes back, for throttling and
    memories. Throttling and the memory of good answers are those of this process.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        chosen: ChosenPasswords | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._chosen = ChosenPasswords(monotonic) if chosen is None else chosen
        self._throttle = Throttle(monotonic) if throttle is None else throttle
        self._secret: bytes | None = None

    def close(self) -> None:
        """End the pool of the slow checks."""
        self._chosen.close()

    async def verify(self, username: str, password: str, peer_host: str) -> Identity:
        """Check a name and a password sent by the peer at `peer_host`.

        Whether the quick check of an app password or the slow one of a chosen password is made depends on the form of
        `password` alone, and either is made for unknown accounts too.

        Raises:
            SignInRefused: unknown account, suspended account, or wrong password.
            SignInUnavailable: too many failures, or the database does not answer.
        """
        network = network_of(peer_host)
        try:
            name, prepared = prepare_username(username), prepare_password(password)
        except ValueError as error:
            raise SignInRefused from error
        credentials = await self._look_up(name)
        characters = compact(prepared)
        if characters is None:
            return await self._verify_chosen(credentials, prepared, network)
        return await self._verify_app(credentials, credentials.matching(characters), network)

    async def scram_candidate(self, username: str, peer_host: str) -> ScramCandidate:
        """What to offer to somebody who claims to be `username`. Raises SignInRefused, SignInUnavailable."""
        try:
            name = prepare_username(username)
        except ValueError as error:
            raise SignInRefused from error
        credentials = await self._look_up(name)
        salt = await self._salt(credentials.subject)
        offered = tuple(one for one in credentials.app_passwords if one.keys.salt == salt)
        iterations = offered[0].keys.iterations if offered else ITERATIONS
        return ScramCandidate(credentials, network_of(peer_host), salt, iterations, offered)

    async def scram_outcome(self, candidate: ScramCandidate, proven: int | None) -> Identity:
        """The end of a SCRAM exchange: the key at index `proven` fitted, or none. Raises SignInRefused."""
        used = candidate.offered[proven] if proven is not None and candidate.offered else None
        return await self._verify_app(candidate.credentials, used, candidate.network)

    async def create_app_password(self, account_id: int, label: str) -> str:
        """Make an app password and give it, for the only time. Raises UnknownAccount, LabelRejected, TooManyPasswords.

        It is good with or without its hyphens and in capitals; SCRAM clients must have it as it is given here.
        """
        return (await self.create_app_passwords([(account_id, label)]))[0]

    async def create_app_passwords(self, wanted: Sequence[tuple[int, str]]) -> list[str]:
        """Make an app password for each (account_id, label), all or none; 1.3 ms each, off the event loop.

        Raises:
            UnknownAccount, LabelRejected, TooManyPasswords: nothing was made.
        """
        labelled = [(account_id, management.check_label(label)) for account_id, label in wanted]
        salts = {account_id: await self._salt(subject_of(account_id)) for account_id, _ in labelled}
        passwords = [generate() for _ in labelled]

        def derive_all() -> list[NewAppPassword]:
            return [
                NewAppPassword(account_id, label, derive(password, salts[account_id]))
                for (account_id, label), password in zip(labelled, passwords, strict=True)
            ]

        made = await asyncio.to_thread(derive_all)
        await management.insert_app_passwords(self._database, made, int(self._clock()))
        return passwords

    async def list_app_passwords(self, account_id: int) -> list[AppPasswordInfo]:
        """All app passwords of an account, revoked ones included, oldest first."""
        return await management.list_app_passwords(self._database, account_id)

    async def revoke_app_password(self, account_id: int, password_id: int) -> bool:
        """Revoke an app password: the next sign-in with it fails. False when there was none to revoke."""
        return await management.revoke_app_password(self._database, account_id, password_id, int(self._clock()))

    async def set_password(self, account_id: int, password: str) -> None:
        """Set the password that the person chose. Raises PasswordRejected, UnknownAccount, SignInUnavailable."""
        addresses = await management.addresses_of(self._database, account_id)
        stored = await self._chosen.hash(check_policy(password, addresses))
        await management.store_chosen_password(self._database, account_id, stored, int(self._clock()))

    async def _verify_app(self, credentials: Credentials, used: AppPassword | None, network: str) -> Identity:
        if credentials.account_id is None or used is None or not credentials.active:
            raise self._refused(credentials, network)
        self._throttle.trust(credentials.subject, network)
        try:
            await note_use(self._database, credentials.account_id, used, int(self._clock()))
        except DatabaseError as error:  # the date of last use is not worth a refused sign-in
            _log.warning("last_use_not_written", account_id=credentials.account_id, error=type(error).__name__)
        return Identity(credentials.account_id, credentials.name)

    async def _verify_chosen(self, credentials: Credentials, prepared: str, network: str) -> Identity:
        subject = credentials.subject
        wait = self._throttle.wait(subject, network)
        if wait > 0:
            _log.info("sign_in_throttled", account_id=credentials.account_id, network=network, seconds=round(wait))
            raise SignInUnavailable("Too many failed sign-ins. Please try again later.")
        self._throttle.begin(subject, network)
        try:
            good = await self._chosen.verify(subject, credentials.chosen_hash, prepared)
        except SignInUnavailable:
            self._throttle.undecided(subject, network)
            raise
        if credentials.account_id is None or not good or not credentials.active:
            self._throttle.failed(network)
            raise self._refused(credentials, network)
        self._throttle.succeeded(subject, network)
        return Identity(credentials.account_id, credentials.name)

    def _refused(self, credentials: Credentials, network: str) -> SignInRefused:
        reason = "unknown" if credentials.account_id is None else "wrong" if credentials.active else "suspended"
        _log.info("sign_in_refused", account_id=credentials.account_id, network=network, reason=reason)
        return SignInRefused()

    async def _look_up(self, name: str) -> Credentials:
        try:
            return await look_up(self._database, name)
        except DatabaseError as error:
            _log.error("sign_in_lookup_failed", error=type(error).__name__)
            raise SignInUnavailable from error

    async def _salt(self, subject: str) -> bytes:
        if self._secret is None:
            try:
                self._secret = await load_secret(self._database)
            except DatabaseError as error:
                _log.error("sign_in_secret_failed", error=type(error).__name__)
                raise SignInUnavailable from error
        return salt_for(self._secret, subject)
