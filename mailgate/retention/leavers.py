"""Who leaves goes on reading for a grace, and who returns has everything again.

Batch work over a plain connection, in sets: a summer's departures cost as many statements as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from directory.family_schema import person_merge
from directory.schema import ACTIVE, LEFT, person
from mailgate.config import Retention
from mailgate.database.statement import insert
from mailgate.moderation.held import POSTPONED, State
from mailgate.moderation.schema import held_message
from mailgate.policy.profiles import STAFF
from mailgate.queue.wishes import outside_wish
from mailgate.retention.schema import leaver
from mailgate.store.access import PERSON
from mailgate.store.provisioning import SIGNS_IN
from mailgate.store.schema import account, acl

DAY: Final = 86_400
_AT_ONCE: Final = 500
_KINDS: Final = frozenset({"pupil", "relative", "other", *STAFF})
"""Profiles of people whom the directory brings, and takes."""


def begin(connection: Connection, settings: Retention, now: int) -> int:
    """Note who has left since the last time, and let them read on; give their number.

    What they wanted to be sent later comes up at once: it ends with a report, while they can read that.
    """
    by_profile = {profile: settings.of(profile) for profile in _KINDS}
    days = case({name: one.reading_days for name, one in by_profile.items()}, value=person.c.profile)
    dropped = exists().where(person_merge.c.dropped_id == person.c.person_id)
    known = exists().where(leaver.c.account_id == account.c.account_id)
    wish = outside_wish.c
    usable = and_(wish.person_id == account.c.account_id, wish.suspended_at == 0)
    gone = (
        select(account.c.account_id, person.c.profile, account.c.state)
        .add_columns(literal(now, BigInteger), literal(now, BigInteger) + days * DAY, literal("", Text))
        .add_columns(func.coalesce(wish.address, ""), literal(0, BigInteger), literal(0, BigInteger))
        .join(person, person.c.person_id == account.c.account_id)
        .outerjoin(outside_wish, usable)
        .where(person.c.state == LEFT, person.c.profile.in_(sorted(_KINDS)), ~known, ~dropped)
    )
    begun = connection.execute(insert(leaver).from_select([column.name for column in leaver.columns], gone)).rowcount
    receiving = [name for name, one in by_profile.items() if one.new_mail]
    for state, their in (("leaving", leaver.c.profile.in_(receiving)), ("reading", leaver.c.profile.not_in(receiving))):
        new = select(leaver.c.account_id).where(leaver.c.left_at == now, leaver.c.reads_until > now, their)
        _set_state(connection, state, account.c.state == "active", account.c.account_id.in_(new))
    held = held_message.c
    waits = (held.kind == POSTPONED, held.state == State.WAITING.value, held.expires_at > now)
    fresh = select(leaver.c.account_id).where(leaver.c.left_at == now)
    connection.execute(update(held_message).where(*waits, held.sender_id.in_(fresh)).values(expires_at=now))
    end_graces(connection, now)
    return begun


def part(connection: Connection, account_id: int, now: int) -> None:
    """Note somebody who was a duplicate, is a person again, and whom the directory has no more: without a grace, as the
    account was closed before, and open again on return.
    """
    row = (
        select(account.c.account_id, person.c.profile, literal("active", Text))
        .add_columns(literal(now, BigInteger), literal(now, BigInteger), literal("", Text))
        .add_columns(literal("", Text), literal(0, BigInteger), literal(0, BigInteger))
        .join(person, person.c.person_id == account.c.account_id)
        .where(account.c.account_id == account_id)
    )
    columns = [column.name for column in leaver.columns]
    connection.execute(insert(leaver).from_select(columns, row).on_conflict_do_nothing())
    end_graces(connection, now)


def give_back(connection: Connection) -> list[int]:
    """Give everything back to those of the leavers whom the directory has again; their accounts."""
    again = (
        select(leaver.c.account_id)
        .join(person, person.c.person_id == leaver.c.account_id)
        .where(person.c.state == ACTIVE)
    )
    # Locked, before the account as everywhere: of a grace that ends now, what ended with it is known after it.
    rights = connection.execute(
        select(leaver.c.account_id, leaver.c.was, leaver.c.rights)
        .where(leaver.c.account_id.in_(again))
        .order_by(leaver.c.account_id)
        .with_for_update()
    ).all()
    for ids in _some(row.account_id for row in rights if row.was == "active"):
        _set_state(connection, "active", account.c.account_id.in_(ids))
    rows = [row for one in rights if one.rights for row in msgspec.json.decode(one.rights)]
    if rows:
        connection.execute(insert(acl).on_conflict_do_nothing(), rows)
    back = [row.account_id for row in rights]
    for ids in _some(back):
        connection.execute(delete(leaver).where(leaver.c.account_id.in_(ids)))
    return back


def end_graces(connection: Connection, now: int) -> list[int]:
    """Close the accounts whose grace is over, with the rights that they have and gave; the accounts."""
    # Locked: another gateway that waits for this sees what was ended, and does not note it as nothing.
    ended_now = select(leaver.c.account_id).where(leaver.c.reads_until <= now, leaver.c.rights == "")
    over = list(connection.scalars(ended_now.order_by(leaver.c.account_id).with_for_update()))
    for ids in _some(over):
        _set_state(connection, "suspended", account.c.state.in_(SIGNS_IN), account.c.account_id.in_(ids))
        theirs = or_(acl.c.account_id.in_(ids), and_(acl.c.grantee == PERSON, acl.c.grantee_id.in_(ids)))
        ended: dict[int, list[dict[str, object]]] = {one: [] for one in ids}
        for row in connection.execute(select(acl).where(theirs)).mappings():
            whose = row["account_id"] if row["account_id"] in ended else row["grantee_id"]
            ended[whose].append(dict(row))
        connection.execute(delete(acl).where(theirs))
        for one, rows in ended.items():
            kept = msgspec.json.encode(rows).decode()
            connection.execute(update(leaver).where(leaver.c.account_id == one).values(rights=kept, outside=""))
    return over


def _set_state(connection: Connection, state: str, *where: ColumnElement[bool]) -> None:
    connection.execute(update(account).where(*where).values(state=state))


def _some(ids: Iterable[int]) -> Iterable[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
