"""The members of single lists, and of what is made of them: brought up to date after a change of one.

members = (what the directory, the rule or the nested lists give, and who was added) without who was excluded; who has
left is nobody's member. Every list is computed after its parts, from their rows in `list_member`; the lists of the
directory are computed together at an import (`directory.lists`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    not_,
    or_,
    select,
    union_all,
    update,
)

from directory import list_welcomes
from directory.addresses import batches
from directory.family_schema import merged_address
from directory.list_decisions import decisions
from directory.list_expression import Expression, Operator, Term, parse, terms
from directory.list_graph import levels, load, numbered
from directory.list_schema import list_adjustment, list_include, list_rule
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.report import ListChange
from directory.schema import ACTIVE, address, list_, list_member, person, school

MANUAL, RULE = "manual", "rule"
"""The kinds of list that people make."""
DERIVED: Final = (*FACTS, "cite")
"""The kinds of list that the directory makes."""

_BATCH = 500


class OneList(NamedTuple):
    """A list, in the columns of its table."""

    list_id: int
    kind: str
    audience: str
    target_id: int
    school_id: int | None
    address: str
    label: str
    active: bool
    closed_at: int | None


def made_by_people(connection: Connection) -> list[int]:
    """Every list by hand or by rule."""
    return list(connection.scalars(select(list_.c.list_id).where(list_.c.kind.in_((MANUAL, RULE)))))


def adjusting(connection: Connection, person_id: int) -> list[int]:
    """The lists that somebody added a person to, or excluded a person from."""
    return list(connection.scalars(select(list_adjustment.c.list_id).where(list_adjustment.c.person_id == person_id)))


def follow(connection: Connection, changed: Iterable[int], *, names: bool = True) -> list[ListChange]:
    """Compute lists of which something changed, then those made of them, as far as members come or go.

    Gives what changed, with the addresses of who came and went if `names`.
    """
    graph = load(connection)
    level = levels(graph)
    users: dict[int, set[int]] = defaultdict(set)
    for list_id, parts in graph.items():
        for part in parts:
            users[part].add(list_id)
    queue: list[tuple[int, int]] = []
    met: set[int] = set()

    def meet(some: Iterable[OneList]) -> None:
        for one in some:
            if one.list_id not in met:
                met.add(one.list_id)
                heappush(queue, (_stage(one, level), one.list_id))

    meet(_lists(connection, changed))
    changes = []
    while queue:
        _, list_id = heappop(queue)
        (one,) = _lists(connection, [list_id])
        change = _bring_up(connection, one, names=names)
        if change is not None:
            changes.append(change)
            meet(_made_of(connection, one))
            meet(_lists(connection, users[list_id]))
    return changes


def _lists(connection: Connection, list_ids: Iterable[int]) -> list[OneList]:
    columns = [list_.c[name] for name in OneList._fields]
    return [
        OneList(*row)
        for some in batches(list_ids, _BATCH)
        for row in connection.execute(select(*columns).where(list_.c.list_id.in_(some)))
    ]


def _stage(one: OneList, level: Mapping[int, int]) -> int:
    """A list comes after its parts: facts, unions of a target, cités, then lists made of others."""
    if one.kind in (MANUAL, RULE):
        return 3 + level.get(one.list_id, 0)
    if one.kind == "cite":
        return 2
    return 1 if one.audience in UNIONS.get(one.kind, {}) else 0


def _made_of(connection: Connection, one: OneList) -> list[OneList]:
    """The directory's own lists that this list of the directory is a part of."""
    columns = [list_.c[name] for name in OneList._fields]
    unions = [name for name, parts in UNIONS.get(one.kind, {}).items() if one.audience in parts]
    of_target = and_(list_.c.kind == one.kind, list_.c.target_id == one.target_id, list_.c.audience.in_(unions))
    cites = [name for name, of_school in OF_CITE.items() if of_school == one.audience and one.kind == "school"]
    its_cite = select(school.c.cite_id).where(school.c.school_id == one.target_id)
    of_cite = and_(list_.c.kind == "cite", list_.c.target_id.in_(its_cite), list_.c.audience.in_(cites))
    if not unions and not cites:
        return []
    return [OneList(*row) for row in connection.execute(select(*columns).where(or_(of_target, of_cite)))]


