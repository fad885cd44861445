"""The duplicates that the last imports found: those that were merged, and those that somebody should decide."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select
from sqlalchemy.sql.selectable import NamedFromClause

from directory.family_schema import duplicate, kept_apart
from directory.merged import current
from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import ACTIVE, address, enrolment, guardian, person, person_source, school


class Found(NamedTuple):
    """Two records: who they stand for, by name and address, and what speaks for their being one person."""

    one_record: str
    one: str
    one_address: str
    other_record: str
    other: str
    other_address: str
    score: int
    evidence: str


def possible(connection: Connection, uai: str | None = None, *, merged: bool = False) -> list[Found]:
    """Pairs of two people of whom nobody has decided yet, or of records that an import merged; the likeliest first.
    With `uai`, those who have a child in that school.
    """
    source, other_source = person_source.alias("source_one"), person_source.alias("source_other")
    one, other = person.alias("one"), person.alias("other")
    main, other_main = address.alias("main"), address.alias("other_main")
    table = duplicate.c
    rows = (
        select(table.one_record, one.c.display, main.c.address, table.other_record, other.c.display)
        .add_columns(other_main.c.address, table.score, table.evidence)
        .select_from(duplicate)
        .join(source, _of(source, table.source, table.one_record))
        .join(other_source, _of(other_source, table.other_source, table.other_record))
        .join(one, one.c.person_id == source.c.person_id)
        .join(other, other.c.person_id == other_source.c.person_id)
        .join(main, and_(main.c.person_id == one.c.person_id, main.c.is_primary.is_(True)))
        .join(other_main, and_(other_main.c.person_id == other.c.person_id, other_main.c.is_primary.is_(True)))
        .where(one.c.state == ACTIVE, other.c.state == ACTIVE)
        .order_by(table.score.desc(), one.c.sn, one.c.given, table.one_record, table.other_record)
    )
    if merged:
        rows = rows.where(table.merged, one.c.person_id == other.c.person_id)
    else:
        first, second = current(kept_apart.c.one_id), current(kept_apart.c.other_id)
        apart = exists().where(
            or_(
                and_(first == one.c.person_id, second == other.c.person_id),
                and_(first == other.c.person_id, second == one.c.person_id),
            )
        )
        rows = rows.where(one.c.person_id != other.c.person_id, ~apart)
    if uai is not None:
        there = select(enrolment.c.person_id).join(school, school.c.school_id == enrolment.c.school_id)
        children = there.where(school.c.uai == uai.strip().upper())
        of_one = guardian.c.person_id.in_([one.c.person_id, other.c.person_id])
        rows = rows.where(exists().where(of_one, guardian.c.legal == LEGAL_GUARDIAN, guardian.c.pupil_id.in_(children)))
    return [Found(*row) for row in connection.execute(rows)]


def _of(source: NamedFromClause[Any], space: ColumnElement[str], record: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(source.c.source == space, source.c.academy == duplicate.c.academy, source.c.source_id == record)
