"""Signs that a year is not ready, or is not the next one: what makes a switch refused, and what is worth a look."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, union

from directory.holding_schema import source
from directory.report import ImportReport, Kind
from directory.schema import (
    class_,
    class_member,
    class_service,
    enrolment,
    group_service,
    school,
    teaching_group,
)
from directory.sources import NOW
from mailgate.school_year.changes import Changes

_FEW: Final = 20
"""Pupils of a school below which shares say nothing."""
_WITHOUT_CLASS: Final = 0.5
_WORTH_A_LOOK: Final = 0.1
_FEWER: Final = 0.5
_SAME_CLASS: Final = 0.9
_FINDINGS: Final = (
    Kind.CLASS_WITHOUT_TEACHER,
    Kind.UNKNOWN_SCHOOL,
    Kind.OTHER_STRUCTURES,
    Kind.OTHER_TEACHERS,
    Kind.OTHER_PUPILS,
    Kind.OTHER_NAME,
)
_EXAMPLES: Final = 20


def not_prepared(connection: Connection, academy: str, year: int) -> list[str]:
    """The sources that the directory is made of and that are not held for that year."""
    own = source.c.academy == academy
    held = set(connection.scalars(select(source.c.name).where(own, source.c.year == year)))
    return sorted(set(connection.scalars(select(source.c.name).where(own, source.c.year == NOW))) - held)


def taught(connection: Connection) -> set[str]:
    """Schools where somebody teaches something."""
    classes = select(class_.c.school_id).join(class_service, class_service.c.class_id == class_.c.class_id)
    groups = select(teaching_group.c.school_id).join(
        group_service, group_service.c.group_id == teaching_group.c.group_id
    )
    found = union(classes, groups).subquery()
    return set(connection.scalars(select(school.c.uai).join(found, found.c.school_id == school.c.school_id)))


def find_doubts(connection: Connection, changes: Changes, taught_before: set[str]) -> list[str]:
    """Why a switch would rather not be made, in a sentence for each school and reason."""
    without = _without_class(connection)
    teaching = taught(connection)
    found = []
    for uai, (before, after) in sorted(changes.enrolled.items()):
        if before > _FEW and after < _FEWER * before:
            found.append(f"{uai} would have {after} pupils instead of {before}")
        if after > _FEW and without[uai] > _WITHOUT_CLASS * after:
            found.append(f"{uai}: {without[uai]} of {after} pupils would be in no class")
        if after and uai in taught_before - teaching:
            found.append(f"{uai}: nobody would teach there")
        stayed, same = changes.stayed.get(uai, (0, 0))
        if stayed > _FEW and same > _SAME_CLASS * stayed:
            found.append(f"{uai}: {same} of {stayed} pupils would stay in their class, as if it were the old year")
    return found


def warnings(connection: Connection, changes: Changes, report: ImportReport) -> list[str]:
    """What is worth a look before a switch."""
    without = _without_class(connection)
    found = [
        f"{uai}: {without[uai]} of {after} pupils are in no class"
        for uai, (_, after) in sorted(changes.enrolled.items())
        if without[uai] > _WORTH_A_LOOK * after
    ]
    empty = (
        select(school.c.uai, class_.c.name)
        .join(class_, class_.c.school_id == school.c.school_id)
        .where(class_.c.active, ~_exists(class_member.c.class_id == class_.c.class_id))
        .order_by(school.c.uai, class_.c.name)
    )
    found += [f"{uai}: the class {name} has no pupils" for uai, name in connection.execute(empty)]
    seen: Counter[str] = Counter()
    for one in report.findings:
        if one.kind in _FINDINGS:
            seen[one.kind] += 1
            if seen[one.kind] <= _EXAMPLES:
                found.append(f"{one.who}: {one.what} ({one.kind})")
    found += [f"{report.suspicious[kind] - _EXAMPLES} more: {kind}" for kind in seen if seen[kind] > _EXAMPLES]
    return found


def _without_class(connection: Connection) -> Counter[str]:
    of_school = and_(
        class_member.c.person_id == enrolment.c.person_id,
        class_member.c.class_id == class_.c.class_id,
        class_.c.school_id == enrolment.c.school_id,
    )
    rows = (
        select(school.c.uai, func.count())
        .join(enrolment, enrolment.c.school_id == school.c.school_id)
        .where(school.c.domain.is_not(None), ~_exists(of_school))
        .group_by(school.c.uai)
    )
    return Counter(dict(connection.execute(rows).all()))


def _exists(where: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a condition
    return exists().where(where)
