"""Whose guardian a person is: what the sources say, of whom the record stands for today, without who is excluded; and
what follows for lists when one of these changes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, insert, or_, select, union

from directory.addresses import batches
from directory.family_schema import family_link, guardian_exclusion, person_merge
from directory.list_membership import follow
from directory.list_schema import list_adjustment
from directory.merged import stands_for
from directory.nomenclature import LEGAL_GUARDIAN
from directory.report import ListChange
from directory.schema import (
    ACTIVE,
    class_member,
    enrolment,
    group_member,
    guardian,
    list_,
    list_member,
    person,
    person_source,
    school_level,
)

OF_PUPIL: Final = "pupil"
OF_SCHOOL: Final = "school"
"""Kinds of exclusion."""
_PARENTS: Final = "parents"
_BATCH: Final = 500


def guardians(*, legal: bool) -> Select[Any]:
    """The rows of `guardian` that should be: of legal guardians only, or of all; a pair may come twice."""
    record = and_(
        person_source.c.source == family_link.c.source,
        person_source.c.academy == family_link.c.academy,
        person_source.c.source_id == family_link.c.source_id,
    )
    rows = (
        select(family_link.c.pupil_id, person_source.c.person_id, family_link.c.link, family_link.c.legal)
        .add_columns(family_link.c.said_by)
        .join(person_source, record)
        .join(person, person.c.person_id == person_source.c.person_id)
        .where(person.c.state == ACTIVE, ~excluded(family_link.c.pupil_id, person_source.c.person_id))
    )
    return rows.where(family_link.c.legal == LEGAL_GUARDIAN) if legal else rows


def excluded(pupil: ColumnElement[int], guardian_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a guardian is excluded for a pupil: for this one, or for those of a school that the pupil is in."""
    table = guardian_exclusion.c
    schools = select(enrolment.c.school_id).where(enrolment.c.person_id == pupil)
    concerned = or_(
        and_(table.kind == OF_PUPIL, table.target_id == pupil),
        and_(table.kind == OF_SCHOOL, table.target_id.in_(schools)),
    )
    return exists().where(stands_for(guardian_id, table.guardian_id), concerned)


def pupils_of(connection: Connection, people: Collection[int]) -> set[int]:
    """The pupils whose records name one of these people, in whatever way."""
    record = and_(
        person_source.c.source == family_link.c.source,
        person_source.c.academy == family_link.c.academy,
        person_source.c.source_id == family_link.c.source_id,
    )
    rows = select(family_link.c.pupil_id).join(person_source, record)
    return set(connection.scalars(rows.where(person_source.c.person_id.in_(people))))


def follow_families(
    connection: Connection, people: Collection[int], pupils: Collection[int], *, names: bool = True
) -> list[ListChange]:
    """Bring the guardians of these pupils up to date, and the lists that follow; `people` are those about whom
    something was decided. Gives what changed in lists.
    """
    _derive(connection, pupils)
    return follow(connection, _lists_of(connection, people, pupils), names=names)


def _derive(connection: Connection, pupils: Collection[int]) -> None:
    for some in batches(sorted(pupils), _BATCH):
        wanted: dict[tuple[int, int], dict[str, int]] = {}
        for legal in (True, False):
            rows = guardians(legal=legal).where(family_link.c.pupil_id.in_(some))
            for row in connection.execute(rows.order_by(family_link.c.link)).mappings():
                wanted.setdefault((row["pupil_id"], row["person_id"]), dict(row))
        connection.execute(delete(guardian).where(guardian.c.pupil_id.in_(some)))
        if wanted:
            connection.execute(insert(guardian), list(wanted.values()))


def _lists_of(connection: Connection, people: Collection[int], pupils: Collection[int]) -> set[int]:
    """The lists of parents that these pupils make, and those that these people, or who was merged into them, are in
    or were put in or out of by hand.
    """
    found: set[int] = set()
    for some in batches(sorted(people), _BATCH):
        whole = [*some, *connection.scalars(select(person_merge.c.dropped_id).where(person_merge.c.root_id.in_(some)))]
        found.update(connection.scalars(select(list_member.c.list_id).where(list_member.c.person_id.in_(whole))))
        found.update(
            connection.scalars(select(list_adjustment.c.list_id).where(list_adjustment.c.person_id.in_(whole)))
        )
    for some in batches(sorted(pupils), _BATCH):
        at = and_(school_level.c.school_id == enrolment.c.school_id, school_level.c.level == enrolment.c.level)
        targets = union(
            select(class_member.c.class_id).where(class_member.c.person_id.in_(some)),
            select(group_member.c.group_id).where(group_member.c.person_id.in_(some)),
            select(enrolment.c.school_id).where(enrolment.c.person_id.in_(some)),
            select(school_level.c.level_id).join(enrolment, at).where(enrolment.c.person_id.in_(some)),
        )
        of_parents = select(list_.c.list_id).where(list_.c.audience == _PARENTS, list_.c.target_id.in_(targets))
        found.update(connection.scalars(of_parents))
    return found
