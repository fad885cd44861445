"""What an import changes in lists, as a difference to be read first, and refused when it is abnormally large."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, exists, func, select

from directory.addresses import batches
from directory.list_membership import DERIVED
from directory.model import DirectoryError
from directory.report import ListChange
from directory.schema import address, list_, list_member, school

_BATCH = 500
_FEW = 20
"""Memberships of a school that are never too many to lose."""
_NAMED = 5
"""Lists that a refusal names for each school."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The share of the memberships of a school's lists that one change may take away; `new_year` names the schools
    that the second share is for, those whose school year is a later one than before.
    """

    share: float
    share_new_year: float
    new_year: frozenset[int] = frozenset()


def sizes(connection: Connection) -> Counter[int]:
    """How many members each list has."""
    rows = connection.execute(select(list_member.c.list_id, func.count()).group_by(list_member.c.list_id))
    return Counter(dict(rows.all()))


def against(connection: Connection, wanted: Table, before: Mapping[int, int], *, names: bool) -> list[ListChange]:
    """How the directory's own lists differ from a table of who should be in them, with addresses if `names`."""
    same = and_(wanted.c.list_id == list_member.c.list_id, wanted.c.person_id == list_member.c.person_id)
    derived = select(list_.c.list_id).where(list_.c.kind.in_(DERIVED))
    leaving = ~exists().where(same)
    went = select(list_member.c.list_id, list_member.c.person_id).where(list_member.c.list_id.in_(derived), leaving)
    came = select(wanted.c.list_id, wanted.c.person_id).where(~exists().where(same))
    came_counts, went_counts = _counts(connection, came), _counts(connection, went)
    coming, going = (_names(connection, rows) if names else {} for rows in (came, went))
    changed = sorted({*came_counts, *went_counts})
    return sorted(
        (
            ListChange(
                list_id=list_id,
                address=text,
                before=before.get(list_id, 0),
                came=came_counts[list_id],
                went=went_counts[list_id],
                coming=tuple(coming.get(list_id, ())),
                going=tuple(going.get(list_id, ())),
            )
            for some in batches(changed, _BATCH)
            for list_id, text in connection.execute(
                select(list_.c.list_id, list_.c.address).where(list_.c.list_id.in_(some))
            )
        ),
        key=lambda change: change.address,
    )


def _counts(connection: Connection, rows: Select[Any]) -> Counter[int]:
    found = rows.subquery()
    grouped = select(found.c.list_id, func.count()).group_by(found.c.list_id)
    return Counter(dict(connection.execute(grouped).all()))


def _names(connection: Connection, rows: Select[Any]) -> dict[int, list[str]]:
    found = rows.subquery()
    named = (
        select(found.c.list_id, address.c.address)
        .join(address, and_(address.c.person_id == found.c.person_id, address.c.is_primary.is_(True)))
        .order_by(address.c.address)
    )
    names: dict[int, list[str]] = defaultdict(list)
    for list_id, text in connection.execute(named):
        names[list_id].append(text)
    return names


def check(connection: Connection, changes: Iterable[ListChange], before: Mapping[int, int], limits: Limits) -> None:
    """Refuse changes that would take an abnormally large share of a school's memberships away.

    Raises:
        DirectoryError: with schools, counts, and the lists that lose most.
    """
    schools = dict(connection.execute(select(list_.c.list_id, list_.c.school_id)).all())
    total: Counter[int | None] = Counter()
    for list_id, count in before.items():
        total[schools[list_id]] += count
    losing: dict[int, list[ListChange]] = defaultdict(list)
    for change in changes:
        school_id = schools.get(change.list_id)
        if change.went and school_id is not None:
            losing[school_id].append(change)
    refused = []
    for school_id, its in losing.items():
        gone = sum(change.went for change in its)
        share = limits.share_new_year if school_id in limits.new_year else limits.share
        if gone > max(_FEW, share * total[school_id]):
            refused.append(f"{_school(connection, school_id)}: {gone} of {total[school_id]} ({_worst(its)})")
    if refused:
        raise DirectoryError(
            "the lists",
            None,
            f"too many members would leave lists: {'; '.join(sorted(refused))}. "
            "Look at it with --dry-run --force; do it with --force if it is right",
        )


def _school(connection: Connection, school_id: int) -> str:
    row = connection.execute(select(school.c.name, school.c.uai).where(school.c.school_id == school_id)).one()
    return f"{row.name} ({row.uai})"


def _worst(changes: list[ListChange]) -> str:
    most = sorted(changes, key=lambda change: (-change.went, change.address))
    named = [f"{change.address} {change.went} of {change.before}" for change in most[:_NAMED]]
    return ", ".join([*named, *(["…"] if len(most) > _NAMED else [])])
