"""Why somebody is a member of a list: asked of the very queries that make the membership."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, func, select, union_all

from directory.membership import FACTS, OF_CITE, UNIONS
from directory.schema import class_, list_, person, school, subject, teaching_group


@dataclass(frozen=True, slots=True)
class Why:
    """One reason: `reason` is a `membership.Reason`; what does not apply is None.

    `pupil` is the child through whom a guardian is a member; `detail` a subject (for services) or a function code.
    """

    person_id: int
    person: str
    reason: str
    pupil: str | None
    class_name: str | None
    group_name: str | None
    detail: str | None


def why_select(kind: str, audience: str) -> Select[Any]:
    """Every reason of every member of a list, in the columns of `Why`; `:target` is the list's `target_id`.

    Raises:
        KeyError: no such kind or audience among the lists made from the directory.
    """
    of_kind, of_audience = ("school", OF_CITE[audience]) if kind == "cite" else (kind, audience)
    parts = UNIONS.get(of_kind, {}).get(of_audience, (of_audience,))
    facts = union_all(*(fact for part in parts for fact in FACTS[of_kind][part])).subquery("fact")
    target = bindparam("target", type_=BigInteger)
    of_target: ColumnElement[bool]
    if kind == "cite":
        of_target = facts.c.target_id.in_(select(school.c.school_id).where(school.c.cite_id == target))
    else:
        of_target = facts.c.target_id == target
    pupil = person.alias("pupil")
    taught = select(func.min(subject.c.label)).where(subject.c.subject == facts.c.detail).scalar_subquery()
    return (
        select(
            facts.c.person_id,
            person.c.display.label("person"),
            facts.c.reason,
            pupil.c.display.label("pupil"),
            class_.c.name.label("class_name"),
            teaching_group.c.name.label("group_name"),
            func.nullif(func.coalesce(taught, facts.c.detail), "").label("detail"),
        )
        .join(person, person.c.person_id == facts.c.person_id)
        .outerjoin(pupil, pupil.c.person_id == facts.c.pupil_id)
        .outerjoin(class_, class_.c.class_id == facts.c.class_id)
        .outerjoin(teaching_group, teaching_group.c.group_id == facts.c.group_id)
        .where(of_target)
        .order_by(person.c.sn, person.c.given, facts.c.person_id, facts.c.reason)
    )


def why(connection: Connection, list_address: str, person_id: int | None = None) -> list[Why]:
    """The reasons of the members of a list, or of one person; empty for an unknown list and for one that the
    directory does not make.
    """
    row = connection.execute(select(list_).where(list_.c.address == list_address.lower())).first()
    if row is None or row.kind not in (*FACTS, "cite"):
        return []
    rows = why_select(row.kind, row.audience)
    if person_id is not None:
        rows = rows.where(person.c.person_id == person_id)
    return [Why(*found) for found in connection.execute(rows, {"target": row.target_id})]
