"""What will happen to leavers, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, and_, select

from directory.family_schema import person_merge
from directory.merged import current
from directory.schema import LEFT, address, person
from mailgate.config import Retention
from mailgate.retention.leavers import DAY
from mailgate.retention.schema import leaver, legal_hold
from mailgate.store.schema import account

SUSPEND: Final = "suspend"
PURGE: Final = "purge"


@dataclass(frozen=True, slots=True)
class Due:
    """A leaver, and what is next."""

    account_id: int
    address: str
    profile: str
    left_at: int
    reads_until: int
    kept_until: int
    rule: str
    accounts: tuple[int, ...]
    """What is purged together: accounts of duplicates that were merged into this person, the person's own the last."""
    hold: str | None = None
    """The reason of a legal hold."""

    def next(self, now: int) -> tuple[str, int]:
        """What is next, and when."""
        return (SUSPEND, self.reads_until) if self.reads_until > now else (PURGE, self.kept_until)


_LEAVERS: Final = (
    select(leaver, address.c.address)
    .join(person, and_(person.c.person_id == leaver.c.account_id, person.c.state == LEFT))
    .join(address, and_(address.c.person_id == leaver.c.account_id, address.c.is_primary))
    .where(leaver.c.account_id.not_in(select(person_merge.c.dropped_id)))
    .order_by(leaver.c.reads_until, address.c.address)
)


def all_leavers(connection: Connection, settings: Retention) -> list[Due]:
    """Every leaver, who left first the first."""
    merged = defaultdict[int, list[int]](list)
    for dropped_id, root_id in connection.execute(
        select(account.c.account_id, person_merge.c.root_id)
        .join(person_merge, person_merge.c.dropped_id == account.c.account_id)
        .where(person_merge.c.root_id.in_(select(leaver.c.account_id)))
        .order_by(account.c.account_id)
    ):
        merged[root_id].append(dropped_id)
    holds = holds_of(connection)
    return [_due(row, settings, merged[row.account_id], holds) for row in connection.execute(_LEAVERS)]


def to_purge(leavers: Iterable[Due], now: int) -> list[Due]:
    """Those whose time is over, and whom no hold keeps."""
    return [one for one in leavers if one.reads_until <= now and one.kept_until <= now and one.hold is None]


def holds_of(connection: Connection) -> dict[int, str]:
    """The reason of each legal hold, by account; one of a duplicate holds the person that it was merged into, too."""
    rows = connection.execute(
        select(legal_hold.c.account_id, legal_hold.c.reason, current(legal_hold.c.account_id).label("root"))
    ).all()
    return {number: row.reason for row in rows for number in (row.account_id, row.root)}


def is_held(connection: Connection, accounts: Iterable[int]) -> bool:
    """Whether one of these accounts is held now."""
    return not holds_of(connection).keys().isdisjoint(accounts)


def _due(row: Row[tuple[object, ...]], settings: Retention, merged: Iterable[int], holds: dict[int, str]) -> Due:
    its = settings.of(row.profile)
    return Due(
        row.account_id,
        row.address,
        row.profile,
        row.left_at,
        row.reads_until,
        row.reads_until + its.kept_days * DAY,
        f"{row.profile}: kept {its.kept_days} days after the last day of reading",
        (*merged, row.account_id),
        holds.get(row.account_id),
    )