def _bring_up(connection: Connection, one: OneList, *, names: bool) -> ListChange | None:
    """Write the difference between who should be and who is a member; None when there is none."""
    present = set(connection.scalars(select(list_member.c.person_id).where(list_member.c.list_id == one.list_id)))
    wanted = _wanted(connection, one)
    came, went = sorted(wanted - present), sorted(present - wanted)
    of_list = {"list": one.list_id}
    if went:
        row = and_(list_member.c.list_id == bindparam("list"), list_member.c.person_id == bindparam("person"))
        connection.execute(delete(list_member).where(row), [of_list | {"person": member} for member in went])
    if came:
        connection.execute(insert(list_member), [{"list_id": one.list_id, "person_id": member} for member in came])
        list_welcomes.note(connection, one.list_id, came)
    active = one.closed_at is None and bool(wanted)
    if active != one.active:
        connection.execute(update(list_).where(list_.c.list_id == one.list_id).values(active=active))
    if not came and not went:
        return None
    who = addresses_of(connection, [*came, *went]) if names else {}
    return ListChange(
        list_id=one.list_id,
        address=one.address,
        before=len(present),
        came=len(came),
        went=len(went),
        coming=tuple(sorted(who[member] for member in came)) if names else (),
        going=tuple(sorted(who[member] for member in went)) if names else (),
    )


def addresses_of(connection: Connection, people: Iterable[int]) -> dict[int, str]:
    """The primary address of each of these people, or what it was before they were merged into others."""
    found: dict[int, str] = {}
    for some in batches(people, _BATCH):
        lent = select(merged_address.c.owner_id, merged_address.c.address).where(
            merged_address.c.owner_id.in_(some), merged_address.c.is_primary.is_(True)
        )
        found.update(connection.execute(lent).all())
        rows = select(address.c.person_id, address.c.address).where(
            address.c.person_id.in_(some), address.c.is_primary.is_(True)
        )
        found.update(connection.execute(rows).all())
    return found


def _wanted(connection: Connection, one: OneList) -> set[int]:
    wanted = set(connection.scalars(_base(connection, one)))
    decision = decisions().subquery()
    decided = (
        select(decision.c.person_id, decision.c.excluded, person.c.state)
        .join(person, person.c.person_id == decision.c.person_id)
        .where(decision.c.list_id == one.list_id)
        .order_by(decision.c.excluded)
    )
    for person_id, excluded, state in connection.execute(decided):
        if excluded:
            wanted.discard(person_id)
        elif state == ACTIVE:
            wanted.add(person_id)
    return wanted


def _base(connection: Connection, one: OneList) -> Select[Any]:
    """Whom the directory, the rule or the nested lists give; people may come twice."""
    part = list_.alias("part")
    of_parts = select(list_member.c.person_id).join(part, part.c.list_id == list_member.c.list_id)
    if one.kind == RULE:
        text = connection.scalar(select(list_rule.c.expression).where(list_rule.c.list_id == one.list_id))
        return by_rule(connection, parse(text or ""))
    if one.kind == MANUAL:
        nested = select(list_include.c.nested_id).where(list_include.c.list_id == one.list_id)
        return select(list_member.c.person_id).where(list_member.c.list_id.in_(nested))
    if one.kind == "cite":
        schools = select(school.c.school_id).where(school.c.cite_id == one.target_id)
        audience = OF_CITE[one.audience]
        return of_parts.where(part.c.kind == "school", part.c.audience == audience, part.c.target_id.in_(schools))
    if parts := UNIONS.get(one.kind, {}).get(one.audience):
        return of_parts.where(part.c.kind == one.kind, part.c.target_id == one.target_id, part.c.audience.in_(parts))
    facts = union_all(*FACTS[one.kind][one.audience]).subquery("fact")
    return select(facts.c.person_id).where(facts.c.target_id == one.target_id)


def by_rule(connection: Connection, expression: Expression) -> Select[Any]:
    """The people of an expression over whole addresses: those of the lists that give, each looked at by its index."""
    ids = numbered(connection, {term.name for term in terms(expression)})
    giving = {ids[term.name] for term in terms(expression, giving=True)}
    rows = select(list_member.c.person_id).distinct()
    return rows.where(list_member.c.list_id.in_(giving), _holds(expression, ids))


def _holds(expression: Expression, ids: Mapping[str, int]) -> ColumnElement[bool]:
    if isinstance(expression, Term):
        part = list_member.alias()
        return exists().where(part.c.list_id == ids[expression.name], part.c.person_id == list_member.c.person_id)
    left, right = _holds(expression.left, ids), _holds(expression.right, ids)
    match expression.operator:
        case Operator.UNION:
            return or_(left, right)
        case Operator.INTERSECTION:
            return and_(left, right)
        case Operator.MINUS:
            return and_(left, not_(right))
