"""Who is in which class, group, school; who teaches what; whose guardian: as the set says, by set difference."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union,
    update,
)

from directory.combining import says_less
from directory.family import guardians
from directory.family_schema import family_link, relative_mail
from directory.nomenclature import LEGAL_GUARDIAN, SELF_LINK
from directory.people import mine, touched
from directory.precedence import Group
from directory.report import ImportReport, Kind
from directory.schema import (
    class_,
    class_mef,
    class_member,
    class_service,
    enrolment,
    group_class,
    group_member,
    group_service,
    guardian,
    head_teacher,
    person_source,
    school,
    staff_function,
    teaching_group,
)
from directory.settings import ImportSettings
from directory.sql import insert_ignoring
from directory.staging import (
    analyse,
    class_mefs,
    functions,
    group_classes,
    key_of,
    levels,
    links,
    people,
    places,
    ranks,
    school_keys,
    services,
    temporary,
)


def _wanted(table: Table) -> Table:
    """A temporary table of the same columns."""
    return temporary(
        f"wanted_{table.name}",
        *(
            Column(column.name, column.type, primary_key=column.primary_key, autoincrement=False, nullable=False)
            for column in table.columns
        ),
    )


_OF_PEOPLE = (
    enrolment,
    class_member,
    group_member,
    class_service,
    group_service,
    head_teacher,
    staff_function,
)
_OF_FAMILIES = (family_link, guardian, relative_mail)
_SAID_BY = "said_by"
_LONGEST = 254
"""Letters of an e-mail address (RFC 5321 section 4.5.3.1.3)."""
_WANTED = {table.name: _wanted(table) for table in (*_OF_PEOPLE, *_OF_FAMILIES, class_mef, group_class)}


def sync_relations(connection: Connection, settings: ImportSettings) -> None:
    """Bring every relation up to date; the people touched are noted."""
    told = or_(people.c.mef != "", people.c.level_label != "")
    attached = [_attached(best=True), _attached(best=False)]
    # A programme that another source tells is better than none.
    _fill(connection, enrolment, *(one.where(told) for one in attached), *attached, _enrolled_by_class())
    _fill(connection, class_member, _placed("class", class_))
    _fill(connection, group_member, _placed("group", teaching_group))
    _fill(connection, head_teacher, _placed("head", class_))
    _fill(connection, class_service, _serving("class", class_))
    _fill(connection, group_service, _serving("group", teaching_group))
    _fill(connection, staff_function, _functions())
    own = mine(settings)
    for table in _OF_PEOPLE:
        _sync(connection, table, table.c.person_id.in_(own), touch=True)
    _fill(connection, family_link, _named_by(LEGAL_GUARDIAN, settings), _named_by(None, settings))
    _sync(connection, family_link, family_link.c.pupil_id.in_(own), touch=False)
    # A person entered twice may be named twice by one pupil: the link that makes a guardian comes first.
    _fill(connection, guardian, guardians(legal=True), guardians(legal=False))
    _sync(connection, guardian, guardian.c.pupil_id.in_(own), touch=True)
    _fill(connection, relative_mail, _mails(settings))
    _sync(connection, relative_mail, relative_mail.c.academy == settings.academy, touch=False)
    _sync_structure(connection, settings)
    analyse(connection, *_OF_PEOPLE, *_OF_FAMILIES, class_mef, group_class)


def _fill(connection: Connection, table: Table, *selects: Select[Any]) -> None:
    wanted = _WANTED[table.name]
    for rows in selects:
        connection.execute(insert_ignoring(connection, wanted).from_select(list(wanted.c.keys()), rows))
    analyse(connection, wanted)


def _sync(connection: Connection, table: Table, scope: ColumnElement[bool], *, touch: bool) -> None:
    """Delete the rows of the scope that are not wanted as they are, then insert those that are missing. Who says what
    is no change of a person.
    """
    wanted = _WANTED[table.name]
    facts = [name for name in wanted.c.keys() if name != _SAID_BY]  # noqa: SIM118 — not a dict
    same = and_(*(table.c[name] == wanted.c[name] for name in facts))
    gone = and_(scope, ~exists().where(same))
    missing = ~exists().where(same)
    if touch:
        ends = [name for name in ("pupil_id", "person_id") if name in table.c]
        for name in ends:
            connection.execute(insert(touched).from_select(["person_id"], select(table.c[name]).where(gone)))
            connection.execute(insert(touched).from_select(["person_id"], select(wanted.c[name]).where(missing)))
    connection.execute(delete(table).where(gone))
    connection.execute(insert(table).from_select(list(wanted.c.keys()), select(wanted).where(missing)))
    if _SAID_BY in table.c:
        said_by = wanted.c.said_by
        connection.execute(update(table).where(same, table.c.said_by != said_by).values(said_by=said_by))


def _attached(*, best: bool) -> Select[Any]:
    """Pupils in the school of their record; `best`: as the source has them that says the classes there."""
    rows = (
        select(people.c.person_id, school_keys.c.school_id, people.c.mef, func.coalesce(levels.c.level, ""))
        .add_columns(people.c.source)
        .join(school_keys, key_of(people))
        .join(ranks, and_(ranks.c.source == people.c.source, ranks.c.grp == Group.CLASSES))
        .outerjoin(levels, and_(levels.c.mef == people.c.mef, levels.c.level_label == people.c.level_label))
        .where(people.c.kind == "pupil")
        .order_by(ranks.c.place)
    )
    return rows.where(~says_less(people, Group.CLASSES)) if best else rows


def _enrolled_by_class() -> Select[Any]:
    """Pupils in the schools of their classes."""
    return (
        select(people.c.person_id, school_keys.c.school_id, people.c.mef, func.coalesce(levels.c.level, ""))
        .add_columns(people.c.source)
        .join(places, places.c.seq == people.c.seq)
        .join(school_keys, key_of(places))
        .outerjoin(levels, and_(levels.c.mef == people.c.mef, levels.c.level_label == people.c.level_label))
        .where(people.c.kind == "pupil", places.c.role == "class")
    )


def _placed(role: str, table: Table) -> Select[Any]:
    key = next(iter(table.primary_key.columns))
    return (
        select(people.c.person_id, key, people.c.source)
        .join(places, places.c.seq == people.c.seq)
        .join(school_keys, key_of(places))
        .join(table, and_(table.c.school_id == school_keys.c.school_id, table.c.name == places.c.name))
        .where(places.c.role == role)
    )


def _serving(role: str, table: Table) -> Select[Any]:
    key = next(iter(table.primary_key.columns))
    return (
        select(people.c.person_id, key, services.c.subject, people.c.source)
        .join(services, services.c.seq == people.c.seq)
        .join(school_keys, key_of(services))
        .join(table, and_(table.c.school_id == school_keys.c.school_id, table.c.name == services.c.name))
        .where(services.c.role == role)
    )


def _functions() -> Select[Any]:
    return (
        select(people.c.person_id, school_keys.c.school_id, functions.c.code, functions.c.discipline, people.c.source)
        .join(functions, functions.c.seq == people.c.seq)
        .join(school_keys, key_of(functions))
        .where(people.c.kind == "staff")
    )


def _named_by(legal: int | None, settings: ImportSettings) -> Select[Any]:
    """Links to records of people with an account; the pupil's own record as a related person is none."""
    relative = people.alias("relative")
    of_record = and_(
        person_source.c.source == relative.c.space,
        person_source.c.academy == settings.academy,
        person_source.c.source_id == relative.c.source_id,
    )
    rows = (
        select(
            people.c.person_id.label("pupil_id"),
            person_source.c.source,
            person_source.c.academy,
            person_source.c.source_id,
            links.c.link,
            links.c.legal,
            people.c.source,
        )
        .join(links, links.c.seq == people.c.seq)
        .join(
            relative,
            and_(
                relative.c.source == links.c.source, relative.c.ref == links.c.relative, relative.c.kind == "relative"
            ),
        )
        .join(person_source, of_record)
        .where(links.c.link != SELF_LINK)
    )
    return rows if legal is None else rows.where(links.c.legal == legal)


