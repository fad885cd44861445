"""What the application asks of the directory: Core selects with named parameters, and a few helpers on a connection."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Label, Text, and_, bindparam, func, literal_column, select, union

from directory.addresses import lists_named
from directory.nomenclature import LEGAL_GUARDIAN, Profile
from directory.schema import (
    ACTIVE,
    address,
    attachment,
    class_,
    class_member,
    class_service,
    enrolment,
    group_service,
    guardian,
    head_teacher,
    list_,
    list_member,
    person,
    school,
    staff_function,
    teaching_group,
)
from directory.ties import schools_of

_BY_ADDRESS = bindparam("address", type_=Text)
_BY_LIST = bindparam("list_id", type_=BigInteger)
_BY_PERSON = bindparam("person_id", type_=BigInteger)

PERSON_BY_ADDRESS = (
    select(person.c.person_id, person.c.display, person.c.profile, person.c.sdet, person.c.state, address.c.is_primary)
    .join(address, address.c.person_id == person.c.person_id)
    .where(address.c.address == _BY_ADDRESS)
)
"""Whose is `:address` (lower case)? People who left are found too: look at `state`."""

LIST_BY_ADDRESS = select(
    list_.c.list_id,
    list_.c.address,
    list_.c.kind,
    list_.c.audience,
    list_.c.target_id,
    list_.c.school_id,
    list_.c.ref,
    list_.c.label,
    list_.c.active,
    list_.c.closed_at,
).where(list_.c.list_id.in_(lists_named(lambda column: column == _BY_ADDRESS)))
"""Which list has `:address` (lower case), main or further? Lists without members and closed ones are found too: look at
`active`.
"""

MEMBER_IDS = select(list_member.c.person_id).where(list_member.c.list_id == _BY_LIST)
"""Members of `:list_id`, numbers only."""

MEMBERS = (
    select(person.c.person_id, person.c.display, person.c.profile, address.c.address)
    .select_from(list_member)
    .join(person, person.c.person_id == list_member.c.person_id)
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
    .where(list_member.c.list_id == _BY_LIST)
    .order_by(person.c.sn, person.c.given, person.c.person_id)
)
"""Members of `:list_id` with name, profile and address."""

ALL_LISTS = (
    select(
        list_.c.list_id,
        list_.c.address,
        list_.c.kind,
        list_.c.audience,
        list_.c.label,
        school.c.uai,
        select(func.count()).where(list_member.c.list_id == list_.c.list_id).scalar_subquery().label("members"),
    )
    .outerjoin(school, school.c.school_id == list_.c.school_id)
    .order_by(list_.c.address)
)
"""Every list that there is, or was, with its number of members."""

LISTS = ALL_LISTS.where(list_.c.active)
"""Every list in use, with its number of members."""

LISTS_OF_PERSON = (
    select(list_.c.list_id, list_.c.address, list_.c.kind, list_.c.audience, list_.c.label)
    .join(list_member, list_member.c.list_id == list_.c.list_id)
    .where(list_member.c.person_id == _BY_PERSON)
    .order_by(list_.c.address)
)
"""The lists that `:person_id` is a member of."""

ADDRESSES_OF_PERSON = (
    select(address.c.address, address.c.is_primary, address.c.given_at)
    .where(address.c.person_id == _BY_PERSON)
    .order_by(address.c.is_primary.desc(), address.c.address)
)
"""Every address of `:person_id`, the primary one first."""

PEOPLE = (
    select(
        person.c.person_id,
        person.c.source_id,
        person.c.given,
        person.c.sn,
        person.c.display,
        person.c.profile,
        person.c.sdet,
        address.c.address,
    )
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
    .where(person.c.state == ACTIVE, person.c.profile != Profile.SHARED)
    .order_by(person.c.profile, person.c.sn, person.c.given, person.c.person_id)
)
"""Everybody who has an account in use."""

_children = and_(guardian.c.pupil_id == enrolment.c.person_id, guardian.c.legal == LEGAL_GUARDIAN)
_in_schools = union(
    select(enrolment.c.person_id, enrolment.c.school_id),
    select(guardian.c.person_id, enrolment.c.school_id).join(enrolment, _children),
    select(staff_function.c.person_id, staff_function.c.school_id),
    select(class_service.c.person_id, class_.c.school_id).join(class_, class_.c.class_id == class_service.c.class_id),
    select(group_service.c.person_id, teaching_group.c.school_id).join(
        teaching_group, teaching_group.c.group_id == group_service.c.group_id
    ),
    select(attachment.c.person_id, attachment.c.school_id),
).subquery("in_school")

SCHOOLS_OF_PEOPLE = (
    select(_in_schools.c.person_id, school.c.school_id, school.c.uai, school.c.name, school.c.domain)
    .join(school, school.c.school_id == _in_schools.c.school_id)
    .where(school.c.domain.is_not(None))
    .order_by(_in_schools.c.person_id, school.c.uai)
)
"""Everybody's schools: pupils, their legal guardians, staff by function or service, others by attachment."""

WORKPLACES_OF_PERSON = select(school.c.school_id, school.c.cite_id).where(
    school.c.school_id.in_(schools_of(_BY_PERSON))
)
"""The schools of `:person_id`, each with its cité or null."""


def _role(name: str) -> Label[str]:
    return literal_column(f"'{name}'", Text).label("role")


_in_classes = union(
    select(class_member.c.person_id, class_member.c.class_id, _role("pupil")),
    select(guardian.c.person_id, class_member.c.class_id, _role("guardian")).join(
        class_member, and_(guardian.c.pupil_id == class_member.c.person_id, guardian.c.legal == LEGAL_GUARDIAN)
    ),
    select(class_service.c.person_id, class_service.c.class_id, _role("teacher")),
    select(head_teacher.c.person_id, head_teacher.c.class_id, _role("head_teacher")),
).subquery("in_class")

CLASSES_OF_PEOPLE = (
    select(_in_classes.c.person_id, school.c.uai, class_.c.name, _in_classes.c.role)
    .join(class_, class_.c.class_id == _in_classes.c.class_id)
    .join(school, school.c.school_id == class_.c.school_id)
    .order_by(_in_classes.c.person_id, school.c.uai, class_.c.name, _in_classes.c.role)
)
"""Everybody's classes, with the role there: pupil, guardian, teacher, head_teacher."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as a directory page shows one: schools by UAI, classes by name."""

    person_id: int
    source_id: str
    display: str
    profile: str
    address: str
    schools: tuple[str, ...]
    classes: tuple[str, ...]


def people(connection: Connection) -> list[PersonView]:
    """Everybody who has an account in use, with schools and classes."""
    schools: dict[int, dict[str, None]] = defaultdict(dict)
    classes: dict[int, dict[str, None]] = defaultdict(dict)
    for person_id, _, uai, _, _ in connection.execute(SCHOOLS_OF_PEOPLE):
        schools[person_id][uai] = None
    for person_id, _, name, _ in connection.execute(CLASSES_OF_PEOPLE):
        classes[person_id][name] = None
    return [
        PersonView(
            row.person_id,
            row.source_id,
            row.display,
            row.profile,
            row.address,
            tuple(schools.get(row.person_id, ())),
            tuple(classes.get(row.person_id, ())),
        )
        for row in connection.execute(PEOPLE)
    ]
