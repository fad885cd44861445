"""Of which schools somebody was who has left: the only tie that is left, and for what is written to them alone."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, delete, insert, select

from directory.schema import former_school
from directory.ties import schools_of_people

_People: TypeAlias = Select[Any]
"""Numbers of people."""


def note(connection: Connection, leaving: _People) -> None:
    """Keep the schools of these people, while what makes them members of them is there."""
    theirs = schools_of_people(lambda column: column.in_(leaving)).subquery("theirs")
    rows = select(theirs.c.person_id, theirs.c.school_id).distinct()
    connection.execute(insert(former_school).from_select(["person_id", "school_id"], rows))


def forget(connection: Connection, back: _People) -> None:
    """Forget those of people who are there again."""
    connection.execute(delete(former_school).where(former_school.c.person_id.in_(back)))
