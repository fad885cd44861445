"""Who sends: profile, language, limits, and what was sent in the last hour; counted in the delivering transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from directory.schema import person
from directory.ties import schools_of
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import insert
from mailgate.i18n import Language
from mailgate.policy import allowance
from mailgate.policy.allowance import HOUR, Window
from mailgate.policy.limits import Limit, Limits, effective
from mailgate.policy.schema import school_limit, school_setting, sending

_sender = bindparam("sender", type_=BigInteger)
_schools = schools_of(_sender).subquery("own_school")
STANDING: Final = (
    select(
        person.c.profile,
        sending.c.sent,
        _schools.c.school_id,
        school_setting.c.value,
        school_limit.c.name,
        school_limit.c.value,
    )
    .select_from(person)
    .outerjoin(sending, sending.c.account_id == person.c.person_id)
    .outerjoin(_schools, true())
    .outerjoin(
        school_limit,
        and_(school_limit.c.school_id == _schools.c.school_id, school_limit.c.profile == person.c.profile),
    )
    .outerjoin(
        school_setting,
        and_(school_setting.c.school_id == _schools.c.school_id, school_setting.c.name == "language"),
    )
    .where(person.c.person_id == _sender)
)
"""What `standing_from` takes, with ``sender``."""
_STANDING: Final = Statement(STANDING)
_NONE_YET: Final = allowance.encode({})
_now = bindparam("now", type_=BigInteger)
TURN: Final = select(func.pg_advisory_xact_lock(_sender).label("taken"))
"""On PostgreSQL nobody else counts for ``sender`` from here to the end of the transaction.

It is taken before any mailbox is locked: a delivery in one statement comes to the row that counts after its mailboxes,
and an account that has sent nothing of late has no row.
"""


def _holding(*first: FromClause) -> Statement:
    """Lock what was sent and give it."""
    new = insert(sending).from_select(
        ["account_id", "sent", "last_at"], select(_sender, literal(_NONE_YET, Text), _now).select_from(*first)
    )
    return Statement(
        new.on_conflict_do_update(index_elements=["account_id"], set_={"last_at": _now}).returning(sending.c.sent)
    )


_HOLD: Final = {"sqlite": _holding(), "postgresql": _holding(TURN.cte("turn"))}
_KEEP: Final = Statement(
    update(sending).where(sending.c.account_id == _sender).values(sent=bindparam("window", type_=Text))
)
_FORGET: Final = Statement(delete(sending).where(sending.c.last_at < bindparam("before", type_=BigInteger)))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the policy knows of a sender when a message begins."""

    profile: str
    language: Language | None
    """That of the sender's school, where it has set one."""
    limits: Limits
    window: Window
    counted: str
    """The window as it is kept."""


async def standing_of(tx: Tx, sender: int) -> Standing:
    """Look a sender up, in one statement. Raises LookupError when there is no such person."""
    return standing_from(await tx.all(_STANDING, sender=sender), sender)


def standing_from(rows: Sequence[Row], sender: int) -> Standing:
    """What the rows of `STANDING` say. Raises LookupError when there is no such person."""
    if not rows:
        raise LookupError(f"no person {sender}")
    profile, sent = rows[0][:2]
    changed: dict[int, dict[str, Limit]] = {}
    for _, _, school_id, _, name, value in rows:
        if school_id is not None:
            changed.setdefault(school_id, {}).update({name: value} if name else {})
    languages = {row[3] for row in rows if row[3]}
    language: Language | None = "fr" if "fr" in languages else "en" if languages else None
    kept = sent or _NONE_YET
    return Standing(profile, language, effective(profile, changed.values()), allowance.decode(kept), kept)


def counting(condition: ColumnElement[bool]) -> ReturningInsert[Any]:
    """Keep a window, if `condition` holds and what is kept is still what was read; then it gives a row."""
    row = select(_sender, bindparam("counted", type_=Text), _now).where(condition)
    new = insert(sending).from_select(["account_id", "sent", "last_at"], row)
    return new.on_conflict_do_update(
        index_elements=["account_id"],
        set_={"sent": new.excluded.sent, "last_at": new.excluded.last_at},
        where=sending.c.sent == bindparam("before", type_=Text),
    ).returning(sending.c.account_id)


def counting_parameters(standing: Standing, window: Window) -> dict[str, object]:
    """Those of `counting`, but for ``sender`` and ``now``: what was counted becomes `window`."""
    return {"before": standing.counted, "counted": allowance.encode(window)}


async def held_window(tx: Tx, sender: int, now: int) -> Window:
    """What the sender sent, held until the transaction ends: nobody else counts for this sender meanwhile."""
    [row] = await tx.all(_HOLD[tx.engine], sender=sender, now=now)
    return allowance.decode(row[0])


async def keep(tx: Tx, sender: int, window: Window) -> None:
    """Note a window that was held."""
    await tx.run(_KEEP, sender=sender, window=allowance.encode(window))


async def forget_old(database: Database, now: int) -> int:
    """Delete what nobody asks for any more; the number of senders is the answer."""
    return await database.write(lambda tx: tx.run(_FORGET, before=now - 2 * HOUR))
