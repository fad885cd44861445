"""What a writer has in common with a person, a list or the outside, and what the schools concerned set for it: one
statement by indexes (`directory.ties.facts`), and the rest worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, bindparam, func, select, true

from directory.list_schema import list_setting
from directory.list_settings import Posting
from directory.schema import person, school
from directory.ties import CHILD, CITE, CLASS, GROUP, SCHOOL, Fact, Tie, facts, schools_concerned, ties
from mailgate.database import Row, Statement, Tx
from mailgate.policy.matrix import OUTSIDE, Relation, Scope, Verdict
from mailgate.policy.schema import policy_cell
from mailgate.policy.targets import ListTarget, PersonTarget

_sender = bindparam("sender", type_=BigInteger)
_school = bindparam("school", type_=BigInteger)
_to = bindparam("to", type_=Text)
_SCOPES: Final = {CLASS: Scope.OWN_CLASS, GROUP: Scope.OWN_GROUP, SCHOOL: Scope.OWN_SCHOOL, CITE: Scope.SAME_CITE}
_WRITER, _OTHER = 0, 1


class Common(NamedTuple):
    """A writer's profile, what is in common, and what a list says of who may post to it, and of approval."""

    writer: str
    relations: Sequence[Relation]
    posting: Posting = Posting.POLICY
    moderated: bool = False


def _set_for_list(name: str) -> ColumnElement[Any]:
    return (
        select(list_setting.c[name])
        .where(list_setting.c.list_id == bindparam("list", type_=BigInteger))
        .scalar_subquery()
    )


def common_facts(*others: ColumnElement[int], of_list: bool = False, to: ColumnElement[str] = _to) -> Select[Any]:
    """Facts about the writer and others, each with every cell that its school, or that of the list, set for these two.

    There is a row even for a writer of whom there is nothing to tell.
    """
    fact = facts(_sender, *others)
    its_school = func.coalesce(_school, fact.c.school_id) if of_list else fact.c.school_id
    changed = and_(
        policy_cell.c.school_id == its_school,
        policy_cell.c.writer == person.c.profile,
        policy_cell.c.recipient == to,
    )
    more: list[ColumnElement[Any]] = []
    if of_list:
        cite = select(school.c.cite_id).where(school.c.school_id == _school)
        more = [*(_set_for_list(name) for name in ("posting", "moderated")), cite.scalar_subquery()]
    return (
        select(person.c.profile, policy_cell.c.school_id, policy_cell.c.scope, policy_cell.c.verdict, *fact.c, *more)
        .select_from(person)
        .outerjoin(fact, true())
        .outerjoin(policy_cell, changed)
        .where(person.c.person_id == _sender)
    )


def inward_facts(recipient: ColumnElement[int], to: ColumnElement[str]) -> Select[Any]:
    """The schools of a recipient, each with the cell that it set for writers outside."""
    its = schools_concerned(recipient).subquery("its_school")
    cell = and_(_from_outside(to), policy_cell.c.school_id == its.c.school_id)
    return select(its.c.school_id, policy_cell.c.verdict).select_from(its.outerjoin(policy_cell, cell))


