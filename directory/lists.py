"""Distribution lists, made from the directory: their addresses never change, their members follow every import."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    and_,
    delete,
    exists,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from directory import list_changes, list_welcomes
from directory.addresses import taken
from directory.list_changes import Limits
from directory.list_decisions import decisions
from directory.list_membership import DERIVED, follow, made_by_people
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.report import ImportReport, Kind
from directory.schema import (
    ACTIVE,
    Id,
    cite,
    class_,
    discipline,
    level,
    list_,
    list_member,
    new_id,
    person,
    school,
    school_level,
    teaching_group,
)
from directory.sql import insert_ignoring
from directory.staging import analyse, temporary

_SCHOOL_NAMES = {"pp": "profs-principaux"}
_BATCH = 1_000

_new = temporary("new_list", Column("list_id", Id, primary_key=True, autoincrement=False))
_wanted = temporary(
    "wanted_list_member",
    Column("list_id", Id, primary_key=True, autoincrement=False),
    Column("person_id", Id, primary_key=True, autoincrement=False),
)

TABLES = (_new, _wanted)
"""What `refresh_lists` works with."""


def refresh_lists(
    connection: Connection, report: ImportReport, limits: Limits | None = None, *, names: bool = False
) -> None:
    """Create the lists that are missing, and bring members up to date by set difference: the directory's own lists
    together, then those that people made, in the order of what they are made of.

    A list that loses its last member becomes inactive; its address stays its own. With `names`, the report's list of
    changes says who comes and goes.

    Raises:
        DirectoryError: more members would leave than `limits` allow.
    """
    before = list_changes.sizes(connection)
    _create(connection, report)
    for kind, audiences in FACTS.items():
        for audience, facts in audiences.items():
            for fact in facts:
                _want(connection, kind, audience, fact)
    _adjust(connection)
    _want_unions(connection)
    _adjust(connection)
    _want_cites(connection)
    _adjust(connection)
    analyse(connection, _wanted, list_)
    report.list_changes = list_changes.against(connection, _wanted, before, names=names)
    _apply(connection, report)
    report.list_changes += follow(connection, made_by_people(connection), names=names)
    report.lists.members_added = sum(change.came for change in report.list_changes)
    report.lists.members_removed = sum(change.went for change in report.list_changes)
    if limits is not None:
        list_changes.check(connection, report.list_changes, before, limits)


def _targets() -> dict[str, Select[Any]]:
    """For each kind, what has lists: target, school, reference, label, and how its addresses begin and end."""

    def of_school(
        key: ColumnElement[Any], ref: ColumnElement[Any], label: ColumnElement[Any], slug: ColumnElement[Any]
    ) -> Select[Any]:
        columns = (key.label("target_id"), school.c.school_id, ref.label("ref"), label.label("label"))
        return select(*columns, slug.label("slug"), school.c.domain).where(school.c.domain.is_not(None))

    def prefixed(prefix: str, slug: ColumnElement[Any]) -> ColumnElement[Any]:
        return literal_column(f"'{prefix}'", Text) + slug

    nothing = literal_column("''", Text)
    return {
        "class": of_school(class_.c.class_id, class_.c.name, class_.c.name, class_.c.slug).join(
            school, school.c.school_id == class_.c.school_id
        ),
        "level": of_school(
            school_level.c.level_id, school_level.c.level, level.c.label, prefixed("niveau-", school_level.c.level)
        )
        .join(school, school.c.school_id == school_level.c.school_id)
        .join(level, level.c.level == school_level.c.level),
        "group": of_school(
            teaching_group.c.group_id,
            teaching_group.c.name,
            teaching_group.c.label,
            prefixed("groupe-", teaching_group.c.slug),
        ).join(school, school.c.school_id == teaching_group.c.school_id),
        "discipline": of_school(
            discipline.c.discipline_id,
            discipline.c.code,
            discipline.c.label,
            prefixed("discipline-", discipline.c.slug),
        ).join(school, school.c.school_id == discipline.c.school_id),
        "school": of_school(school.c.school_id, nothing, school.c.name, nothing),
        "cite": select(
            cite.c.cite_id.label("target_id"),
            literal_column("NULL").label("school_id"),
            nothing.label("ref"),
            cite.c.name.label("label"),
            nothing.label("slug"),
            cite.c.domain,
        ),
    }


def _audiences(kind: str) -> list[str]:
    return list(OF_CITE) if kind == "cite" else [*FACTS[kind], *UNIONS.get(kind, ())]


def _local_part(kind: str, slug: str, audience: str) -> str:
    if kind == "school":
        return _SCHOOL_NAMES.get(audience, audience)
    return audience if kind == "cite" else f"{slug}.{audience}"


def _create(connection: Connection, report: ImportReport) -> None:
    """Rows for lists that have none yet, inactive until they have members."""
    batch: list[dict[str, Any]] = []
    for kind, targets in _targets().items():
        found = targets.subquery("target")
        relabelled = (list_.c.kind == kind, list_.c.target_id == found.c.target_id, list_.c.label != found.c.label)
        connection.execute(update(list_).where(*relabelled).values(label=found.c.label))
        for row in _missing(connection, kind, found):
            batch.append(row)
            if len(batch) >= _BATCH:
                _insert(connection, batch, report)
                batch = []
    _insert(connection, batch, report)


def _missing(connection: Connection, kind: str, found: Subquery) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        select(found, list_.c.audience)
        .outerjoin(list_, and_(list_.c.kind == kind, list_.c.target_id == found.c.target_id))
        .order_by(found.c.target_id)
    ).all()
    for _, group in groupby(rows, key=lambda row: row.target_id):
        same_target = list(group)
        target = same_target[0]
        for audience in _audiences(kind):
            if all(row.audience != audience for row in same_target):
                yield {
                    "list_id": new_id(),
                    "address": f"{_local_part(kind, target.slug, audience)}@{target.domain}",
                    "kind": kind,
                    "audience": audience,
                    "target_id": target.target_id,
                    "school_id": target.school_id,
                    "ref": target.ref,
                    "label": target.label,
                    "active": False,
                }


def _insert(connection: Connection, rows: list[dict[str, Any]], report: ImportReport) -> None:
    """A list whose address somebody or something else has is left out, and reported."""
    having = taken(connection, (row["address"] for row in rows))
    for text in sorted(having):
        report.found(Kind.TAKEN_ADDRESS, text, "somebody or something else has the address", "the list does not exist")
    free = [row for row in rows if row["address"] not in having]
    if free:
        connection.execute(insert(list_), free)
        connection.execute(insert(_new), [{"list_id": row["list_id"]} for row in free])


def _want(connection: Connection, kind: str, audience: str, fact: Select[Any]) -> None:
    found = fact.subquery("fact")
    rows = (
        select(list_.c.list_id, found.c.person_id)
        .join(found, found.c.target_id == list_.c.target_id)
        .where(list_.c.kind == kind, list_.c.audience == audience)
    )
    _insert_wanted(connection, rows)


def _insert_wanted(connection: Connection, rows: Select[Any]) -> None:
    connection.execute(insert_ignoring(connection, _wanted).from_select(["list_id", "person_id"], rows))


def _adjust(connection: Connection) -> None:
    """What people decided: additions, of who is not gone, and exclusions. Unions and cités follow it, so it is done
    after each step.
    """
    decision = decisions().subquery()
    _insert_wanted(
        connection,
        select(decision.c.list_id, decision.c.person_id)
        .join(person, person.c.person_id == decision.c.person_id)
        .join(list_, list_.c.list_id == decision.c.list_id)
        .where(~decision.c.excluded, person.c.state == ACTIVE, list_.c.kind.in_(DERIVED)),
    )
    out = select(decision.c.list_id, decision.c.person_id).where(decision.c.excluded)
    excluded = tuple_(_wanted.c.list_id, _wanted.c.person_id).in_(out)
    connection.execute(delete(_wanted).where(excluded))


def _want_unions(connection: Connection) -> None:
    part = list_.alias("part")
    for kind, unions in UNIONS.items():
        for audience, parts in unions.items():
            _insert_wanted(
                connection,
                select(list_.c.list_id, _wanted.c.person_id)
                .join(part, and_(part.c.kind == list_.c.kind, part.c.target_id == list_.c.target_id))
                .join(_wanted, _wanted.c.list_id == part.c.list_id)
                .where(list_.c.kind == kind, list_.c.audience == audience, part.c.audience.in_(parts)),
            )


def _want_cites(connection: Connection) -> None:
    part = list_.alias("part")
    for audience, of_school in OF_CITE.items():
        _insert_wanted(
            connection,
            select(list_.c.list_id, _wanted.c.person_id)
            .join(school, school.c.cite_id == list_.c.target_id)
            .join(part, and_(part.c.kind == "school", part.c.target_id == school.c.school_id))
            .join(_wanted, _wanted.c.list_id == part.c.list_id)
            .where(list_.c.kind == "cite", list_.c.audience == audience, part.c.audience == of_school),
        )


def _apply(connection: Connection, report: ImportReport) -> None:
    lists = report.lists
    derived = select(list_.c.list_id).where(list_.c.kind.in_(DERIVED))
    same = and_(_wanted.c.list_id == list_member.c.list_id, _wanted.c.person_id == list_member.c.person_id)
    connection.execute(delete(list_member).where(list_member.c.list_id.in_(derived), ~exists().where(same)))
    fresh = select(_wanted.c.list_id, _wanted.c.person_id).where(~exists().where(same))
    list_welcomes.note_all(connection, fresh)
    connection.execute(insert(list_member).from_select(["list_id", "person_id"], fresh))
    has_members = exists().where(_wanted.c.list_id == list_.c.list_id)
    brand_new = list_.c.list_id.in_(select(_new.c.list_id))
    connection.execute(delete(list_).where(brand_new, ~has_members))
    lists.created = connection.execute(update(list_).where(brand_new).values(active=True)).rowcount
    idle = and_(list_.c.kind.in_(DERIVED), ~list_.c.active, list_.c.closed_at.is_(None))
    lists.revived = connection.execute(update(list_).where(idle, has_members).values(active=True)).rowcount
    busy = and_(list_.c.kind.in_(DERIVED), list_.c.active)
    lists.emptied = connection.execute(update(list_).where(busy, ~has_members).values(active=False)).rowcount
