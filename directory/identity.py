"""Who is who in a staged set: records of known people, records of one person entered twice, who gets an account."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)

from directory.combining import combine, find_cover
from directory.differences import find_differences, forget_differences
from directory.duplicates import merge_duplicates
from directory.matching import match, stage_schools_of_records
from directory.nomenclature import IN_CHARGE, LEGAL_GUARDIAN, SELF_LINK
from directory.precedence import Group
from directory.report import ImportReport, Kind
from directory.schema import Id, person, person_source
from directory.settings import ImportSettings
from directory.staging import analyse, functions, links, people, ranks, temporary

accounts = temporary(
    "stage_account",
    Column("person_id", Id, primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False, unique=True),
)
"""People of this set who have an account, each with the record that gives name and profile."""

_best = {
    number: temporary(
        f"stage_best_{number}",
        Column("person_id", Id, primary_key=True, autoincrement=False),
        *(Column(f"said_{place}", Text, nullable=False) for place in range(number)),
    )
    for number in (1, 2)
}
"""What the best source says of people, one or two texts."""


def identify(connection: Connection, settings: ImportSettings, report: ImportReport, *, several: bool) -> None:
    """Give every record its person, of `several` sources where there are; leave what the best source says; fill
    `accounts`.
    """
    connection.execute(
        update(people)
        .where(
            person_source.c.source == people.c.space,
            person_source.c.academy == settings.academy,
            person_source.c.source_id == people.c.source_id,
        )
        .values(person_id=person_source.c.person_id, known=True)
    )
    _same_reference(connection)
    if several:
        _same_number(connection)
        stage_schools_of_records(connection)
        match(connection, report)
        find_cover(connection)
        find_differences(connection, settings, report)
        combine(connection)
    else:
        forget_differences(connection, settings)
    merge_duplicates(connection, settings, report)
    _choose_relatives(connection)
    _choose_leaders(connection)
    if several:
        _complete_leaders(connection)
    _count_without_account(connection, report)
    analyse(connection, people, accounts)


def _same_number(connection: Connection) -> None:
    """New records with one number of one space are one person, whichever source says it."""
    same = (
        select(people.c.space, people.c.source_id, func.min(people.c.person_id).label("person_id"))
        .where(~people.c.known)
        .group_by(people.c.space, people.c.source_id)
        .having(func.count() > 1)
        .subquery()
    )
    connection.execute(
        update(people)
        .where(people.c.space == same.c.space, people.c.source_id == same.c.source_id)
        .values(person_id=same.c.person_id)
    )


def _same_reference(connection: Connection) -> None:
    """Related persons of one source whom its links call by one name are one, who is the one that is known; of two who
    are known each stays.
    """
    of_several = and_(people.c.kind == "relative", people.c.ref != "")
    called = people.alias("called")
    other = select(called.c.source, called.c.ref).where(called.c.kind == "relative", called.c.ref != called.c.source_id)
    alike = tuple_(people.c.source, people.c.ref).in_(other)
    known = func.min(case((people.c.known, people.c.person_id)))
    same = (
        select(people.c.source, people.c.ref, func.coalesce(known, func.min(people.c.person_id)).label("person_id"))
        .where(of_several, alike)
        .group_by(people.c.source, people.c.ref)
        .having(func.count() > 1)
        .subquery()
    )
    of_same = and_(people.c.source == same.c.source, people.c.ref == same.c.ref)
    connection.execute(update(people).where(of_several, of_same, ~people.c.known).values(person_id=same.c.person_id))
    first = (
        select(people.c.source, people.c.ref, people.c.person_id, func.min(people.c.seq).label("seq"))
        .where(of_several, alike)
        .group_by(people.c.source, people.c.ref, people.c.person_id)
        .having(func.count() > 1)
        .subquery()
    )
    of_first = and_(
        people.c.source == first.c.source, people.c.ref == first.c.ref, people.c.person_id == first.c.person_id
    )
    connection.execute(update(people).where(of_several, of_first, people.c.seq > first.c.seq).values(second=True))


def _choose_relatives(connection: Connection) -> None:
    """A related person has an account when some pupil names him or her as legal guardian (not as self)."""
    names = and_(links.c.source == people.c.source, links.c.relative == people.c.ref)
    guardians = (
        select(people.c.person_id)
        .join(links, names)
        .where(people.c.kind == "relative", links.c.legal == LEGAL_GUARDIAN, links.c.link != SELF_LINK)
    )
    connection.execute(
        update(people).where(people.c.kind == "relative", people.c.person_id.in_(guardians)).values(wanted=True)
    )


def _choose_leaders(connection: Connection) -> None:
    """The record of the best source for names leads; of its records the person's own one, else the lowest number."""
    record = and_(person.c.source == people.c.space, person.c.source_id == people.c.source_id)
    own = case((record, 0), else_=1)
    nameless = case((people.c.sn == "", 1), else_=0)
    ranked = (
        select(
            people.c.person_id,
            people.c.seq,
            func.row_number()
            .over(
                partition_by=people.c.person_id,
                order_by=(nameless, ranks.c.place, own, func.length(people.c.source_id), people.c.source_id),
            )
            .label("rank"),
        )
        .select_from(people)
        .join(ranks, and_(ranks.c.source == people.c.source, ranks.c.grp == Group.NAMES))
        .outerjoin(person, person.c.person_id == people.c.person_id)
        .where(people.c.wanted)
        .subquery()
    )
    connection.execute(
        insert(accounts).from_select(
            ["person_id", "seq"], select(ranked.c.person_id, ranked.c.seq).where(ranked.c.rank == 1)
        )
    )


