"""May this person write to that address? One indexed statement: what the two have in common, and the cells of the
schools concerned (`directory.ties`, `mailgate.policy.matrix`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Label,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union,
)

from directory import ties
from directory.list_delegates import HAS_ROLE, Role
from directory.list_schema import list_setting
from directory.list_settings import Posting
from directory.schema import list_member, person, school
from mailgate.database import Statement, Tx
from mailgate.policy.matrix import OUTSIDE, Decision, Relation, Scope, Verdict, decide, default_cells
from mailgate.policy.profiles import STAFF
from mailgate.policy.schema import policy_cell

_sender = bindparam("sender", type_=BigInteger)
_recipient = bindparam("recipient", type_=BigInteger)
_school = bindparam("school", type_=BigInteger)
_list = bindparam("list", type_=BigInteger)
_to = bindparam("to", type_=Text)
_no_school = cast(null(), BigInteger).label("school_id")
_anyone = literal_column(f"'{Scope.ANYONE}'", Text).label("scope")
_SCOPES: Final = {
    ties.CHILD: Scope.OWN_CHILDREN,
    ties.PARENT: Scope.OWN_PARENTS,
    ties.CLASS: Scope.OWN_CLASS,
    ties.GROUP: Scope.OWN_GROUP,
    ties.SCHOOL: Scope.OWN_SCHOOL,
    ties.CITE: Scope.SAME_CITE,
}


def _scope(kind: ColumnElement[str]) -> Label[str]:
    return case(*((kind == tie, literal_column(f"'{scope}'", Text)) for tie, scope in _SCOPES.items())).label("scope")


def _with_cells(relations: CompoundSelect[Any], *more: ColumnElement[Any]) -> Statement:
    """Relations with the writer's profile and what the school of each set for that cell."""
    found = relations.subquery("relation")
    changed = and_(
        policy_cell.c.school_id == found.c.school_id,
        policy_cell.c.writer == person.c.profile,
        policy_cell.c.recipient == _to,
        policy_cell.c.scope == found.c.scope,
    )
    return Statement(
        select(person.c.profile, found.c.scope, found.c.school_id, policy_cell.c.verdict, *more)
        .select_from(found)
        .join(person, person.c.person_id == _sender)
        .outerjoin(policy_cell, changed)
    )


def _to_person() -> CompoundSelect[Any]:
    mine, theirs = ties.ties(_sender).cte("mine"), ties.ties(_recipient).cte("theirs")
    related = ties.family(_sender, _recipient).subquery("related")
    return union(
        select(_scope(theirs.c.kind), theirs.c.school_id).join(
            mine, and_(mine.c.kind == theirs.c.kind, mine.c.target_id == theirs.c.target_id)
        ),
        select(_scope(related.c.kind), related.c.school_id),
        select(_anyone, theirs.c.school_id).where(theirs.c.kind == ties.SCHOOL),
        select(_anyone, _no_school),
    )


def _to_list() -> CompoundSelect[Any]:
    mine = ties.ties(_sender).cte("mine")
    its_cite = select(school.c.cite_id).where(school.c.school_id == _school).scalar_subquery()
    shared = or_(
        and_(mine.c.kind == bindparam("kind", type_=Text), mine.c.target_id == bindparam("target", type_=BigInteger)),
        and_(mine.c.kind == ties.SCHOOL, mine.c.target_id == _school),
        and_(mine.c.kind == ties.CITE, mine.c.target_id == its_cite),
    )
    return union(
        select(_scope(mine.c.kind), func.coalesce(_school, mine.c.school_id).label("school_id")).where(shared),
        select(_anyone, _school.label("school_id")),
    )


def _outward() -> CompoundSelect[Any]:
    mine = ties.ties(_sender).cte("mine")
    return union(
        select(_anyone, mine.c.school_id).where(mine.c.kind == ties.SCHOOL),
        select(_anyone, _no_school),
    )


_RELATIONS_TO_PERSON: Final = _with_cells(_to_person())
_RELATIONS_TO_LIST: Final = _with_cells(
    _to_list(), select(list_setting.c.posting).where(list_setting.c.list_id == _list).scalar_subquery()
)
_RELATIONS_OUTWARD: Final = _with_cells(_outward())
_IS_MEMBER: Final = Statement(
    select(literal_column("1")).where(
        exists().where(list_member.c.list_id == _list, list_member.c.person_id == _sender)
    )
)
_HAS_ROLE: Final = Statement(HAS_ROLE)


@dataclass(frozen=True, slots=True)
class PersonTarget:
    """A person, or a shared mailbox, as the policy sees one: `key` is the profile."""

    person_id: int
    key: str


@dataclass(frozen=True, slots=True)
class ListTarget:
    """A list as the policy sees one: `key` is that of `mailgate.policy.matrix.list_key`; of no school for a cité."""

    kind: str
    target_id: int
    school_id: int | None
    key: str
    list_id: int


@dataclass(frozen=True, slots=True)
class OutsideTarget:
    """An address whose mail is not here."""

    key: str = OUTSIDE


Target: TypeAlias = PersonTarget | ListTarget | OutsideTarget


async def may_write(tx: Tx, sender: int, target: Target) -> Decision:
    """What the policy says of a message from this person. Everybody may write to oneself.

    A list that says who may post (`directory.list_settings.Posting`) is not subject to the matrix. Raises LookupError
    when there is no such sender.
    """
    match target:
        case PersonTarget(person_id):
            rows = await tx.all(_RELATIONS_TO_PERSON, sender=sender, recipient=person_id, to=target.key)
        case ListTarget(kind, target_id, school_id):
            here = {"kind": kind, "target": target_id, "school": school_id, "to": target.key, "list": target.list_id}
            rows = await tx.all(_RELATIONS_TO_LIST, sender=sender, **here)
        case OutsideTarget():
            rows = await tx.all(_RELATIONS_OUTWARD, sender=sender, to=target.key)
    if not rows:
        raise LookupError(f"no person {sender}")
    writer = rows[0][0]
    if isinstance(target, PersonTarget) and target.person_id == sender:
        return Decision(Verdict.ALLOW, writer, target.key, None, None, overridden=False)
    relations = [Relation(Scope(row[1]), row[2], Verdict(row[3]) if row[3] else None) for row in rows]
    posting = Posting(rows[0][4] or Posting.POLICY) if isinstance(target, ListTarget) else Posting.POLICY
    if isinstance(target, ListTarget) and posting is not Posting.POLICY:
        return await _by_list(tx, sender, target, posting, writer, relations)
    return decide(default_cells(), writer, target.key, relations)


async def _by_list(
    tx: Tx, sender: int, to: ListTarget, posting: Posting, writer: str, relations: Sequence[Relation]
) -> Decision:
    """What a list says that lets only its members, its managers, or staff of its school or cité, post."""
    match posting:
        case Posting.MEMBERS:
            may = await tx.one(_IS_MEMBER, list=to.list_id, sender=sender) is not None
        case Posting.MANAGERS:
            row = await tx.one(_HAS_ROLE, list_id=to.list_id, person_id=sender, role=Role.MANAGE.value)
            may = row is not None and row[0] > 0
        case _:
            wider = {Scope.ANYONE} if to.school_id is None else {Scope.ANYONE, Scope.SAME_CITE}
            may = writer in STAFF and any(relation.scope not in wider for relation in relations)
    verdict = Verdict.ALLOW if may else Verdict.REFUSE
    return Decision(verdict, writer, to.key, None, to.school_id, overridden=False, posting=posting)
