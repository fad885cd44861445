"""Decisions that count for the members of lists today: who was added to a list or excluded from it, as whoever stands
for that person now, and guardians whom a school excluded, from every list of the school.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, literal_column, select, union_all

from directory.family_schema import guardian_exclusion
from directory.list_schema import list_adjustment
from directory.merged import current
from directory.schema import list_

_OF_SCHOOL = "school"


def decisions() -> Select[Any]:
    """Rows `list_id, person_id, excluded, reason, actor, at`; an exclusion goes before an addition."""
    adjusted, shut = list_adjustment.c, guardian_exclusion.c
    rows = union_all(
        select(
            adjusted.list_id,
            current(adjusted.person_id).label("person_id"),
            adjusted.excluded,
            adjusted.reason,
            adjusted.actor,
            adjusted.at,
        ),
        select(
            list_.c.list_id,
            current(shut.guardian_id),
            literal_column("1 = 1").label("excluded"),
            shut.reason,
            shut.actor,
            shut.at,
        )
        .join(list_, list_.c.school_id == shut.target_id)
        .where(shut.kind == _OF_SCHOOL),
    ).subquery("decision")
    return select(rows)
