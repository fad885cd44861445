"""Who stands for a person who was merged into another, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from directory.family_schema import person_merge


def current(person: ColumnElement[int]) -> ColumnElement[int]:
    """The number of the person who stands for `person` today: him or herself, or who was kept in merges."""
    root = select(person_merge.c.root_id).where(person_merge.c.dropped_id == person).scalar_subquery()
    found: ColumnElement[int] = func.coalesce(root, person)
    return found


def stands_for(person: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether `person` is `other`, or somebody whom `other` was merged into."""
    return or_(other == person, other.in_(merged_into(person)))


def merged_into(person: ColumnElement[int]) -> Any:  # noqa: ANN401 - a select
    """Subquery: those whom `person` stands for."""
    return select(person_merge.c.dropped_id).where(person_merge.c.root_id == person)
