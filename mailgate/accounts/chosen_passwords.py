"""Passwords that people choose: argon2id off the event loop, and a short keyed memory of good answers.

A check costs 19 MiB and some 22 ms by design, and mail programs open several connections at once, every few minutes.
So the checks run in a small pool with a bounded queue, equal checks that run at the same time are one, and a good
answer is remembered for a while under an HMAC whose key dies with the process. The stored hash is part of what is
remembered: a new password forgets the old one at once.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from mailgate.accounts.app_passwords import compact
from mailgate.accounts.errors import PasswordRejected, SignInUnavailable
from mailgate.accounts.prepare import prepare_password


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


MIN_LENGTH: Final = 12
MIN_LOCAL_PART: Final = 3
"""A local part shorter than this is in too many words to be forbidden."""

_SHORT: Final = _("The password is too short: it needs at least {number} characters.")
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

_R = TypeVar("_R")


def check_policy(password: str, addresses: Iterable[str]) -> str:
    """Give the prepared password, or say in words why it will not do.

    Raises:
        PasswordRejected: too short, too long, with control characters, or holding the person's own address.
    """
    try:
        prepared = prepare_password(password)
    except ValueError as error:
        reason = _("The password is too long, or holds a control character.")
        raise PasswordRejected(reason if password else _SHORT, number=MIN_LENGTH) from error
    if len(prepared) < MIN_LENGTH:
        raise PasswordRejected(_SHORT, number=MIN_LENGTH)
    if compact(prepared) is not None:
        raise PasswordRejected(_("The password has the form of an app password: choose another one."))
    folded = prepared.casefold()
    for address in addresses:
        local_part = address.rpartition("@")[0].casefold()
        if len(local_part) >= MIN_LOCAL_PART and local_part in folded:
            raise PasswordRejected(_("The password contains the name in the address: choose another one."))
    return prepared


def hash_chosen(prepared: str) -> str:
    """The argon2id hash to store, with its parameters; takes some 22 ms."""
    return _HASHER.hash(prepared)


class ChosenPasswords:
    """The pool and the memory. `clock` gives monotonic seconds."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        workers: int = 2,
        waiting: int = 64,
        remembered: int = 8192,
        remember_seconds: float = 300.0,
    ) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, "argon2")
        self._limit = workers + waiting
        self._remembered = remembered
        self._remember_seconds = remember_seconds
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._busy = 0
        self.verifications = 0
        """Checks that cost an argon2 run, those against nothing included."""
        self._nothing = _hash_of_nothing()

    def __len__(self) -> int:
        """Good answers held in memory."""
        return len(self._until)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, prepared: str) -> str:
        """`hash_chosen` in the pool. Raises SignInUnavailable when it is full."""
        return await self._run(hash_chosen, prepared)

    async def verify(self, subject: str, stored: str | None, prepared: str) -> bool:
        """Is it the password? Without a stored hash the work is the same and the answer no.

        Raises:
            SignInUnavailable: more checks are waiting than will be done in good time.
        """
        answer = self._name(subject, stored or self._nothing, prepared)
        if self._until.get(answer, 0.0) > self._clock():
            return True
        task = self._running.get(answer)
        if task is None:
            task = asyncio.create_task(self._verify(answer, stored or self._nothing, prepared))
            self._running[answer] = task
            task.add_done_callback(lambda _: self._running.pop(answer, None))
        # A client that hangs up must not end the check that another connection of the same person waits for.
        return await asyncio.shield(task)

    async def _verify(self, answer: bytes, stored: str, prepared: str) -> bool:
        good = await self._run(self._check, stored, prepared)
        if good:
            self._until[answer] = self._clock() + self._remember_seconds
            self._until.move_to_end(answer)
            if len(self._until) > self._remembered:
                self._until.popitem(last=False)
        return good

    def _check(self, stored: str, prepared: str) -> bool:
        self.verifications += 1
        try:
            return _HASHER.verify(stored, prepared)
        except VerificationError:
            return False

    async def _run(self, work: Callable[..., _R], *arguments: str) -> _R:
        if self._busy >= self._limit:
            raise SignInUnavailable
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._busy -= 1

    def _name(self, subject: str, stored: str, prepared: str) -> bytes:
        return hmac.digest(self._key, f"{subject}\0{stored}\0{prepared}".encode(), "sha256")


def _hash_of_nothing() -> str:
    """A hash of the usual parameters that no password has."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    parameters = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"