def _complete_leaders(connection: Connection) -> None:
    """A title from the first source that has one; what staff are from the source that says their functions."""
    _take(connection, _first(Group.NAMES, people.c.title).where(people.c.title != ""), people.c.title == "")
    works = case((exists().where(functions.c.seq == people.c.seq), 0), else_=1)
    does = _first(Group.FUNCTIONS, people.c.profile, people.c.sdet, before=works)
    _take(connection, does.where(people.c.kind == "staff"), people.c.kind == "staff")


def _take(connection: Connection, rows: Select[Any], where: ColumnElement[bool]) -> None:
    """Give the leading records what the first of these rows of their person says."""
    found = rows.subquery()
    columns = [column for column in found.c if column.name in ("title", "profile", "sdet")]
    best = _best[len(columns)]
    told = [column for column in best.c if column.name != "person_id"]
    connection.execute(delete(best))
    connection.execute(
        insert(best).from_select(best.c.keys(), select(found.c.person_id, *columns).where(found.c.number == 1))
    )
    analyse(connection, best)
    connection.execute(
        update(people)
        .where(people.c.person_id == best.c.person_id, people.c.seq.in_(select(accounts.c.seq)), where)
        .values({column.name: said for column, said in zip(columns, told, strict=True)})
    )


def _first(group: Group, *columns: Column[str], before: ColumnElement[int] | None = None) -> Select[Any]:
    """Records of people numbered from the best source of a group on."""
    order = (*([] if before is None else [before]), ranks.c.place, func.length(people.c.source_id), people.c.source_id)
    number = func.row_number().over(partition_by=people.c.person_id, order_by=order)
    of_group = and_(ranks.c.source == people.c.source, ranks.c.grp == group)
    return select(people.c.person_id, *columns, number.label("number")).join(ranks, of_group)


def _count_without_account(connection: Connection, report: ImportReport) -> None:
    names = and_(links.c.source == people.c.source, links.c.relative == people.c.ref)
    per_person = (
        select(
            case(
                (func.count(links.c.seq) == 0, "no child"),
                (func.max(case((links.c.link == SELF_LINK, 1), else_=0)) == 1, "self"),
                (func.max(case((links.c.legal == IN_CHARGE, 1), else_=0)) == 1, "person in charge"),
                else_="contact",
            ).label("reason")
        )
        .select_from(people)
        .outerjoin(links, names)
        .where(people.c.kind == "relative", ~people.c.wanted)
        .group_by(people.c.person_id)
        .subquery()
    )
    for reason, count in connection.execute(select(per_person.c.reason, func.count()).group_by(per_person.c.reason)):
        report.without_account[reason] += count
    unknown = select(func.count()).where(~exists().where(people.c.kind == "relative", names))
    if missing := connection.scalar(unknown.select_from(links)):
        report.found(
            Kind.UNKNOWN_RELATIVE, "the set", f"{missing} family links", "they name related persons that are not in it"
        )
