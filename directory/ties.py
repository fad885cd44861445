"""What a person belongs to: classes, teaching groups, schools, cités; and what two people have in common.

A class is that of its pupils, of their legal guardians, and of its teaching team, which is that of the list
(`directory.membership`): its services, those of its groups, its head teachers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, Text, and_, literal_column, select, union_all

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import (
    attachment,
    class_,
    class_member,
    class_service,
    enrolment,
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

CLASS, GROUP, SCHOOL, CITE = "class", "group", "school", "cite"
CHILD, PARENT = "child", "parent"
"""Kinds of ties."""


def _tie(kind: str, target: ColumnElement[int], school_id: ColumnElement[Any]) -> Select[Any]:
    return select(
        literal_column(f"'{kind}'", Text).label("kind"), target.label("target_id"), school_id.label("school_id")
    )


def _children(person: Person) -> Select[tuple[int]]:
    """Subquery: the pupils whose legal guardian a person is."""
    return select(guardian.c.pupil_id).where(guardian.c.person_id == person, guardian.c.legal == LEGAL_GUARDIAN)


def _of_class(person: Person) -> list[Select[Any]]:
    tie = _tie(CLASS, class_.c.class_id, class_.c.school_id)
    return [
        tie.join(class_member, class_member.c.class_id == class_.c.class_id).where(class_member.c.person_id == person),
        tie.join(class_member, class_member.c.class_id == class_.c.class_id).where(
            class_member.c.person_id.in_(_children(person))
        ),
        tie.join(class_service, class_service.c.class_id == class_.c.class_id).where(
            class_service.c.person_id == person
        ),
        tie.join(group_class, group_class.c.class_id == class_.c.class_id)
        .join(group_service, group_service.c.group_id == group_class.c.group_id)
        .where(group_service.c.person_id == person),
        tie.join(head_teacher, head_teacher.c.class_id == class_.c.class_id).where(head_teacher.c.person_id == person),
    ]


def _of_group(person: Person) -> list[Select[Any]]:
    tie = _tie(GROUP, teaching_group.c.group_id, teaching_group.c.school_id)
    members = tie.join(group_member, group_member.c.group_id == teaching_group.c.group_id)
    return [
        members.where(group_member.c.person_id == person),
        members.where(group_member.c.person_id.in_(_children(person))),
        tie.join(group_service, group_service.c.group_id == teaching_group.c.group_id).where(
            group_service.c.person_id == person
        ),
    ]


def schools_of(person: Person) -> CompoundSelect[Any]:
    """The schools of a person: a pupil's, a legal guardian's children's, a member of staff's by function or service."""
    return union_all(
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
    )


def ties(person: Person) -> CompoundSelect[Any]:
    """Rows ``kind, target_id, school_id``: everything that a person belongs to; some more than once."""
    found = schools_of(person).subquery()
    return union_all(
        *_of_class(person),
        *_of_group(person),
        _tie(SCHOOL, found.c.school_id, found.c.school_id),
        _tie(CITE, school.c.cite_id, school.c.school_id)
        .join(found, found.c.school_id == school.c.school_id)
        .where(school.c.cite_id.is_not(None)),
    )


def family(one: Person, other: Person) -> CompoundSelect[Any]:
    """Rows ``kind, target_id, school_id`` that say that `other` is the child, or the parent, of `one`; the school is
    the pupil's.
    """

    def tie(kind: str, pupil: Person, parent: Person) -> Select[Any]:
        return (
            _tie(kind, guardian.c.pupil_id, enrolment.c.school_id)
            .select_from(guardian)
            .outerjoin(enrolment, enrolment.c.person_id == guardian.c.pupil_id)
            .where(
                and_(guardian.c.pupil_id == pupil, guardian.c.person_id == parent, guardian.c.legal == LEGAL_GUARDIAN)
            )
        )

    return union_all(tie(CHILD, other, one), tie(PARENT, one, other))
