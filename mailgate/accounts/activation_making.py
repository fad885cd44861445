"""Activation codes made, and taken back, by batch work over a plain connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, NamedTuple, TypeVar

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


class Made(NamedTuple):
    """Codes by account, when they end, and for whom one that waited is over now. They are shown once, kept nowhere."""

    codes: dict[int, str]
    expires_at: int
    replaced: frozenset[int]


def make(
    connection: Connection, people: Iterable[Member], *, now: int, days: int, again: bool = False, action: str
) -> Made:
    """A new code for each of these people who has no password (with `again`: who has one, too); it revokes the older.

    Takes some 1.5 ms of a processor for each. `action` is what the audit says was done.
    """
    wanted = {one.account_id: one for one in people if again or not one.activated}
    codes: dict[int, str] = {}
    expires_at = now + days * DAY
    with ThreadPoolExecutor(_THREADS, "codes") as pool:
        for ids in _chunks(sorted(wanted)):
            # Under the lock that the use of a code takes: nobody who has just chosen a password gets a code again.
            connection.execute(select(account.c.account_id).where(account.c.account_id.in_(ids)).with_for_update())
            have = chosen_password.c.account_id
            done = set() if again else set(connection.scalars(select(have).where(have.in_(ids))))
            fresh = {account_id: generate() for account_id in ids if account_id not in done}
            connection.execute(delete(activation_code).where(_c.account_id.in_(list(fresh))))
            rows = [
                {"account_id": account_id, "hash": hashed, "made_at": now, "expires_at": expires_at}
                for account_id, hashed in zip(fresh, pool.map(hash_code, fresh.values()), strict=True)
            ]
            if rows:
                connection.execute(insert(activation_code), rows)
            codes |= fresh
    record_each(connection, action, [wanted[account_id].address for account_id in codes])
    replaced = frozenset(account_id for account_id in codes if wanted[account_id].code is CodeState.WAITING)
    return Made(codes, expires_at, replaced)


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
