"""Last year's lists: who was on them, and which list stands in the place of one that is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Select, and_, delete, func, insert, literal, or_, select

from directory.list_definitions import find
from directory.list_graph import ListError
from directory.report import ImportReport
from directory.schema import address, class_member, list_, list_member, person, school
from directory.school_year import year_label
from directory.sql import lock
from directory.year_schema import past_list, past_member
from mailgate import list_archives
from mailgate.config import Directory
from mailgate.policy.audit import record

_OF_PUPILS = "eleves"


class Member(NamedTuple):
    """Somebody who was on a list."""

    name: str
    profile: str
    address: str


def keep(connection: Connection, academy: str, year: int) -> frozenset[int]:
    """Keep who is on the lists of an academy now, as those of that school year, and nothing of other years; the lists
    that are in use now.
    """
    forget(connection, academy)
    own = list_.c.list_id.in_(_lists(academy))
    rows = select(literal(year), list_member.c.list_id, list_member.c.person_id).join(
        list_, list_.c.list_id == list_member.c.list_id
    )
    connection.execute(
        insert(past_member).from_select(["school_year", "list_id", "person_id"], rows.where(own, list_.c.active))
    )
    return frozenset(connection.scalars(select(list_.c.list_id).where(own, list_.c.active)))


def note_gone(connection: Connection, year: int, before: Collection[int]) -> int:
    """Note which of the lists that were in use are not any more, each with the one in its place; how many they are."""
    gone = connection.execute(
        select(list_.c.list_id, list_.c.kind, list_.c.audience, list_.c.target_id).where(~list_.c.active)
    ).all()
    followed = _followed(connection, year)
    in_place = {
        (target, audience): list_id
        for list_id, target, audience in connection.execute(
            select(list_.c.list_id, list_.c.target_id, list_.c.audience).where(list_.c.kind == "class", list_.c.active)
        )
    }
    rows = [
        {
            "school_year": year,
            "list_id": row.list_id,
            "successor_id": in_place.get((followed.get(row.target_id, 0), row.audience))
            if row.kind == "class"
            else None,
        }
        for row in gone
        if row.list_id in before
    ]
    if rows:
        connection.execute(insert(past_list), rows)
    return len(rows)


def forget(connection: Connection, academy: str) -> None:
    """Nothing of an earlier year is readable any more."""
    for table in (past_list, past_member):
        connection.execute(delete(table).where(table.c.list_id.in_(_lists(academy))))


def forget_over(connection: Connection, directory: Directory, today: date) -> int | None:
    """Forget last year's lists when their time is over; of which year they were."""
    of_academy = past_member.c.list_id.in_(_lists(directory.academy))
    year: int | None = connection.scalar(select(func.max(past_member.c.school_year)).where(of_academy))
    if year is None or today <= directory.last_day_of_lists(year):
        return None
    lock(connection)
    forget(connection, directory.academy)
    list_archives.follow_all(connection, ImportReport(dry_run=False))
    record(connection, "year forget", year_label(year))
    return year


def members(connection: Connection, year: int, address_: str) -> list[Member]:
    """Who was on a list in a school year that is over, by name.

    Raises:
        ListError: there is no such list, or nothing is kept of that year.
    """
    one = find(connection, address_)
    first = and_(address.c.person_id == person.c.person_id, address.c.is_primary)
    rows = (
        select(person.c.display, person.c.profile, address.c.address)
        .join(past_member, past_member.c.person_id == person.c.person_id)
        .join(address, first)
        .where(past_member.c.list_id == one.list_id, past_member.c.school_year == year)
        .order_by(person.c.sn, person.c.given, person.c.person_id)
    )
    found = [Member(*row) for row in connection.execute(rows)]
    if not found:
        raise ListError(f"nothing is kept of {one.address} in {year_label(year)}")
    return found


def _lists(academy: str) -> Select[tuple[int]]:
    schools = select(school.c.school_id).where(school.c.academy == academy)
    cites = select(school.c.cite_id).where(school.c.academy == academy)
    return select(list_.c.list_id).where(
        or_(list_.c.school_id.in_(schools), and_(list_.c.kind == "cite", list_.c.target_id.in_(cites)))
    )


def _followed(connection: Connection, year: int) -> dict[int, int]:
    """For each class of that year, the class in which most of its pupils are now, if half of those who stay are."""
    rows = (
        select(list_.c.target_id, class_member.c.class_id, func.count())
        .join(past_member, and_(past_member.c.list_id == list_.c.list_id, past_member.c.school_year == year))
        .join(class_member, class_member.c.person_id == past_member.c.person_id)
        .where(list_.c.kind == "class", list_.c.audience == _OF_PUPILS)
        .group_by(list_.c.target_id, class_member.c.class_id)
    )
    counts: dict[int, dict[int, int]] = defaultdict(dict)
    for target, now, pupils in connection.execute(rows):
        counts[target][now] = pupils
    best = {target: max(found, key=lambda one: (found[one], -one)) for target, found in counts.items()}
    return {target: now for target, now in best.items() if 2 * counts[target][now] >= sum(counts[target].values())}
