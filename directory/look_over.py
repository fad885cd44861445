"""What an imported set leaves without a class, a teacher or a school: for the report."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from directory.report import ImportReport, Kind
from directory.schema import (
    class_,
    class_member,
    class_service,
    enrolment,
    group_class,
    group_service,
    head_teacher,
    person,
    school,
    staff_function,
)
from directory.schools import ZONE
from directory.settings import ImportSettings


def look_over(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Report what is incomplete in the schools of this academy."""
    own = school.c.academy == settings.academy
    _pupils_without_class(connection, own, report)
    _classes_without_teacher(connection, own, report)
    _staff_of_zones(connection, own, report)


def _pupils_without_class(connection: Connection, own: ColumnElement[bool], report: ImportReport) -> None:
    rows = (
        select(person.c.source_id, person.c.display, school.c.uai)
        .join(enrolment, enrolment.c.person_id == person.c.person_id)
        .join(school, school.c.school_id == enrolment.c.school_id)
        .where(own, ~exists().where(class_member.c.person_id == person.c.person_id))
        .order_by(school.c.uai, person.c.source_id)
    )
    for source_id, display, uai in connection.execute(rows):
        who = f"{source_id} {display}"
        report.found(Kind.PUPIL_WITHOUT_CLASS, who, f"no class in {uai}", "in the lists of the level and school only")


def _classes_without_teacher(connection: Connection, own: ColumnElement[bool], report: ImportReport) -> None:
    ways = [
        class_service.c.class_id == class_.c.class_id,
        head_teacher.c.class_id == class_.c.class_id,
        and_(group_class.c.class_id == class_.c.class_id, group_service.c.group_id == group_class.c.group_id),
    ]
    rows = (
        select(class_.c.name, school.c.uai)
        .join(school, school.c.school_id == class_.c.school_id)
        .where(own, class_.c.active, *(~exists().where(way) for way in ways))
        .order_by(school.c.uai, class_.c.name)
    )
    for name, uai in connection.execute(rows):
        report.found(Kind.CLASS_WITHOUT_TEACHER, f"{name} ({uai})", "nobody teaches it", "it has no teachers' list")


def _staff_of_zones(connection: Connection, own: ColumnElement[bool], report: ImportReport) -> None:
    """Replacement teachers, whose functions are all outside schools."""
    of_person = and_(staff_function.c.person_id == person.c.person_id, staff_function.c.school_id == school.c.school_id)
    rows = (
        select(person.c.source_id, person.c.display)
        .where(exists().where(of_person, own, school.c.kind == ZONE), ~exists().where(of_person, school.c.kind != ZONE))
        .order_by(person.c.source_id)
    )
    why = "the teaching services alone tell the school"
    for source_id, display in connection.execute(rows):
        report.found(Kind.REPLACEMENT_ZONE, f"{source_id} {display}", "no function in a school", why)
