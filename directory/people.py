"""People of the directory: who came, changed, left, came back; one stable address each."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union,
    update,
)

from directory import former, reserved
from directory.identity import accounts
from directory.list_schema import list_alias
from directory.model import DirectoryError
from directory.report import ImportReport, Kind
from directory.schema import (
    ACTIVE,
    LEFT,
    LOCAL,
    Id,
    address,
    enrolment,
    list_,
    person,
    person_source,
    school,
    staff_function,
)
from directory.settings import ImportSettings
from directory.sql import insert_ignoring
from directory.staging import people, temporary

_FIELDS = ("sn", "given", "title", "display", "profile", "sdet")
_ROWS = 10_000
_ROUNDS = 50
_FEW = 5
"""Departures that are never too many, so that a school of three people can lose one."""

touched = temporary("stage_touched", Column("person_id", Id, nullable=False))
"""People of whom anything changed."""
_moved = temporary("stage_moved", Column("person_id", Id, primary_key=True, autoincrement=False))
"""People who came, left or came back."""
_homeless = temporary(
    "stage_homeless",
    Column("person_id", Id, primary_key=True, autoincrement=False),
    Column("base", Text, nullable=False, index=True),
    Column("size", Id, nullable=False),
    Column("source_id", Text, nullable=False),
)
"""People who have no address yet, with what orders homonyms: the number of the record."""


def mine(settings: ImportSettings) -> Select[tuple[int]]:
    """The people of the academy being imported."""
    return select(person.c.person_id).where(_mine(settings))


def _mine(settings: ImportSettings) -> ColumnElement[bool]:
    return and_(person.c.source != LOCAL, person.c.academy == settings.academy)


def _present() -> ColumnElement[bool]:
    return exists().where(accounts.c.person_id == person.c.person_id)


def check_departures(connection: Connection, settings: ImportSettings) -> None:
    """Refuse a set that lacks too many pupils and staff of some school: absence is the deletion.

    Raises:
        DirectoryError: with the schools and shares.
    """
    if settings.force:
        return
    attached = union(
        select(enrolment.c.school_id, enrolment.c.person_id),
        select(staff_function.c.school_id, staff_function.c.person_id),
    ).subquery()
    missing = func.sum(case((_present(), 0), else_=1))
    rows = connection.execute(
        select(school.c.uai, school.c.name, school.c.school_year, missing, func.count())
        .select_from(attached)
        .join(school, school.c.school_id == attached.c.school_id)
        .join(person, person.c.person_id == attached.c.person_id)
        .where(_mine(settings), person.c.state == ACTIVE)
        .group_by(school.c.uai, school.c.name, school.c.school_year)
    )
    refused = []
    for uai, name, year, gone, total in rows:
        new_year = settings.school_year > year
        allowed = settings.max_departures_new_year if new_year else settings.max_departures
        if gone > max(_FEW, allowed * total):
            refused.append(f"{name} ({uai}): {gone} of {total}")
    if refused:
        raise DirectoryError(
            "the set",
            None,
            "too many pupils and staff are missing, so it may be incomplete: "
            f"{'; '.join(sorted(refused))}. Check it; import it with force if it is right",
        )


def sync_people(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Add, change, suspend and bring back people; give addresses to those who have none."""
    gone = and_(_mine(settings), person.c.state == ACTIVE, ~_present())
    back = and_(_mine(settings), person.c.state == LEFT, _present())
    _note(connection, select(person.c.person_id, person.c.profile).where(gone), report.left, report.left_ids)
    _note(connection, select(person.c.person_id, person.c.profile).where(back), report.returned, report.returned_ids)
    connection.execute(insert(_moved).from_select(["person_id"], select(person.c.person_id).where(or_(gone, back))))
    turned = select(_moved.c.person_id).join(person, person.c.person_id == _moved.c.person_id)
    if report.left_ids:
        former.note(connection, turned.where(person.c.state == ACTIVE))
    if report.returned_ids:
        former.forget(connection, turned.where(person.c.state == LEFT))
    connection.execute(update(person).where(gone).values(state=LEFT, left_at=settings.today))
    connection.execute(update(person).where(back).values(state=ACTIVE, left_at=None))
    _change(connection, report)
    new = (
        select(accounts.c.person_id, people)
        .join(people, people.c.seq == accounts.c.seq)
        .where(~exists().where(person.c.person_id == accounts.c.person_id))
        .subquery()
    )
    _note(connection, select(new.c.person_id, new.c.profile), report.added, report.added_ids)
    connection.execute(insert(_moved).from_select(["person_id"], select(new.c.person_id)))
    _insert(connection, settings)
    _give_addresses(connection, settings, report)


