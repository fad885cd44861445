"""Who decides on a message: delegates of the list, else the school."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, or_, select, union

from directory.list_schema import list_delegate
from directory.merged import current
from directory.schema import address, list_, list_member, person
from directory.ties import schools_concerned
from mailgate.database import Row, Statement, Tx
from mailgate.policy.targets import ListTarget, PersonTarget
from mailgate.store.access import LIST, PERSON
from mailgate.store.schema import account

MOST: Final = 20
"""Moderators of one message: a delegate may be a list of hundreds."""

_sender = bindparam("sender", type_=BigInteger)
_school = bindparam("school", type_=BigInteger)
_DIRECTION: Final = "direction"
_SCHOOL_LIFE: Final = "vie-scolaire"


class Moderator(NamedTuple):
    """Somebody who may decide."""

    account_id: int
    address: str
    name: str


def _people(ids: Any) -> Statement:  # noqa: ANN401 - a select or a union
    """Those of these accounts that are open, the writer left out: nobody approves a message of their own."""
    return Statement(
        select(person.c.person_id, address.c.address, person.c.display)
        .join(account, and_(account.c.account_id == person.c.person_id, account.c.state == "active"))
        .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
        .where(person.c.person_id.in_(ids), person.c.person_id != _sender)
        .order_by(person.c.sn, person.c.given, person.c.person_id)
        .limit(MOST)
    )


_of_list = and_(
    list_delegate.c.list_id == bindparam("list_id", type_=BigInteger), list_delegate.c.role == bindparam("role")
)
_DELEGATES: Final = _people(
    union(
        select(current(list_delegate.c.grantee_id)).where(_of_list, list_delegate.c.grantee == PERSON),
        select(list_member.c.person_id)
        .join(list_delegate, list_delegate.c.grantee_id == list_member.c.list_id)
        .where(_of_list, list_delegate.c.grantee == LIST),
    )
)


def _staff(schools: ColumnElement[bool], audience: ColumnElement[bool]) -> Select[Any]:
    return (
        select(list_member.c.person_id)
        .join(list_, list_.c.list_id == list_member.c.list_id)
        .where(list_.c.kind == "school", audience, schools)
    )


_STAFF: Final = _people(_staff(list_.c.school_id == _school, list_.c.audience == _DIRECTION))
_STAFF_OF_PERSON: Final = _people(
    _staff(
        or_(
            list_.c.school_id == _school,
            and_(_school.is_(None), list_.c.school_id.in_(schools_concerned(bindparam("person", type_=BigInteger)))),
        ),
        or_(list_.c.audience == _DIRECTION, list_.c.audience == _SCHOOL_LIFE),
    )
)


async def moderators_of(
    tx: Tx, sender: int, target: ListTarget | PersonTarget, list_id: int, school_id: int | None
) -> Sequence[Moderator]:
    """Who decides on a message from `sender`; nobody, when the school has none.

    For a list its delegates who moderate it, else those who manage it, else the direction of its school; for a list of
    a cité that of the school by whose rule the writer may write. For a person the direction and the school life of the
    school whose rule it is, else of the person's own schools.
    """
    if isinstance(target, PersonTarget):
        return _found(await tx.all(_STAFF_OF_PERSON, sender=sender, school=school_id, person=target.person_id))
    for role in ("moderate", "manage"):
        if found := await tx.all(_DELEGATES, sender=sender, list_id=list_id, role=role):
            return _found(found)
    return _found(await tx.all(_STAFF, sender=sender, school=target.school_id or school_id))


def _found(rows: Sequence[Row]) -> list[Moderator]:
    return [Moderator(*row) for row in rows]