def _from_outside(to: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(policy_cell.c.writer == OUTSIDE, policy_cell.c.recipient == to, policy_cell.c.scope == Scope.ANYONE)


_recipient = bindparam("recipient", type_=BigInteger)
TO_PERSON: Final = Statement(common_facts(_recipient))
TO_LIST: Final = Statement(common_facts(of_list=True))
OUTWARD: Final = Statement(common_facts())
INWARD_TO_PERSON: Final = Statement(inward_facts(_recipient, _to))
INWARD_TO_LIST: Final = Statement(
    select(
        select(policy_cell.c.verdict).where(_from_outside(_to), policy_cell.c.school_id == _school).scalar_subquery(),
        _set_for_list("posting"),
        _set_for_list("moderated"),
    )
)
_FIRST: Final = 4
"""Where the columns of a `Fact` begin; `_AFTER` is where they end."""
_AFTER: Final = _FIRST + len(Fact._fields)


async def to_person(tx: Tx, sender: int, recipient: int, to: str) -> Common:
    """What is in common with a person of profile `to`, by the schools of the recipient. Raises LookupError when there
    is no such sender.
    """
    return common_with_person(await tx.all(TO_PERSON, sender=sender, recipient=recipient, to=to), sender, recipient)


def common_with_person(rows: Sequence[Row], sender: int, recipient: int) -> Common:
    """What follows from rows of `common_facts` about the two. Raises LookupError when there is no such sender."""
    found = _facts(rows, sender)
    mine, theirs = ties(found, _WRITER), ties(found, _OTHER)
    shared = {(tie.kind, tie.target_id) for tie in mine}
    known = {
        (_SCOPES[tie.kind], tie.school_id)
        for tie in theirs
        if tie.kind in _SCOPES and (tie.kind, tie.target_id) in shared
    }
    known |= {(Scope.OWN_CHILDREN, tie.school_id) for tie in mine if tie[:2] == (CHILD, recipient)}
    known |= {(Scope.OWN_PARENTS, tie.school_id) for tie in theirs if tie[:2] == (CHILD, sender)}
    return Common(rows[0][0], _relations(rows, known | _anyone(theirs)))


async def to_list(tx: Tx, sender: int, to: ListTarget) -> Common:
    """What is in common with a list, by its school, or for one of a cité by those of the writer. Raises LookupError
    when there is no such sender.
    """
    rows = await tx.all(TO_LIST, sender=sender, school=to.school_id, to=to.key, list=to.list_id)
    mine = ties(_facts(rows, sender), _WRITER)
    posting, moderated, its_cite = rows[0][_AFTER:]
    its = {(to.kind, to.target_id), (SCHOOL, to.school_id), (CITE, its_cite)}
    known = {
        (_SCOPES[tie.kind], tie.school_id if to.school_id is None else to.school_id)
        for tie in mine
        if tie.kind in _SCOPES and (tie.kind, tie.target_id) in its
    }
    relations = _relations(rows, known | {(Scope.ANYONE, to.school_id)})
    return Common(rows[0][0], relations, Posting(posting or Posting.POLICY), bool(moderated))


async def outward(tx: Tx, sender: int, to: str) -> Common:
    """What decides about mail to the outside: the schools of the writer. Raises LookupError when there is no such
    sender.
    """
    rows = await tx.all(OUTWARD, sender=sender, to=to)
    mine = ties(_facts(rows, sender), _WRITER)
    return Common(rows[0][0], _relations(rows, _anyone(mine)))


async def inward(tx: Tx, to: PersonTarget | ListTarget) -> Common:
    """What decides about mail from outside: the schools of the recipient, or what the list says."""
    if isinstance(to, PersonTarget):
        return common_inward(await tx.all(INWARD_TO_PERSON, recipient=to.person_id, to=to.key))
    row = await tx.one(INWARD_TO_LIST, school=to.school_id, to=to.key, list=to.list_id)
    cell, posting, moderated = row or (None, None, None)
    relation = Relation(Scope.ANYONE, to.school_id, Verdict(cell) if cell else None)
    return Common(OUTSIDE, [relation], Posting(posting or Posting.POLICY), bool(moderated))


def common_inward(rows: Sequence[Row]) -> Common:
    """What follows from rows of `inward_facts`."""
    cells = {row[0]: row[1] and Verdict(row[1]) for row in rows}
    known = {school_id: cells.get(school_id) for school_id in (None, *sorted(cells))}
    return Common(OUTSIDE, [Relation(Scope.ANYONE, school_id, cell) for school_id, cell in known.items()])


def _anyone(known: frozenset[Tie]) -> set[tuple[Scope, int | None]]:
    return {(Scope.ANYONE, None), *((Scope.ANYONE, tie.school_id) for tie in known if tie.kind == SCHOOL)}


def _facts(rows: Sequence[Row], sender: int) -> list[Fact]:
    if not rows:
        raise LookupError(f"no person {sender}")
    return [Fact(*row[_FIRST:_AFTER]) for row in rows if row[_FIRST] is not None]


def _relations(rows: Sequence[Row], known: set[tuple[Scope, int | None]]) -> list[Relation]:
    cells = {(row[2], row[1]): Verdict(row[3]) for row in rows if row[3] is not None}
    in_order = sorted(known, key=lambda one: (one[0], one[1] or 0))
    return [Relation(scope, school_id, cells.get((scope, school_id))) for scope, school_id in in_order]
