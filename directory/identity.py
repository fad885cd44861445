"""Who is who in a staged set: records of known people, records of one person entered twice, who gets an account."""

from __future__ import annotations

from sqlalchemy import Column, Connection, and_, case, exists, func, insert, select, update

from directory.duplicates import merge_duplicates
from directory.nomenclature import IN_CHARGE, LEGAL_GUARDIAN, SELF_LINK
from directory.report import ImportReport, Kind
from directory.schema import Id, person, person_source
from directory.settings import ImportSettings
from directory.staging import analyse, links, people, temporary

accounts = temporary(
    "stage_account",
    Column("person_id", Id, primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False, unique=True),
)
"""People of this set who have an account, each with the record that gives name and profile."""


def identify(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Give every record its person, and fill `accounts`."""
    connection.execute(
        update(people)
        .where(
            person_source.c.source == people.c.space,
            person_source.c.academy == settings.academy,
            person_source.c.source_id == people.c.source_id,
        )
        .values(person_id=person_source.c.person_id, known=True)
    )
    merge_duplicates(connection, settings, report)
    _choose_relatives(connection)
    _choose_leaders(connection)
    _count_without_account(connection, report)
    analyse(connection, people, accounts)


def _choose_relatives(connection: Connection) -> None:
    """A related person has an account when some pupil names him or her as legal guardian (not as self)."""
    guardians = (
        select(people.c.person_id)
        .join(links, links.c.relative == people.c.ref)
        .where(people.c.kind == "relative", links.c.legal == LEGAL_GUARDIAN, links.c.link != SELF_LINK)
    )
    connection.execute(
        update(people).where(people.c.kind == "relative", people.c.person_id.in_(guardians)).values(wanted=True)
    )


def _choose_leaders(connection: Connection) -> None:
    """Of merged records the person's own one leads, else the lowest number."""
    record = and_(person.c.source == people.c.space, person.c.source_id == people.c.source_id)
    own = case((record, 0), else_=1)
    ranked = (
        select(
            people.c.person_id,
            people.c.seq,
            func.row_number()
            .over(
                partition_by=people.c.person_id,
                order_by=(own, func.length(people.c.source_id), people.c.source_id),
            )
            .label("rank"),
        )
        .select_from(people)
        .outerjoin(person, person.c.person_id == people.c.person_id)
        .where(people.c.wanted)
        .subquery()
    )
    connection.execute(
        insert(accounts).from_select(
            ["person_id", "seq"], select(ranked.c.person_id, ranked.c.seq).where(ranked.c.rank == 1)
        )
    )


def _count_without_account(connection: Connection, report: ImportReport) -> None:
    per_record = (
        select(
            case(
                (func.count(links.c.seq) == 0, "no child"),
                (func.max(case((links.c.link == SELF_LINK, 1), else_=0)) == 1, "self"),
                (func.max(case((links.c.legal == IN_CHARGE, 1), else_=0)) == 1, "person in charge"),
                else_="contact",
            ).label("reason")
        )
        .select_from(people)
        .outerjoin(links, links.c.relative == people.c.ref)
        .where(people.c.kind == "relative", ~people.c.wanted)
        .group_by(people.c.seq)
        .subquery()
    )
    for reason, count in connection.execute(select(per_record.c.reason, func.count()).group_by(per_record.c.reason)):
        report.without_account[reason] += count
    unknown = select(func.count()).where(
        ~exists().where(and_(people.c.kind == "relative", people.c.ref == links.c.relative))
    )
    if missing := connection.scalar(unknown.select_from(links)):
        report.found(
            Kind.UNKNOWN_RELATIVE, "the set", f"{missing} family links", "they name related persons that are not in it"
        )
