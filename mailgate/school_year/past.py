"""Last year's lists: who was on them, and which list stands in the place of one that is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Column, Connection, Select, and_, delete, func, insert, literal, or_, select

from directory.list_definitions import find
from directory.list_graph import ListError
from directory.names import slug
from directory.report import ImportReport
from directory.schema import address, class_member, enrolment, list_, list_member, person, school
from directory.school_year import year_label
from directory.sql import lock
from directory.year_schema import past_list, past_member
from mailgate import list_archives
from mailgate.config import Directory
from mailgate.policy.audit import record

_OF_PUPILS: Final = "eleves"
_FOLLOWED: Final = ("class", "group", "level", "discipline", "school")
"""Kinds of lists that another may stand in the place of."""


class Member(NamedTuple):
    """Somebody who was on a list."""

    name: str
    profile: str
    address: str


class _List(NamedTuple):
    list_id: int
    kind: str
    audience: str
    target_id: int
    school_id: int | None
    ref: str
    active: bool

    def place(self, class_id: int | None, school_id: int | None) -> tuple[object, ...]:
        """What it is a list of, in this class or in this school."""
        if self.kind == "class":
            return self.kind, self.audience, class_id
        return self.kind, self.audience, school_id, slug(self.ref).replace("-", "")


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
    """Note which of the lists that were in use are not any more, each with the one in its place; how many they are.

    In the place of a class's is that of the class in which most of its pupils are now; of any other, the one of the
    same kind and name, however written, in the school in which most pupils are now.
    """
    columns = (list_.c.list_id, list_.c.kind, list_.c.audience, list_.c.target_id, list_.c.school_id, list_.c.ref)
    rows = [_List(*row) for row in connection.execute(select(*columns, list_.c.active))]
    classes = _followed(connection, year)
    schools = _followed_schools(connection, year)
    in_place: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row in rows:
        if row.active and row.kind in _FOLLOWED:
            in_place[row.place(row.target_id, row.school_id)].append(row.list_id)
    noted: list[dict[str, int | None]] = []
    for row in rows:
        if not row.active and row.list_id in before:
            found = in_place.get(row.place(classes.get(row.target_id), schools.get(row.school_id or 0)), ())
            successor = found[0] if len(found) == 1 else None
            noted.append({"school_year": year, "list_id": row.list_id, "successor_id": successor})
    if noted:
        connection.execute(insert(past_list), noted)
    return len(noted)


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
    return _where_most_are(connection, year, "class", list_.c.target_id, class_member.c.class_id)


def _followed_schools(connection: Connection, year: int) -> dict[int, int]:
    """The same for schools."""
    return _where_most_are(connection, year, "school", list_.c.school_id, enrolment.c.school_id)


def _where_most_are(connection: Connection, year: int, kind: str, was: Column[int], now: Column[int]) -> dict[int, int]:
    rows = (
        select(was, now, func.count())
        .select_from(list_)
        .join(past_member, and_(past_member.c.list_id == list_.c.list_id, past_member.c.school_year == year))
        .join(now.table, now.table.c.person_id == past_member.c.person_id)
        .where(list_.c.kind == kind, list_.c.audience == _OF_PUPILS)
        .group_by(was, now)
    )
    counts: dict[int, dict[int, int]] = defaultdict(dict)
    for before, after, pupils in connection.execute(rows):
        counts[before][after] = pupils
    best = {before: max(found, key=lambda one: (found[one], -one)) for before, found in counts.items()}
    return {
        before: after for before, after in best.items() if 2 * counts[before][after] >= sum(counts[before].values())
    }
