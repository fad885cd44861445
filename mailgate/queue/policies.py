"""MTA-STS policies kept in the database: all processes share them, and they survive a restart, which protects those who
publish them from whoever suppresses them after one (RFC 8461 section 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Text, bindparam, delete, select

from mailgate.database import Database, Statement
from mailgate.database.statement import insert
from mailgate.queue.schema import mta_sts_policy
from mailgate.store.schema import number
from smtp.client.mta_sts import LONGEST, REFRESH, Kept, Mode, MtaSts, Policy

_REFRESHED_AT_ONCE: Final = 1_000
_p = mta_sts_policy.c
_VALUES: Final = ("policy_id", "mode", "mx", "max_age", "fetched_at", "tried_id", "tried_at")
_FIND: Final = Statement(select(*(_p[name] for name in _VALUES)).where(_p.domain == bindparam("of", type_=Text)))
_insert = insert(mta_sts_policy).values({name: bindparam(name) for name in ("domain", *_VALUES)})
_KEEP: Final = Statement(
    _insert.on_conflict_do_update(index_elements=[_p.domain], set_={name: _insert.excluded[name] for name in _VALUES})
)
_OLD: Final = Statement(
    select(_p.domain)
    .where(
        _p.fetched_at < number("before"),
        _p.fetched_at + _p.max_age > number("now"),
        _p.mode.in_([Mode.ENFORCE.value, Mode.TESTING.value]),
    )
    .order_by(_p.fetched_at)
    .limit(_REFRESHED_AT_ONCE)
)
_FORGET: Final = Statement(
    delete(mta_sts_policy).where(_p.fetched_at + _p.max_age < number("now"), _p.tried_at < number("before"))
)


@dataclass(frozen=True, slots=True)
class StoredPolicies:
    """`smtp.client.mta_sts.Store` in the database."""

    database: Database

    async def find(self, domain: str) -> Kept:
        """What is kept of a domain."""
        row = await self.database.read(lambda tx: tx.one(_FIND, of=domain))
        if row is None:
            return Kept()
        policy_id, mode, mx, max_age, fetched_at, tried_id, tried_at = row
        policy = Policy(Mode(mode), tuple(mx.split()), max_age) if mode else None
        return Kept(policy, policy_id, fetched_at, tried_id, tried_at)

    async def keep(self, domain: str, kept: Kept) -> None:
        """Put it in the place of what was kept."""
        policy = kept.policy
        values = {
            "policy_id": kept.policy_id, "mode": "" if policy is None else policy.mode.value,
            "mx": "" if policy is None else " ".join(policy.mx), "max_age": 0 if policy is None else policy.max_age,
            "fetched_at": kept.fetched_at, "tried_id": kept.tried_id, "tried_at": kept.tried_at,
        }  # fmt: skip
        await self.database.write(lambda tx: tx.run(_KEEP, domain=domain, **values))

    async def maintain(self, sts: MtaSts, clock: Callable[[], float]) -> None:
        """The daily upkeep: policies are fetched anew before they end, and forgotten after."""
        now = int(clock())
        for row in await self.database.read(lambda tx: tx.all(_OLD, before=now - REFRESH, now=now)):
            await sts.refresh(row[0])
        await self.database.write(lambda tx: tx.run(_FORGET, now=now, before=now - LONGEST // 365))
