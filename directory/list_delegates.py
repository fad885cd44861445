"""Who manages a list, and who moderates it: people, or the members of a list such as direction@.

Who stands for a person that was merged has that person's rights too, for as long as the two are one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, Text, and_, bindparam, case, delete, func, insert, literal, or_, select

from directory.list_adjustments import find_person
from directory.list_definitions import Author, find
from directory.list_graph import ListError
from directory.list_membership import OneList
from directory.list_schema import list_delegate
from directory.merged import current, stands_for
from directory.schema import ACTIVE, Id, address, list_, list_member, person
from directory.sql import lock

PERSON, LIST = "person", "list"


class Role(StrEnum):
    """What a delegate may do. Who manages a list may moderate it too."""

    MANAGE = "manage"
    MODERATE = "moderate"


class Delegate(NamedTuple):
    """Who may do what; `grantee` is person or list, `who` the address."""

    grantee: str
    grantee_id: int
    who: str
    role: str
    actor: str
    at: int


_table = list_delegate.c
_through_list = and_(_table.grantee == LIST, _table.grantee_id == list_member.c.list_id)
_of_role = and_(
    _table.list_id == bindparam("list_id", type_=BigInteger),
    or_(_table.role == bindparam("role", type_=Text), _table.role == Role.MANAGE.value),
)

PEOPLE_WITH_ROLE = (
    select(person.c.person_id, person.c.display, address.c.address)
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary.is_(True)))
    .where(
        person.c.state == ACTIVE,
        or_(
            person.c.person_id.in_(select(current(_table.grantee_id)).where(_of_role, _table.grantee == PERSON)),
            person.c.person_id.in_(select(list_member.c.person_id).join(list_delegate, _through_list).where(_of_role)),
        ),
    )
    .order_by(person.c.sn, person.c.given, person.c.person_id)
)
"""Everybody who has `:role` for `:list_id`, each once: who manages has every role."""

HAS_ROLE = (
    select(func.count())
    .select_from(list_delegate)
    .where(
        _of_role,
        or_(
            and_(_table.grantee == PERSON, stands_for(bindparam("person_id", type_=BigInteger), _table.grantee_id)),
            and_(
                _table.grantee == LIST,
                _table.grantee_id.in_(
                    select(list_member.c.list_id).where(
                        list_member.c.person_id == bindparam("person_id", type_=BigInteger)
                    )
                ),
            ),
        ),
    )
)
"""More than 0 when `:person_id` has `:role` for `:list_id`."""


def add(connection: Connection, one: OneList, whom: str, role: Role, author: Author) -> str:
    """Let a person, or the present and future members of a list, manage or moderate a list; give the address.

    Raises:
        ListError: there is nobody of this address, or the right was given already.
    """
    lock(connection)
    grantee, grantee_id, who = _grantee(connection, whom)
    row = {"list_id": one.list_id, "grantee": grantee, "grantee_id": grantee_id, "role": role.value}
    same = (_table[name] == value for name, value in row.items())
    if connection.scalar(select(func.count()).select_from(list_delegate).where(*same)):
        raise ListError(f"{who} may {role} {one.address} already")
    connection.execute(insert(list_delegate).values(row | author._asdict()))
    return who


def remove(connection: Connection, one: OneList, whom: str, role: Role) -> str:
    """Take a right back. Raises ListError when it was not given."""
    lock(connection)
    grantee, grantee_id, who = _grantee(connection, whom)
    theirs = and_(_table.grantee == grantee, stands_for(literal(grantee_id, Id), _table.grantee_id))
    row = (_table.list_id == one.list_id, theirs, _table.role == role.value)
    if not connection.execute(delete(list_delegate).where(*row)).rowcount:
        raise ListError(f"{who} may not {role} {one.address} by a right of its own")
    return who


def _grantee(connection: Connection, whom: str) -> tuple[str, int, str]:
    try:
        found = find_person(connection, whom)
    except ListError:
        try:
            lists = find(connection, whom)
        except ListError:
            raise ListError(f"there is no person and no list {whom}") from None
        return LIST, lists.list_id, lists.address
    return PERSON, found.person_id, found.address


def delegates(connection: Connection, list_id: int) -> list[Delegate]:
    """Who may manage and moderate a list."""
    whose = address.c.person_id == current(_table.grantee_id)
    of_person = and_(_table.grantee == PERSON, whose, address.c.is_primary.is_(True))
    of_list = and_(_table.grantee == LIST, list_.c.list_id == _table.grantee_id)
    who = case((_table.grantee == PERSON, address.c.address), else_=list_.c.address)
    rows = connection.execute(
        select(_table.grantee, _table.grantee_id, who.label("who"), _table.role, _table.actor, _table.at)
        .select_from(list_delegate.outerjoin(address, of_person).outerjoin(list_, of_list))
        .where(_table.list_id == list_id)
        .order_by(_table.role, "who")
    )
    return [Delegate(*row) for row in rows]