def _mails(settings: ImportSettings) -> Select[Any]:
    """The address of each record of a legal guardian that a school wants to have."""
    of_record = and_(
        person_source.c.source == people.c.space,
        person_source.c.academy == settings.academy,
        person_source.c.source_id == people.c.source_id,
    )
    return (
        select(person_source.c.source, person_source.c.academy, person_source.c.source_id, people.c.mail)
        .add_columns(people.c.mail_source)
        .join(people, of_record)
        .where(
            people.c.kind == "relative",
            people.c.mail != "",
            func.length(people.c.mail) <= _LONGEST,
            wanted_by(person_source, settings.mail_schools),
        )
    )


def wanted_by(record: Table, schools: Collection[str]) -> ColumnElement[bool]:
    """Whether one of these schools (by UAI) has a pupil whose legal guardian a record is."""
    keys = ("source", "academy", "source_id")
    rows = (
        select(family_link.c.pupil_id)
        .join(enrolment, enrolment.c.person_id == family_link.c.pupil_id)
        .join(school, school.c.school_id == enrolment.c.school_id)
    )
    same = and_(*(family_link.c[name] == record.c[name] for name in keys))
    return rows.where(same, family_link.c.legal == LEGAL_GUARDIAN, school.c.uai.in_(schools)).exists()