def _change(connection: Connection, report: ImportReport) -> None:
    leader = people.join(accounts, accounts.c.seq == people.c.seq)
    differs = or_(*(person.c[name] != people.c[name] for name in _FIELDS))
    changed = (
        select(person.c.person_id).join_from(leader, person, person.c.person_id == accounts.c.person_id).where(differs)
    )
    connection.execute(insert(touched).from_select(["person_id"], changed))
    renamed = changed.add_columns(
        person.c.source_id, person.c.display.label("old"), people.c.display.label("new")
    ).where(person.c.display != people.c.display)
    for row in connection.execute(renamed):
        why = "the address stays"
        report.found(Kind.RENAMED, f"{row.source_id} {row.new}", f"was {row.old}", why)
    connection.execute(
        update(person)
        .where(accounts.c.person_id == person.c.person_id, people.c.seq == accounts.c.seq)
        .where(or_(differs, person.c.said_by != people.c.source))
        .values(**{name: people.c[name] for name in _FIELDS}, said_by=people.c.source)
    )


def _insert(connection: Connection, settings: ImportSettings) -> None:
    leaders = select(
        accounts.c.person_id,
        people.c.space,
        literal(settings.academy, Text),
        people.c.source_id,
        *(people.c[name] for name in _FIELDS),
        literal(ACTIVE, Text),
        people.c.source,
    ).join(people, people.c.seq == accounts.c.seq)
    connection.execute(
        insert(person).from_select(
            ["person_id", "source", "academy", "source_id", *_FIELDS, "state", "said_by"],
            leaders.where(~exists().where(person.c.person_id == accounts.c.person_id)),
        )
    )
    connection.execute(
        insert_ignoring(connection, person_source).from_select(
            ["source", "academy", "source_id", "person_id"],
            select(
                people.c.space,
                literal(settings.academy, Text),
                people.c.source_id,
                people.c.person_id,
            ).where(~people.c.known, people.c.person_id.in_(select(accounts.c.person_id))),
        )
    )


def _give_addresses(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """`given.surname`, homonyms numbered from 2 in order of record number; a taken address is passed over, and so is
    one that mail itself or the gateway needs.
    """
    end = f"@{settings.ent_domain.lower()}"
    connection.execute(
        insert(_homeless).from_select(
            ["person_id", "base", "size", "source_id"],
            select(
                accounts.c.person_id,
                people.c.local + literal(end, Text),
                func.length(people.c.source_id),
                people.c.source_id,
            )
            .join(people, people.c.seq == accounts.c.seq)
            .where(~exists().where(address.c.person_id == accounts.c.person_id)),
        )
    )
    needed = select(_homeless.c.source_id, _homeless.c.base).where(reserved.among(_homeless.c.base))
    for source_id, base in connection.execute(needed.order_by(_homeless.c.source_id)):
        report.found(Kind.TAKEN_ADDRESS, source_id, f"{base} is for mail itself or the gateway", "it gets a number")
    for round_ in range(_ROUNDS):
        _give(connection, settings, end, passed=round_)
        connection.execute(delete(_homeless).where(exists().where(address.c.person_id == _homeless.c.person_id)))
        if not connection.scalar(select(func.count()).select_from(_homeless)):
            return
    raise DirectoryError("the set", None, f"no free address found for some homonyms after {_ROUNDS} attempts")


def _give(connection: Connection, settings: ImportSettings, end: str, *, passed: int) -> None:
    last = (
        select(address.c.base, func.max(address.c.number).label("number"))
        .where(address.c.base.in_(select(_homeless.c.base)))
        .group_by(address.c.base)
        .subquery()
    )
    order = func.row_number().over(partition_by=_homeless.c.base, order_by=(_homeless.c.size, _homeless.c.source_id))
    numbered = (
        select(
            _homeless.c.person_id, _homeless.c.base, (func.coalesce(last.c.number, 0) + order + passed).label("number")
        )
        .select_from(_homeless)
        .outerjoin(last, last.c.base == _homeless.c.base)
        .subquery()
    )
    local = func.replace(numbered.c.base, end, "")
    spelt = case((numbered.c.number == 1, ""), else_=cast(numbered.c.number, Text))
    given = (local + spelt + literal(end, Text)).label("address")
    taken = or_(exists().where(list_.c.address == given), exists().where(list_alias.c.address == given))
    kept = reserved.among(given)
    connection.execute(
        insert_ignoring(connection, address).from_select(
            ["address", "person_id", "is_primary", "given_at", "base", "number"],
            select(
                given,
                numbered.c.person_id,
                true(),
                literal(settings.today, Date),
                numbered.c.base,
                numbered.c.number,
            ).where(~taken, ~kept),
        )
    )


def note_changes(connection: Connection, report: ImportReport) -> None:
    """Count the people of whom anything changed and who neither came, left nor came back."""
    changed = (
        select(person.c.person_id, person.c.profile)
        .where(person.c.person_id.in_(select(touched.c.person_id)))
        .where(person.c.person_id.not_in(select(_moved.c.person_id)))
    )
    _note(connection, changed, report.changed, report.changed_ids)


def _note(connection: Connection, rows: Select[Any], counts: Counter[str], ids: array[int]) -> None:
    """Count people (number, profile) by profile and keep their numbers, page by page."""
    key = rows.selected_columns.person_id
    last = 0
    while page := connection.execute(rows.where(key > last).order_by(key).limit(_ROWS)).all():
        for person_id, profile in page:
            counts[profile] += 1
            ids.append(person_id)
        last = page[-1].person_id
