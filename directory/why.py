"""Why somebody is a member of a list: asked of the very queries, and decisions, that make the membership."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, Connection, Select, bindparam, func, select, union_all

from directory.list_adjustments import adjustments, day
from directory.list_definitions import find
from directory.list_expression import Expression, Operator, Term, members, parse
from directory.list_graph import ListError
from directory.list_membership import MANUAL, RULE, OneList
from directory.list_schema import list_include, list_rule
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.schema import ACTIVE, class_, list_, list_member, person, school, subject, teaching_group

ADDED: Final = "added"
"""The reason of who was added by somebody, beside those of `membership.Reason`."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason: a `membership.Reason`, or `ADDED`; what does not apply is None.

    `pupil` is the child through whom a guardian is a member; `detail` a subject (for services), a function code, or who
    added somebody, when and why. `through` are the addresses of the lists that lead here, where a list is made of
    others by rule or by nesting, the nearest first.
    """

    person_id: int
    person: str
    reason: str
    pupil: str | None
    class_name: str | None
    group_name: str | None
    detail: str | None
    through: tuple[str, ...] = ()


_Reasons: TypeAlias = dict[int, list[Why]]
"""The reasons of each member of a list."""


def why(connection: Connection, list_address: str, person_id: int | None = None) -> list[Why]:
    """The reasons of the members of a list, or of one person; empty for an unknown list."""
    try:
        one = find(connection, list_address)
    except ListError:
        return []
    reasons = _Reasoning(connection, person_id).of(one)
    return [reason for its in reasons.values() for reason in its]


def facts_of(kind: str, audience: str) -> Select[Any]:
    """Every reason that the directory has for a list that is no union, in the columns of `Why`; `:target` is the list's
    `target_id`.
    """
    facts = union_all(*FACTS[kind][audience]).subquery("fact")
    pupil = person.alias("pupil")
    taught = select(func.min(subject.c.label)).where(subject.c.subject == facts.c.detail).scalar_subquery()
    return (
        select(
            facts.c.person_id,
            person.c.display.label("person"),
            facts.c.reason,
            pupil.c.display.label("pupil"),
            class_.c.name.label("class_name"),
            teaching_group.c.name.label("group_name"),
            func.nullif(func.coalesce(taught, facts.c.detail), "").label("detail"),
        )
        .join(person, person.c.person_id == facts.c.person_id)
        .outerjoin(pupil, pupil.c.person_id == facts.c.pupil_id)
        .outerjoin(class_, class_.c.class_id == facts.c.class_id)
        .outerjoin(teaching_group, teaching_group.c.group_id == facts.c.group_id)
        .where(facts.c.target_id == bindparam("target", type_=BigInteger))
        .order_by(person.c.sn, person.c.given, facts.c.person_id, facts.c.reason)
    )


class _Reasoning:
    """Follows a list down to facts and decisions, each list once."""

    def __init__(self, connection: Connection, person_id: int | None) -> None:
        self._connection = connection
        self._person_id = person_id
        self._known: dict[int, _Reasons] = {}

    def of(self, one: OneList) -> _Reasons:
        """The reasons of every member of a list."""
        if one.list_id not in self._known:
            self._known[one.list_id] = self._adjusted(one, self._given(one))
        return self._known[one.list_id]

    def _given(self, one: OneList) -> _Reasons:
        if one.kind == RULE:
            return self._by_rule(one)
        if one.kind == MANUAL:
            nested = select(list_include.c.nested_id).where(list_include.c.list_id == one.list_id)
            return _merged(_through(part, self.of(part)) for part in self._lists(list_.c.list_id.in_(nested)))
        if one.kind == "cite":
            schools = select(school.c.school_id).where(school.c.cite_id == one.target_id)
            same = (list_.c.kind == "school", list_.c.audience == OF_CITE[one.audience])
            return _merged(self.of(part) for part in self._lists(list_.c.target_id.in_(schools), *same))
        if parts := UNIONS.get(one.kind, {}).get(one.audience):
            same = (list_.c.kind == one.kind, list_.c.audience.in_(parts))
            return _merged(self.of(part) for part in self._lists(list_.c.target_id == one.target_id, *same))
        rows = facts_of(one.kind, one.audience)
        if self._person_id is not None:
            rows = rows.where(person.c.person_id == self._person_id)
        return _grouped(Why(*row) for row in self._connection.execute(rows, {"target": one.target_id}))

    def _lists(self, *conditions: Any) -> list[OneList]:  # noqa: ANN401 - of SQLAlchemy
        columns = [list_.c[name] for name in OneList._fields]
        return [
            OneList(*row)
            for row in self._connection.execute(select(*columns).where(*conditions).order_by(list_.c.address))
        ]

    def _adjusted(self, one: OneList, reasons: _Reasons) -> _Reasons:
        for each in adjustments(self._connection, one.list_id):
            if each.excluded:
                reasons.pop(each.person_id, None)
            elif each.state == ACTIVE and self._person_id in (None, each.person_id):
                told = f"by {each.actor} on {day(each.at)}" + (f": {each.reason}" if each.reason else "")
                added = Why(each.person_id, each.person, ADDED, None, None, None, told)
                reasons.setdefault(each.person_id, []).append(added)
        return reasons

    def _by_rule(self, one: OneList) -> _Reasons:
        text = self._connection.scalar(select(list_rule.c.expression).where(list_rule.c.list_id == one.list_id))
        expression = parse(text or "")
        people = members(expression, self._members)
        found = []
        for term, who in self._leading(expression, people):
            part = find(self._connection, term.name)
            reasons = _through(part, self.of(part))
            found.append({each: its for each, its in reasons.items() if each in who})
        return _merged(found)

    def _members(self, address: str) -> frozenset[int]:
        rows = select(list_member.c.person_id).join(list_, list_.c.list_id == list_member.c.list_id)
        return frozenset(self._connection.scalars(rows.where(list_.c.address == address)))

    def _leading(self, expression: Expression, who: Iterable[int]) -> Iterator[tuple[Term, frozenset[int]]]:
        """The lists that make these people members of an expression, each with whom it does."""
        present = members(expression, self._members) & set(who)
        if isinstance(expression, Term):
            yield expression, frozenset(present)
            return
        yield from self._leading(expression.left, present)
        if expression.operator is not Operator.MINUS:
            yield from self._leading(expression.right, present)


def _grouped(reasons: Iterable[Why]) -> _Reasons:
    found: _Reasons = {}
    for reason in reasons:
        found.setdefault(reason.person_id, []).append(reason)
    return found


def _merged(some: Iterable[_Reasons]) -> _Reasons:
    found: dict[int, dict[Why, None]] = {}
    for reasons in some:
        for person_id, its in reasons.items():
            found.setdefault(person_id, {}).update(dict.fromkeys(its))
    return {person_id: list(its) for person_id, its in found.items()}


def _through(part: OneList, reasons: _Reasons) -> _Reasons:
    return {
        person_id: [replace(reason, through=(part.address, *reason.through)) for reason in its]
        for person_id, its in reasons.items()
    }