def forget_mails(connection: Connection, schools: Collection[str]) -> None:
    """Delete the addresses that none of these schools (by UAI) wants: all those that want any."""
    connection.execute(delete(relative_mail).where(~wanted_by(relative_mail, schools)))


def _sync_structure(connection: Connection, settings: ImportSettings) -> None:
    """Programmes of classes, classes of groups. A group whose classes nobody announces has those of its members."""
    _fill(
        connection,
        class_mef,
        select(class_.c.class_id, class_mefs.c.mef)
        .join(school_keys, school_keys.c.school_id == class_.c.school_id)
        .join(class_mefs, and_(key_of(class_mefs), class_mefs.c.name == class_.c.name))
        .where(class_.c.active),
    )
    announced = (
        select(teaching_group.c.group_id, class_.c.class_id)
        .join(school_keys, school_keys.c.school_id == teaching_group.c.school_id)
        .join(
            group_classes,
            and_(key_of(group_classes), group_classes.c.name == teaching_group.c.name),
        )
        .join(
            class_,
            and_(class_.c.school_id == teaching_group.c.school_id, class_.c.name == group_classes.c.class_name),
        )
        .where(teaching_group.c.active)
    )
    _fill(connection, group_class, announced)
    members = (
        select(group_member.c.group_id, class_member.c.class_id)
        .distinct()
        .join(class_member, class_member.c.person_id == group_member.c.person_id)
        .join(teaching_group, teaching_group.c.group_id == group_member.c.group_id)
        .where(teaching_group.c.school_id.in_(select(school_keys.c.school_id)))
        .where(~exists().where(_WANTED["group_class"].c.group_id == group_member.c.group_id))
    )
    _fill(connection, group_class, members)
    schools = select(school.c.school_id).where(school.c.academy == settings.academy)
    classes = select(class_.c.class_id).where(class_.c.school_id.in_(schools))
    groups = select(teaching_group.c.group_id).where(teaching_group.c.school_id.in_(schools))
    _sync(connection, class_mef, class_mef.c.class_id.in_(classes), touch=False)
    _sync(connection, group_class, group_class.c.group_id.in_(groups), touch=False)


def report_unknown_schools(connection: Connection, report: ImportReport) -> None:
    """School keys that people name and no school has."""
    named = union(
        *(select(table.c.source, table.c.school) for table in (places, services, functions)),
        select(people.c.source, people.c.school).where(people.c.kind == "pupil"),
    ).subquery()
    unknown = select(named.c.school).distinct().where(~exists().where(key_of(named)))
    for key in connection.scalars(unknown.order_by(named.c.school)):
        what = "no structure of the set has it" if key else "a pupil names no school"
        report.found(Kind.UNKNOWN_SCHOOL, f"key {key!r}", what, "what is said of it was left out")
