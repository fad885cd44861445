"""What the directory says of one person, and which source says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, and_, select

from directory.family_schema import relative_mail
from directory.schema import (
    class_,
    class_member,
    class_service,
    enrolment,
    group_member,
    group_service,
    guardian,
    head_teacher,
    person,
    person_source,
    school,
    staff_function,
    subject,
    teaching_group,
)


class Fact(NamedTuple):
    """One fact: what kind it is, what it says, and the name of the source that says it."""

    kind: str
    text: str
    said_by: str


class Number(NamedTuple):
    """A number that stands for the person, in the space of a source."""

    space: str
    number: str


def numbers_of(connection: Connection, person_id: int) -> list[Number]:
    """Every number by which sources know a person, or knew."""
    rows = select(person_source.c.source, person_source.c.source_id).where(person_source.c.person_id == person_id)
    ordered = rows.order_by(person_source.c.source, person_source.c.source_id)
    return [Number(*row) for row in connection.execute(ordered)]


def facts_of(connection: Connection, person_id: int) -> list[Fact]:
    """Every fact about a person: names first, then schools, classes and groups, teaching, functions, family, mail."""
    return list(_facts(connection, person_id))


def _facts(connection: Connection, person_id: int) -> Iterator[Fact]:
    names = select(person.c.given, person.c.sn, person.c.title, person.c.said_by).where(person.c.person_id == person_id)
    for given, sn, title, said_by in connection.execute(names):
        yield Fact("name", " ".join(part for part in (title, given, sn) if part), said_by)
    for kind, rows in (
        ("school", _in_school(enrolment, enrolment.c.level)),
        ("class", _in_place(class_member, class_)),
        ("group", _in_place(group_member, teaching_group)),
        ("teaches class", _serves(class_service, class_)),
        ("teaches group", _serves(group_service, teaching_group)),
        ("head teacher", _in_place(head_teacher, class_)),
        ("function", _in_school(staff_function, staff_function.c.code, staff_function.c.discipline)),
    ):
        told = set()
        for *parts, uai, said_by in connection.execute(rows.where(rows.selected_columns.person_id == person_id)):
            words = " ".join(str(part) for part in parts[1:] if part)
            told.add(Fact(kind, f"{words} ({uai})" if words else uai, said_by))
        yield from sorted(told)
    yield from _family(connection, person_id)


def _in_school(table: Table, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns
    return select(table.c.person_id, *columns, school.c.uai, table.c.said_by).join(
        school, school.c.school_id == table.c.school_id
    )


def _in_place(table: Table, taught: Table) -> Select[Any]:
    key = next(iter(taught.primary_key.columns))
    return (
        select(table.c.person_id, taught.c.name, school.c.uai, table.c.said_by)
        .join(taught, key == table.c[key.name])
        .join(school, school.c.school_id == taught.c.school_id)
    )


def _serves(table: Table, taught: Table) -> Select[Any]:
    key = next(iter(taught.primary_key.columns))
    labelled = and_(subject.c.subject == table.c.subject, subject.c.academy == school.c.academy)
    return (
        select(table.c.person_id, taught.c.name, subject.c.label, school.c.uai, table.c.said_by)
        .join(taught, key == table.c[key.name])
        .join(school, school.c.school_id == taught.c.school_id)
        .outerjoin(subject, labelled)
    )


def _family(connection: Connection, person_id: int) -> Iterator[Fact]:
    for kind, me, other in (("guardian", "pupil_id", "person_id"), ("child", "person_id", "pupil_id")):
        rows = (
            select(person.c.display, guardian.c.link, guardian.c.legal, guardian.c.said_by)
            .join(person, person.c.person_id == guardian.c[other])
            .where(guardian.c[me] == person_id)
            .order_by(person.c.sn, person.c.given)
        )
        for display, link, legal, said_by in connection.execute(rows):
            yield Fact(kind, f"{display} (link {link}, legal {legal})", said_by)
    keys = ("source", "academy", "source_id")
    known = and_(*(relative_mail.c[name] == person_source.c[name] for name in keys))
    mails = select(relative_mail.c.mail, relative_mail.c.said_by).join(person_source, known)
    for mail, said_by in connection.execute(mails.where(person_source.c.person_id == person_id).distinct()):
        yield Fact("mail", mail, said_by)
