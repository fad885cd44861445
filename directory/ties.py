"""What a person belongs to: classes, teaching groups, schools, cités, children.

A class is that of its pupils, of their legal guardians, and of its teaching team, which is that of the list
(`directory.membership`): its services, those of its groups, its head teachers. `facts` reads each table once, by its
index on people, for all who are asked about; what follows from a row is worked out in `ties`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Integer,
    Label,
    Select,
    Subquery,
    Table,
    Text,
    case,
    literal_column,
    or_,
    select,
    union_all,
)

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import (
    attachment,
    class_,
    class_member,
    class_service,
    enrolment,
    former_school,
    group_class,
    group_member,
    group_service,
    guardian,
    head_teacher,
    school,
    staff_function,
    teaching_group,
)

Person = ColumnElement[int]

CLASS, GROUP, SCHOOL, CITE, CHILD = "class", "group", "school", "cite", "child"
"""Kinds of ties."""
SERVED_CLASS, SERVED_GROUP = "served class", "served group"
"""Kinds of facts that tie to the school, too: of members of a class, other facts do."""
_SERVED: Final = {SERVED_CLASS: CLASS, SERVED_GROUP: GROUP}


class Tie(NamedTuple):
    """Something that a person belongs to, or a child of theirs, and the school by which it holds, if any."""

    kind: str
    target_id: int
    school_id: int | None


class Fact(NamedTuple):
    """A row of `facts`: of whom it tells, by their place; the cité is that of the school."""

    place: int
    kind: str
    target_id: int
    school_id: int | None
    cite_id: int | None


def _children(person: Person) -> Select[tuple[int]]:
    """Subquery: the pupils whose legal guardian a person is."""
    return select(guardian.c.pupil_id).where(guardian.c.person_id == person, guardian.c.legal == LEGAL_GUARDIAN)


def schools_of(person: Person) -> CompoundSelect[Any]:
    """The schools of a person: a pupil's, a legal guardian's children's, a member of staff's by function or service."""
    return union_all(*_schools_of(person))


def schools_concerned(person: Person) -> CompoundSelect[Any]:
    """The schools that have a say in what is written to a person: his or hers, or those of before leaving."""
    former = select(former_school.c.school_id).where(former_school.c.person_id == person)
    return union_all(*_schools_of(person), former)


def _schools_of(person: Person) -> list[Select[Any]]:
    return [
        select(enrolment.c.school_id.label("school_id")).where(enrolment.c.person_id == person),
        select(enrolment.c.school_id).where(enrolment.c.person_id.in_(_children(person))),
        select(staff_function.c.school_id).where(staff_function.c.person_id == person),
        select(class_.c.school_id)
        .join(class_service, class_service.c.class_id == class_.c.class_id)
        .where(class_service.c.person_id == person),
        select(teaching_group.c.school_id)
        .join(group_service, group_service.c.group_id == teaching_group.c.group_id)
        .where(group_service.c.person_id == person),
        select(attachment.c.school_id).where(attachment.c.person_id == person),
    ]


def schools_of_people(among: Callable[[ColumnElement[int]], ColumnElement[bool]]) -> CompoundSelect[Any]:
    """The schools of many people, as rows of person and school; `among` says of a column whether it is one of them."""
    pupil = enrolment.c
    return union_all(
        select(pupil.person_id, pupil.school_id).where(among(pupil.person_id)),
        select(guardian.c.person_id, pupil.school_id)
        .join(enrolment, pupil.person_id == guardian.c.pupil_id)
        .where(among(guardian.c.person_id), guardian.c.legal == LEGAL_GUARDIAN),
        select(staff_function.c.person_id, staff_function.c.school_id).where(among(staff_function.c.person_id)),
        select(class_service.c.person_id, class_.c.school_id)
        .join(class_, class_.c.class_id == class_service.c.class_id)
        .where(among(class_service.c.person_id)),
        select(group_service.c.person_id, teaching_group.c.school_id)
        .join(teaching_group, teaching_group.c.group_id == group_service.c.group_id)
        .where(among(group_service.c.person_id)),
        select(attachment.c.person_id, attachment.c.school_id).where(among(attachment.c.person_id)),
    )


def people_of(school_id: ColumnElement[int]) -> CompoundSelect[Any]:
    """The people of a school: the inverse of `schools_of`, without who has left."""
    pupils = select(enrolment.c.person_id).where(enrolment.c.school_id == school_id)
    return union_all(
        select(enrolment.c.person_id.label("person_id")).where(enrolment.c.school_id == school_id),
        select(guardian.c.person_id).where(guardian.c.pupil_id.in_(pupils), guardian.c.legal == LEGAL_GUARDIAN),
        select(staff_function.c.person_id).where(staff_function.c.school_id == school_id),
        select(class_service.c.person_id)
        .join(class_, class_.c.class_id == class_service.c.class_id)
        .where(class_.c.school_id == school_id),
        select(group_service.c.person_id)
        .join(teaching_group, teaching_group.c.group_id == group_service.c.group_id)
        .where(teaching_group.c.school_id == school_id),
        select(attachment.c.person_id).where(attachment.c.school_id == school_id),
    )


def facts(*people: Person) -> Subquery:
    """Rows of `Fact` about these people, whose places are 0, 1, …; some more than once. The first one writes: schools
    that a person was of before leaving count for the others alone.
    """
    who = _people_and_children(people)
    themselves = who.c.own == 1
    pupil_of = case((themselves, _text(SCHOOL)), else_=_text(CHILD))
    pupil = case((themselves, enrolment.c.school_id), else_=who.c.person_id)
    found = union_all(
        _fact(who, pupil_of, pupil, enrolment.c.school_id)
        .outerjoin(enrolment, enrolment.c.person_id == who.c.person_id)
        .where(or_(who.c.own == 0, enrolment.c.school_id.is_not(None))),
        _in_class(who, class_member, CLASS),
        _in_class(who, head_teacher, CLASS).where(themselves),
        _in_class(who, class_service, SERVED_CLASS).where(themselves),
        _fact(who, _text(CLASS), class_.c.class_id, class_.c.school_id)
        .join(group_service, group_service.c.person_id == who.c.person_id)
        .join(group_class, group_class.c.group_id == group_service.c.group_id)
        .join(class_, class_.c.class_id == group_class.c.class_id)
        .where(themselves),
        _in_group(who, group_member, GROUP),
        _in_group(who, group_service, SERVED_GROUP).where(themselves),
        _in_school(who, staff_function).where(themselves),
        _in_school(who, attachment).where(themselves),
        _in_school(who, former_school).where(themselves, who.c.place > 0),
    ).subquery("found")
    return select(found, school.c.cite_id).outerjoin(school, school.c.school_id == found.c.school_id).subquery("fact")


def _people_and_children(people: Sequence[Person]) -> CTE:
    """Rows ``place, person_id, own``: people, and (`own` is 0) the pupils whose legal guardians they are."""
    asked = [
        select(_number(place, "place"), one.label("person_id"), _number(1, "own")) for place, one in enumerate(people)
    ]
    children = [
        select(_number(place, "place"), guardian.c.pupil_id, _number(0, "own")).where(
            guardian.c.person_id == one, guardian.c.legal == LEGAL_GUARDIAN
        )
        for place, one in enumerate(people)
    ]
    return union_all(*asked, *children).cte("who")


def _fact(who: CTE, kind: ColumnElement[str], target: ColumnElement[Any], school_id: ColumnElement[Any]) -> Select[Any]:
    return select(who.c.place, kind.label("kind"), target.label("target_id"), school_id.label("school_id")).select_from(
        who
    )


def _in_class(who: CTE, table: Table, kind: str) -> Select[Any]:
    found = _fact(who, _text(kind), class_.c.class_id, class_.c.school_id)
    return found.join(table, table.c.person_id == who.c.person_id).join(class_, class_.c.class_id == table.c.class_id)


def _in_group(who: CTE, table: Table, kind: str) -> Select[Any]:
    found = _fact(who, _text(kind), teaching_group.c.group_id, teaching_group.c.school_id)
    its_group = teaching_group.c.group_id == table.c.group_id
    return found.join(table, table.c.person_id == who.c.person_id).join(teaching_group, its_group)


def _in_school(who: CTE, table: Table) -> Select[Any]:
    found = _fact(who, _text(SCHOOL), table.c.school_id, table.c.school_id)
    return found.join(table, table.c.person_id == who.c.person_id)


def _number(value: int, name: str) -> Label[int]:
    return literal_column(str(value), Integer).label(name)


def _text(value: str) -> ColumnElement[str]:
    return literal_column(f"'{value}'", Text)


def ties(found: Iterable[Fact], place: int) -> frozenset[Tie]:
    """Everything that the person in this place belongs to, and their children."""
    known: set[Tie] = set()
    for one in found:
        if one.place != place:
            continue
        known.add(Tie(_SERVED.get(one.kind, one.kind), one.target_id, one.school_id))
        if one.school_id is not None and (one.kind in _SERVED or one.kind in {SCHOOL, CHILD}):
            known.add(Tie(SCHOOL, one.school_id, one.school_id))
            if one.cite_id is not None:
                known.add(Tie(CITE, one.cite_id, one.school_id))
    return frozenset(known)
