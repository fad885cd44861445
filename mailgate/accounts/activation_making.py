"""Activation codes made, and taken back, by batch work over a plain connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import Connection, delete, insert, select, update

from mailgate.accounts.activation_codes import generate, hash_code
from mailgate.accounts.rolls import CodeState, Member
from mailgate.accounts.schema import activation_code, chosen_password
from mailgate.policy.audit import record_each
from mailgate.store.schema import account

_T = TypeVar("_T")
_c = activation_code.c
_CHUNK: Final = 500
_THREADS: Final = 2
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Fresh:
    """Codes that are good once they are kept. They are shown once, and in no table."""

    people: dict[int, Member]
    """For whom, by account."""
    codes: dict[int, str] = field(repr=False)
    hashes: dict[int, str] = field(repr=False)
    made_at: int
    expires_at: int
    again: bool

    @property
    def replaced(self) -> int:
        """How many of these people have a code that waits, and which these will revoke."""
        return sum(one.code is CodeState.WAITING for one in self.people.values())


def prepare(people: Iterable[Member], *, now: int, days: int, again: bool = False, for_show: bool = False) -> Fresh:
    """A new code for each of these people who has no password; with `again`, for who has one, too.

    Takes 1.5 ms of a processor for each, before any transaction; `for_show` takes none, and gives what cannot be kept.
    """
    wanted = {one.account_id: one for one in people if again or not one.activated}
    codes = {account_id: generate() for account_id in wanted}
    if for_show:
        return Fresh(wanted, codes, {}, now, now + days * DAY, again)
    with ThreadPoolExecutor(_THREADS, "codes") as pool:
        hashes = dict(zip(codes, pool.map(hash_code, codes.values()), strict=True))
    return Fresh(wanted, codes, hashes, now, now + days * DAY, again)


def keep(connection: Connection, fresh: Fresh, action: str) -> None:
    """From the end of the transaction on these codes are good, and older ones of the same people are over.

    Who chose a password meanwhile gets none. `action` is what the audit says was done.
    """
    for ids in _chunks(sorted(fresh.people)):
        # Under the lock that the use of a code takes.
        connection.execute(select(account.c.account_id).where(account.c.account_id.in_(ids)).with_for_update())
        have = chosen_password.c.account_id
        done = set() if fresh.again else set(connection.scalars(select(have).where(have.in_(ids))))
        left = [account_id for account_id in ids if account_id not in done]
        connection.execute(delete(activation_code).where(_c.account_id.in_(left)))
        times = {"made_at": fresh.made_at, "expires_at": fresh.expires_at}
        if rows := [{"account_id": account_id, "hash": fresh.hashes[account_id], **times} for account_id in left]:
            connection.execute(insert(activation_code), rows)
        record_each(connection, action, [fresh.people[account_id].address for account_id in left])


def revoke(connection: Connection, people: Iterable[Member], *, now: int) -> list[Member]:
    """End the codes of these people that wait; give those whose code was ended."""
    ended = [one for one in people if one.code is CodeState.WAITING]
    for ids in _chunks([one.account_id for one in ended]):
        waiting = (_c.account_id.in_(ids), _c.used_at.is_(None), _c.revoked_at.is_(None))
        connection.execute(update(activation_code).where(*waiting).values(revoked_at=now))
    record_each(connection, "activation revoke", [one.address for one in ended])
    return ended


def _chunks(items: Sequence[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk
