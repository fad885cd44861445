"""Guardians whom a school excludes: for a pupil, or for all pupils of the school. No import undoes that.

Who is excluded is no guardian of these pupils for anything here: lists, what may be written, what is seen. Functions
change rows, under the lock of the directory; `family.follow_families` then brings guardians and lists up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, case, delete, exists, insert, literal, or_, select, union_all, update

from directory.family import OF_PUPIL, OF_SCHOOL, pupils_of
from directory.family_schema import family_link, guardian_exclusion, person_merge
from directory.list_adjustments import Adjustment, checked_reason
from directory.list_definitions import Author
from directory.list_membership import OneList
from directory.membership import FACTS, UNIONS
from directory.merged import current
from directory.nomenclature import LEGAL_GUARDIAN, Profile
from directory.queries import PERSON_BY_ADDRESS
from directory.schema import ACTIVE, LOCAL, address, enrolment, guardian, list_member, person, person_source, school
from directory.sql import lock


class FamilyError(ValueError):
    """What cannot be decided about a parent."""


class Target(NamedTuple):
    """A pupil, or a school, as `kind` says, and its address or UAI."""

    kind: str
    target_id: int
    name: str


class Exclusion(NamedTuple):
    """Who is excluded for whom, by whom, when and why."""

    guardian: str
    address: str
    kind: str
    target: str
    reason: str
    actor: str
    at: int


class Parent(NamedTuple):
    """A related person by an address."""

    person_id: int
    address: str
    display: str


def find_parent(connection: Connection, text: str) -> Parent:
    """A related person of the sources by any of the addresses. Raises FamilyError."""
    folded = text.strip().lower()
    row = connection.execute(PERSON_BY_ADDRESS, {"address": folded}).first()
    if row is None:
        raise FamilyError(f"there is no person {text}")
    if row.profile != Profile.RELATIVE:
        raise FamilyError(f"{folded} is no parent: {row.display} is {row.profile}")
    if connection.scalar(select(person.c.source).where(person.c.person_id == row.person_id)) == LOCAL:
        raise FamilyError(f"{folded} is in no school file; `mailgate account suspend` closes such an account")
    return Parent(row.person_id, folded, row.display)


def find_target(connection: Connection, text: str) -> Target:
    """A pupil by address, or a school by UAI. Raises FamilyError."""
    if "@" not in text:
        found = connection.scalar(select(school.c.school_id).where(school.c.uai == text.strip().upper()))
        if found is None:
            raise FamilyError(f"there is no school {text}")
        return Target(OF_SCHOOL, found, text.strip().upper())
    row = connection.execute(PERSON_BY_ADDRESS, {"address": text.strip().lower()}).first()
    if row is None or row.profile != Profile.PUPIL:
        raise FamilyError(f"there is no pupil {text}")
    return Target(OF_PUPIL, row.person_id, text.strip().lower())


def exclude(connection: Connection, who: Parent, target: Target, author: Author, reason: str) -> None:
    """Let a guardian be none for a pupil or in a school. Raises FamilyError."""
    lock(connection)
    wanted = checked_reason(reason)
    if not wanted:
        raise FamilyError("an exclusion needs a reason")
    if _present(connection, who, target):
        raise FamilyError(f"{who.address} is excluded for {target.name} already")
    if not concerned(connection, who, target):
        raise FamilyError(f"{who.address} is no guardian of {_whom(target)}")
    connection.execute(
        insert(guardian_exclusion).values(
            guardian_id=who.person_id,
            kind=target.kind,
            target_id=target.target_id,
            reason=wanted,
            suspended=False,
            **author._asdict(),
        )
    )


def lift(connection: Connection, who: Parent, target: Target) -> bool:
    """Take an exclusion back; whether it had closed the account. Raises FamilyError when there is none."""
    lock(connection)
    rows = _present(connection, who, target)
    if not rows:
        raise FamilyError(f"{who.address} is not excluded for {target.name}")
    table = guardian_exclusion.c
    for guardian_id, _ in rows:
        connection.execute(
            delete(guardian_exclusion).where(
                table.guardian_id == guardian_id, table.kind == target.kind, table.target_id == target.target_id
            )
        )
    return any(suspended for _, suspended in rows)


def concerned(connection: Connection, who: Parent, target: Target) -> set[int]:
    """The pupils for whom an exclusion makes a difference: those of the target who name this person."""
    children = pupils_of(connection, [who.person_id])
    if target.kind == OF_PUPIL:
        return children & {target.target_id}
    there = select(enrolment.c.person_id).where(
        enrolment.c.school_id == target.target_id, enrolment.c.person_id.in_(children)
    )
    return set(connection.scalars(there))


def exclusions(connection: Connection, person_id: int | None = None) -> list[Exclusion]:
    """Every exclusion, or those of one person, by name."""
    table = guardian_exclusion.c
    parent, pupil = person.alias("parent"), person.alias("pupil")
    own, its = address.alias("own"), address.alias("its")
    rows = (
        select(parent.c.display, own.c.address, table.kind)
        .add_columns(case((table.kind == OF_SCHOOL, school.c.uai), else_=its.c.address))
        .add_columns(table.reason, table.actor, table.at)
        .select_from(guardian_exclusion)
        .join(parent, parent.c.person_id == current(table.guardian_id))
        .join(own, and_(own.c.person_id == parent.c.person_id, own.c.is_primary.is_(True)))
        .outerjoin(school, and_(table.kind == OF_SCHOOL, school.c.school_id == table.target_id))
        .outerjoin(pupil, and_(table.kind == OF_PUPIL, pupil.c.person_id == table.target_id))
        .outerjoin(its, and_(its.c.person_id == pupil.c.person_id, its.c.is_primary.is_(True)))
        .order_by(parent.c.sn, parent.c.given, own.c.address, table.kind, table.at)
    )
    if person_id is not None:
        rows = rows.where(parent.c.person_id == person_id)
    return [Exclusion(*row) for row in connection.execute(rows)]


def left_out(connection: Connection, one: OneList) -> list[Adjustment]:
    """The guardians who are not members of a list of parents, or of everybody, because they are excluded."""
    facts = FACTS.get(one.kind, {})
    if one.audience not in {"parents", *UNIONS.get(one.kind, ())} or "parents" not in facts:
        return []
    pupils = union_all(*facts["eleves"]).subquery("pupils")
    same = and_(*(family_link.c[name] == person_source.c[name] for name in ("source", "academy", "source_id")))
    table, who = guardian_exclusion.c, person_source.c.person_id
    children = family_link.c.pupil_id.in_(select(pupils.c.person_id).where(pupils.c.target_id == one.target_id))
    schools = select(enrolment.c.school_id).where(enrolment.c.person_id == family_link.c.pupil_id)
    concerned = or_(
        and_(table.kind == OF_PUPIL, table.target_id == family_link.c.pupil_id),
        and_(table.kind == OF_SCHOOL, table.target_id.in_(schools)),
    )
    member = exists().where(list_member.c.list_id == one.list_id, list_member.c.person_id == who)
    rows = (
        select(who, person.c.display, address.c.address, person.c.state, literal(value=True))
        .add_columns(table.reason, table.actor, table.at)
        .select_from(family_link)
        .join(person_source, same)
        .join(guardian_exclusion, current(table.guardian_id) == who)
        .join(person, person.c.person_id == who)
        .join(address, and_(address.c.person_id == who, address.c.is_primary.is_(True)))
        .where(family_link.c.legal == LEGAL_GUARDIAN, children, concerned, ~member)
        .distinct()
    )
    return sorted((Adjustment(*row) for row in connection.execute(rows)), key=lambda found: (found.person, found.at))


def to_close(connection: Connection) -> tuple[list[int], list[int]]:
    """Whose account is to be closed, because an exclusion leaves no pupil, and whose may be opened again; noted as
    done. People who have no child left for another reason are neither.
    """
    table = guardian_exclusion.c
    has_child = exists().where(guardian.c.person_id == person.c.person_id, guardian.c.legal == LEGAL_GUARDIAN)
    people = select(person.c.person_id).where(person.c.person_id.in_(select(current(table.guardian_id))))
    shut = list(connection.scalars(people.where(~has_child, person.c.state == ACTIVE)))
    was_shut = person.c.person_id.in_(select(current(table.guardian_id)).where(table.suspended))
    free = list(connection.scalars(people.where(has_child, was_shut)))
    for ids, suspended in ((shut, True), (free, False)):
        if ids:
            whole = or_(
                table.guardian_id.in_(ids),
                table.guardian_id.in_(select(person_merge.c.dropped_id).where(person_merge.c.root_id.in_(ids))),
            )
            connection.execute(update(guardian_exclusion).where(whole).values(suspended=suspended))
    return shut, free


def _present(connection: Connection, who: Parent, target: Target) -> Sequence[tuple[int, bool]]:
    table = guardian_exclusion.c
    rows = select(table.guardian_id, table.suspended).where(
        current(table.guardian_id) == who.person_id, table.kind == target.kind, table.target_id == target.target_id
    )
    return [(row.guardian_id, row.suspended) for row in connection.execute(rows)]


def _whom(target: Target) -> str:
    return target.name if target.kind == OF_PUPIL else f"a pupil of {target.name}"
