"""Who belongs to which list, and why: one set of queries for both.

Every select here gives the same columns: `target_id` (the class, group, level, discipline or school), `person_id`, and
what explains it: `reason`, `pupil_id` (through which child), `class_id`, `group_id`, `detail` (a subject or function
code).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, cast, literal_column, null, select

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import (
    Id,
    class_,
    class_member,
    class_service,
    discipline,
    enrolment,
    group_class,
    group_member,
    group_service,
    guardian,
    head_teacher,
    school_level,
    staff_function,
    teaching_group,
)


class Reason(StrEnum):
    """Why a person is a member."""

    PUPIL = "pupil"
    GUARDIAN = "guardian"
    SERVICE = "service"
    GROUP_SERVICE = "group_service"
    HEAD_TEACHER = "head_teacher"
    FUNCTION = "function"


Fact: TypeAlias = Select[Any]
Column: TypeAlias = ColumnElement[Any]

_NONE = cast(null(), Id)  # PostgreSQL takes a bare NULL of a subquery for a text
_NO_DETAIL = literal_column("''", Text)


def _fact(
    source: FromClause,
    target: Column,
    person: Column,
    reason: Reason,
    *,
    pupil: Column = _NONE,
    in_class: Column = _NONE,
    in_group: Column = _NONE,
    detail: Column = _NO_DETAIL,
) -> Fact:
    columns: list[Column] = [
        target.label("target_id"),
        person.label("person_id"),
        literal_column(f"'{reason.value}'", Text).label("reason"),
        pupil.label("pupil_id"),
        in_class.label("class_id"),
        in_group.label("group_id"),
        detail.label("detail"),
    ]
    return select(*columns).select_from(source)


def _guardians(
    source: FromClause, target: Column, pupil: Column, *, in_class: Column = _NONE, in_group: Column = _NONE
) -> Fact:
    """The legal guardians of the pupils in `source`."""
    joined = source.join(guardian, and_(guardian.c.pupil_id == pupil, guardian.c.legal == LEGAL_GUARDIAN))
    person = guardian.c.person_id
    return _fact(joined, target, person, Reason.GUARDIAN, pupil=pupil, in_class=in_class, in_group=in_group)


def _team(source: FromClause, target: Column, in_class: Column) -> list[Fact]:
    """The teaching team of the classes in `source`: services of the class, of its groups, head teachers."""
    in_groups = source.join(group_class, group_class.c.class_id == in_class).join(
        group_service, group_service.c.group_id == group_class.c.group_id
    )
    return [
        _fact(
            source.join(class_service, class_service.c.class_id == in_class),
            target,
            class_service.c.person_id,
            Reason.SERVICE,
            in_class=in_class,
            detail=class_service.c.subject,
        ),
        _fact(
            in_groups,
            target,
            group_service.c.person_id,
            Reason.GROUP_SERVICE,
            in_class=in_class,
            in_group=group_service.c.group_id,
            detail=group_service.c.subject,
        ),
        _heads(source, target, in_class),
    ]


def _heads(source: FromClause, target: Column, in_class: Column) -> Fact:
    joined = source.join(head_teacher, head_teacher.c.class_id == in_class)
    return _fact(joined, target, head_teacher.c.person_id, Reason.HEAD_TEACHER, in_class=in_class)


def _functions(*codes: str) -> Fact:
    """Staff with a function in the school: one of `codes`, or any."""
    table = staff_function.c
    fact = _fact(staff_function, table.school_id, table.person_id, Reason.FUNCTION, detail=table.code)
    return fact.where(table.code.in_([literal_column(f"'{code}'") for code in codes])) if codes else fact


def _serving() -> list[Fact]:
    """Everybody who teaches a class or a group of the school."""
    return [
        _fact(
            class_.join(class_service, class_service.c.class_id == class_.c.class_id),
            class_.c.school_id,
            class_service.c.person_id,
            Reason.SERVICE,
            in_class=class_.c.class_id,
            detail=class_service.c.subject,
        ),
        _fact(
            teaching_group.join(group_service, group_service.c.group_id == teaching_group.c.group_id),
            teaching_group.c.school_id,
            group_service.c.person_id,
            Reason.GROUP_SERVICE,
            in_group=teaching_group.c.group_id,
            detail=group_service.c.subject,
        ),
    ]


def _of_classes() -> dict[str, list[Fact]]:
    pupil, in_class, target = class_member.c.person_id, class_member.c.class_id, class_.c.class_id
    return {
        "eleves": [_fact(class_member, in_class, pupil, Reason.PUPIL, in_class=in_class)],
        "parents": [_guardians(class_member, in_class, pupil, in_class=in_class)],
        "profs": _team(class_, target, target),
        "pp": [_heads(class_, target, target)],
    }


def _of_levels() -> dict[str, list[Fact]]:
    """A level of a school: its pupils, in a class or not, and the teams of their classes there."""
    at = and_(enrolment.c.school_id == school_level.c.school_id, enrolment.c.level == school_level.c.level)
    pupils = school_level.join(enrolment, at)
    target, pupil = school_level.c.level_id, enrolment.c.person_id
    there = and_(class_.c.class_id == class_member.c.class_id, class_.c.school_id == school_level.c.school_id)
    classes = (
        select(school_level.c.level_id, class_.c.class_id)
        .select_from(pupils.join(class_member, class_member.c.person_id == pupil).join(class_, there))
        .distinct()
        .subquery("level_class")
    )
    level_id, class_id = classes.c.level_id, classes.c.class_id
    return {
        "eleves": [_fact(pupils, target, pupil, Reason.PUPIL)],
        "parents": [_guardians(pupils, target, pupil)],
        "profs": _team(classes, level_id, class_id),
        "pp": [_heads(classes, level_id, class_id)],
    }


def _of_groups() -> dict[str, list[Fact]]:
    group, pupil = group_member.c.group_id, group_member.c.person_id
    teachers = _fact(
        group_service,
        group_service.c.group_id,
        group_service.c.person_id,
        Reason.GROUP_SERVICE,
        in_group=group_service.c.group_id,
        detail=group_service.c.subject,
    )
    return {
        "eleves": [_fact(group_member, group, pupil, Reason.PUPIL, in_group=group)],
        "parents": [_guardians(group_member, group, pupil, in_group=group)],
        "profs": [teachers],
    }


def _of_disciplines() -> dict[str, list[Fact]]:
    taught = and_(
        staff_function.c.school_id == discipline.c.school_id,
        staff_function.c.discipline == discipline.c.code,
        staff_function.c.code == literal_column("'ENS'"),
    )
    teacher, code = staff_function.c.person_id, staff_function.c.code
    source = discipline.join(staff_function, taught)
    return {"profs": [_fact(source, discipline.c.discipline_id, teacher, Reason.FUNCTION, detail=code)]}


def _of_schools() -> dict[str, list[Fact]]:
    target, pupil = enrolment.c.school_id, enrolment.c.person_id
    return {
        "eleves": [_fact(enrolment, target, pupil, Reason.PUPIL)],
        "parents": [_guardians(enrolment, target, pupil)],
        "profs": [_functions("ENS", "DOC"), *_serving()],
        "personnels": [_functions(), *_serving()],
        "direction": [_functions("DIR")],
        "vie-scolaire": [_functions("EDU", "AED", "SUR")],
        "administration": [_functions("ADF")],
        "documentation": [_functions("DOC")],
        "pp": [_heads(class_, class_.c.school_id, class_.c.class_id)],
    }


FACTS: dict[str, dict[str, list[Fact]]] = {
    "class": _of_classes(),
    "level": _of_levels(),
    "group": _of_groups(),
    "discipline": _of_disciplines(),
    "school": _of_schools(),
}
"""The ways into each list, by kind and audience."""

UNIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "class": {"tous": ("eleves", "parents", "profs")},
    "level": {"tous": ("eleves", "parents", "profs")},
    "group": {"tous": ("eleves", "parents", "profs")},
    "school": {"tous": ("eleves", "parents", "personnels")},
}
"""Audiences that are made of others of the same target."""

OF_CITE: dict[str, str] = {
    **{name: name for name in ("eleves", "parents", "profs", "personnels", "direction", "vie-scolaire")},
    **{name: name for name in ("administration", "documentation", "tous")},
    "profs-principaux": "pp",
}
"""A cité's audiences, each the union of that audience over its schools."""
