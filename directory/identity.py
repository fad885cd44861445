"""Who is who in a staged set: records of known people, records of one person entered twice, who gets an account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from sqlalchemy import Column, Connection, and_, bindparam, case, exists, func, insert, select, update

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

UNNAMED = "x"


def identify(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Give every record its person, and fill `accounts`."""
    connection.execute(
        update(people)
        .where(
            person_source.c.source == settings.source,
            person_source.c.academy == settings.academy,
            person_source.c.source_id == people.c.source_id,
        )
        .values(person_id=person_source.c.person_id, known=True)
    )
    _merge_duplicates(connection, report)
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
    own = case((person.c.source_id == people.c.source_id, 0), else_=1)
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


@dataclass(frozen=True, slots=True)
class _Relative:
    """A related person among others of the same folded name."""

    seq: int
    source_id: str
    person_id: int
    known: bool
    local: str
    title: str
    display: str
    mail: str
    mobiles: str
    postal: str

    def evidence(self, other: _Relative) -> list[str]:
        """What shows that both records are one person: mail, mobile."""
        mobile = set(self.mobiles.split()) & set(other.mobiles.split())
        return [name for name, same in (("mail", self.mail and self.mail == other.mail), ("mobile", mobile)) if same]

    def contradicts(self, other: _Relative) -> bool:
        """Whether the titles differ, or more of mail, mobile and postal address differs than agrees.

        A wrong merge shows one family's messages to another; a missed one only leaves two accounts.
        """
        if self.title and other.title and _woman(self.title) != _woman(other.title):
            return True
        known = sum(bool(mine and theirs) for mine, theirs in self._beside(other))
        agreeing = len(self.evidence(other)) + bool(self.postal and self.postal == other.postal)
        return known > 2 * agreeing

    def _beside(self, other: _Relative) -> tuple[tuple[str, str], ...]:
        return (self.mail, other.mail), (self.mobiles, other.mobiles), (self.postal, other.postal)


def _woman(title: str) -> bool:
    return title.lower().startswith("m") and title.lower().rstrip(".") != "m"


def _merge_duplicates(connection: Connection, report: ImportReport) -> None:
    """One person entered twice, for two children: same folded name and same mail or mobile. On the name and postal
    address alone a merge is only proposed; people of different kinds are never merged.
    """
    repeated = (
        select(people.c.local)
        .where(people.c.kind == "relative", people.c.local != UNNAMED)
        .group_by(people.c.local)
        .having(func.count() > 1)
    )
    rows = connection.execute(
        select(*(people.c[name] for name in _Relative.__slots__))
        .where(people.c.kind == "relative", people.c.local.in_(repeated))
        .order_by(people.c.local, func.length(people.c.source_id), people.c.source_id)
    )
    moves = [
        {"record": seq, "target": target}
        for _, homonyms in groupby((_Relative(*row) for row in rows), key=lambda one: one.local)
        for seq, target in _merges(list(homonyms), report)
    ]
    if moves:
        connection.execute(
            update(people).where(people.c.seq == bindparam("record")).values(person_id=bindparam("target")), moves
        )


def _merges(homonyms: Sequence[_Relative], report: ImportReport) -> Iterator[tuple[int, int]]:
    """Record and new person of each record to be merged; what is only likely is reported."""
    evidence: dict[int, str] = {}
    for records in _same_people(homonyms, evidence, report):
        keep = next((one for one in records if one.known), records[0])
        for one in records:
            if one is keep:
                continue
            if one.known and one.person_id != keep.person_id:
                _propose(report, keep, one, "both have an account already")
                continue
            what = f"{one.source_id} is {keep.source_id}"
            why = f"same name, {evidence.get(one.seq, 'as before')}"
            report.found(Kind.MERGED_DUPLICATE, f"{keep.source_id} {keep.display}", what, why)
            if one.person_id != keep.person_id:
                yield one.seq, keep.person_id


def _same_people(
    homonyms: Sequence[_Relative], evidence: dict[int, str], report: ImportReport
) -> Iterable[list[_Relative]]:
    """Records that agree, together, in the order given; `evidence` tells by what the later ones agree."""
    same: dict[int, int] = {one.seq: one.seq for one in homonyms}

    def root(seq: int) -> int:
        while same[seq] != seq:
            seq = same[seq]
        return seq

    for one, other in combinations(homonyms, 2):
        shown = one.evidence(other)
        if shown and not one.contradicts(other):
            evidence.setdefault(other.seq, f"same {shown[0]}")
            same[root(other.seq)] = root(one.seq)
        elif one.person_id != other.person_id and (shown or (one.postal and one.postal == other.postal)):
            _propose(report, one, other, f"same name and {shown[0] if shown else 'postal address'}")
    together: dict[int, list[_Relative]] = {}
    for one in homonyms:
        together.setdefault(root(one.seq), []).append(one)
    return together.values()


def _propose(report: ImportReport, one: _Relative, other: _Relative, why: str) -> None:
    what = f"{one.source_id} and {other.source_id} may be one person"
    report.found(Kind.POSSIBLE_DUPLICATE, f"{one.source_id} {one.display}", what, f"{why}; not merged")
