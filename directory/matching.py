"""Records of several sources that are one person, in a staged set: by their keys, then relatives through pupils.

Surer keys come first. A key leads from a record to a person only where nothing speaks against it: no source has two
people of that key, and no surer key differs. People who have an account keep it: a match moves new records only.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Select,
    SmallInteger,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    union,
    update,
)

from directory.duplicates import UNNAMED
from directory.keys import WITHIN_SCHOOL
from directory.nomenclature import SELF_LINK
from directory.precedence import Group
from directory.report import ImportReport, Kind
from directory.schema import Id, person
from directory.staging import (
    analyse,
    functions,
    key_of,
    links,
    people,
    places,
    ranks,
    record_keys,
    school_keys,
    services,
    temporary,
)

_KINDS: Final = ("ine", "eleve", "born", "name")
"""Kinds of key, the surest first."""
_NAME: Final = _KINDS.index("name")
_TEACHERS: Final = ("ENS", "DOC")
_TITLE: Final = -1
_CONTACT: Final = len(_KINDS)
_CHILD: Final = _CONTACT + 1
"""Ranks of what tells relatives: a title only speaks against; a name beside the same pupil speaks for, with the same
mail or mobile numbers first.
"""

at = temporary(
    "stage_at",
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("school_id", Id, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
)
"""The schools of the records of pupils (`kind` pupil), teachers (teacher) and other staff (staff)."""
_marks = temporary(
    "stage_mark",
    Column("person_id", Id, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("known", Boolean, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("family", Text, nullable=False),
    Column("value", Text, nullable=False, index=True),
)
"""What tells a person of the set: equal values mean one person; two people with values of one family and none in common
are two. `place` is that of the source, `known` says that the person has an account.
"""
_shared = temporary(
    "stage_shared",
    Column("value", Text, primary_key=True),
    Column("person_id", Id, primary_key=True, autoincrement=False),
    Column("known", Boolean, nullable=False),
    Column("place", SmallInteger, nullable=False),
)
"""Values of one rank that two people or more have."""
_moves = temporary(
    "stage_move",
    Column("old_id", Id, primary_key=True, autoincrement=False),
    Column("new_id", Id, nullable=False),
    Column("known", Boolean, nullable=False),
)


def stage_schools_of_records(connection: Connection) -> None:
    """Fill `at`."""
    teaches = and_(people.c.kind == "staff", people.c.sdet.in_(_TEACHERS))
    kind = case((teaches, "teacher"), else_=people.c.kind)
    of_person = select(people.c.seq, school_keys.c.school_id, people.c.source, kind)
    said = [of_person.join(school_keys, key_of(people)).where(people.c.kind != "relative")]
    said += [
        of_person.join(table, table.c.seq == people.c.seq).join(school_keys, key_of(table))
        for table in (places, services, functions)
    ]
    connection.execute(insert(at).from_select(["seq", "school_id", "source", "kind"], union(*said)))
    analyse(connection, at)


def match(connection: Connection, report: ImportReport) -> None:
    """Give the records of pupils, then of staff and relatives, that are one person the same person."""
    _mark(connection)
    unclear: set[str] = set()
    for rank in range(len(_KINDS)):
        unclear |= _match(connection, rank)
    _mark_relatives(connection)
    for rank in (_CONTACT, _CHILD):
        unclear |= _match(connection, rank)
    _tell(connection, unclear, report)


def _mark(connection: Connection) -> None:
    rank = case({kind: number for number, kind in enumerate(_KINDS)}, value=record_keys.c.kind, else_=_CHILD + 1)
    family = people.c.kind + "/" + record_keys.c.kind
    here = family + "/" + cast(at.c.school_id, Text)
    alone = record_keys.c.kind.not_in(WITHIN_SCHOOL)
    everywhere = _marks_of(rank, family, family + "/" + record_keys.c.key).where(alone)
    within = _marks_of(rank, here, here + "/" + record_keys.c.key).join(at, at.c.seq == people.c.seq).where(~alone)
    _insert_marks(connection, everywhere, within)


def _marks_of(rank: ColumnElement[int], family: ColumnElement[str], value: ColumnElement[str]) -> Select[Any]:
    return _of_person(rank, family, value).join(record_keys, record_keys.c.seq == people.c.seq)


def _of_person(rank: ColumnElement[int], family: ColumnElement[str], value: ColumnElement[str]) -> Select[Any]:
    known = exists().where(person.c.person_id == people.c.person_id)
    return (
        select(people.c.person_id, people.c.source, ranks.c.place, known.label("known"), rank.label("rank"))
        .add_columns(family.label("family"), value.label("value"))
        .select_from(people)
        .join(ranks, and_(ranks.c.source == people.c.source, ranks.c.grp == Group.IDENTITY))
    )


def _insert_marks(connection: Connection, *rows: Select[Any]) -> None:
    for some in rows:
        connection.execute(insert(_marks).from_select(list(_marks.c.keys()), some.distinct()))
    analyse(connection, _marks)


def _mark_relatives(connection: Connection) -> None:
    """Relatives of pupils that two sources have: the name beside the pupil, alone and with mail or mobile numbers, and
    whether man or woman.
    """
    pupil = people.alias("pupil")
    twice = (
        select(people.c.person_id)
        .where(people.c.kind == "pupil")
        .group_by(people.c.person_id)
        .having(func.count(people.c.source.distinct()) > 1)
    )
    beside = literal("relative/", Text) + cast(pupil.c.person_id, Text)
    name = beside + "/" + people.c.local

    def named(rank: int, family: ColumnElement[str], value: ColumnElement[str]) -> Select[Any]:
        return (
            _of_person(literal(rank), family, value)
            .join(links, and_(links.c.source == people.c.source, links.c.relative == people.c.ref))
            .join(pupil, pupil.c.seq == links.c.seq)
            .where(people.c.kind == "relative", people.c.local != UNNAMED, links.c.link != SELF_LINK)
            .where(pupil.c.person_id.in_(twice))
        )

    contacts = []
    for contact in (people.c.mail, people.c.mobiles):
        reached = name + "/" + contact  # a family of its own: another address tells nothing
        contacts.append(named(_CONTACT, reached, reached).where(contact != ""))
    _insert_marks(connection, named(_CHILD, beside, name), *contacts)
    title = func.lower(people.c.title)
    man = case((title.in_(["m", "m."]), "man"), else_="woman")
    titled = _of_person(literal(_TITLE), literal("title", Text), literal("title/", Text) + man)
    told = select(_marks.c.person_id).where(_marks.c.rank == _CHILD)
    _insert_marks(connection, titled.where(title.like("m%"), people.c.person_id.in_(told)))


def _match(connection: Connection, rank: int) -> set[str]:
    """Match by one kind of value until nothing moves; give the values that are not clear."""
    unclear: set[str] = set()
    while True:
        _share(connection, rank)
        unclear |= _drop_unclear(connection, rank)
        if rank == _NAME:
            _bridge(connection)
            _drop_unclear(connection, rank)
        _lead(connection, alone=rank < _CONTACT)
        if not connection.execute(select(_moves.c.old_id).limit(1)).first():
            return unclear
        connection.execute(
            update(people).where(people.c.person_id == _moves.c.old_id).values(person_id=_moves.c.new_id)
        )
        connection.execute(
            update(_marks)
            .where(_marks.c.person_id == _moves.c.old_id)
            .values(person_id=_moves.c.new_id, known=_moves.c.known)
        )


def _share(connection: Connection, rank: int) -> None:
    connection.execute(delete(_shared))
    several = (
        select(_marks.c.value)
        .where(_marks.c.rank == rank)
        .group_by(_marks.c.value)
        .having(func.min(_marks.c.person_id) != func.max(_marks.c.person_id))
    )
    known = func.max(case((_marks.c.known, 1), else_=0)) == 1
    rows = select(_marks.c.value, _marks.c.person_id, known, func.min(_marks.c.place))
    grouped = rows.where(_marks.c.value.in_(several)).group_by(_marks.c.value, _marks.c.person_id)
    connection.execute(insert(_shared).from_select(list(_shared.c.keys()), grouped))
    analyse(connection, _shared)


def _bridge(connection: Connection) -> None:
    """Whom one person clearly shares names with, at two schools or in two sources, are one person too: they share a
    value of their own, so that what tells them apart is looked at.
    """
    one, other = _shared.alias("one"), _shared.alias("other")
    pairs = (
        select(
            one.c.person_id.label("bridge"), other.c.person_id, other.c.known, func.min(other.c.place).label("place")
        )
        .join(other, and_(other.c.value == one.c.value, other.c.person_id != one.c.person_id))
        .where(~one.c.known)
        .group_by(one.c.person_id, other.c.person_id, other.c.known)
        .subquery("pair")
    )
    several = select(pairs.c.bridge).group_by(pairs.c.bridge).having(func.count() > 1)
    value = literal("bridge/", Text) + cast(pairs.c.bridge, Text)
    rows = select(value, pairs.c.person_id, pairs.c.known, pairs.c.place).where(pairs.c.bridge.in_(several))
    connection.execute(insert(_shared).from_select(list(_shared.c.keys()), rows))


def _drop_unclear(connection: Connection, rank: int) -> set[str]:
    """Take out the values of two people of one source, and of people whom something surer tells apart."""
    one, other = _shared.alias("one"), _shared.alias("other")
    mine, theirs = _marks.alias("mine"), _marks.alias("theirs")
    both = and_(mine.c.person_id == one.c.person_id, theirs.c.person_id == other.c.person_id)
    of_one_source = [both, mine.c.source == theirs.c.source]
    if rank >= _CONTACT:  # one source may have entered a relative of two pupils twice
        of_one_source += [mine.c.value == one.c.value, theirs.c.value == one.c.value]
    common, same = _marks.alias("common"), _marks.alias("same")
    agree = (
        exists()
        .where(common.c.person_id == one.c.person_id, common.c.family == mine.c.family)
        .where(same.c.person_id == other.c.person_id, same.c.value == common.c.value)
        .correlate(one, other, mine)
    )
    differ = exists().where(both, mine.c.family == theirs.c.family, mine.c.rank < rank, not_(agree))
    pairs = (
        select(one.c.value)
        .join(other, and_(other.c.value == one.c.value, other.c.person_id > one.c.person_id))
        .where(or_(exists().where(*of_one_source).correlate(one, other), differ.correlate(one, other)))
        .distinct()
    )
    unclear = set(connection.scalars(pairs))
    if unclear:
        connection.execute(delete(_shared).where(_shared.c.value.in_(pairs)))
    return unclear


def _lead(connection: Connection, *, alone: bool) -> None:
    """Who becomes whom: new people become the one of their value who has an account, else the best source's. With
    `alone`, who could become two stays as is.
    """
    connection.execute(delete(_moves))
    first = (
        select(
            _shared.c.value,
            _shared.c.person_id,
            _shared.c.known,
            _shared.c.place,
            func.row_number()
            .over(partition_by=_shared.c.value, order_by=(_shared.c.known.desc(), _shared.c.place, _shared.c.person_id))
            .label("number"),
        )
    ).subquery("first")
    record = people.alias("record")
    order = (first.c.known.desc(), first.c.place, func.length(record.c.source_id), record.c.source_id)
    chosen = (
        select(
            _shared.c.person_id.label("old_id"),
            first.c.person_id.label("new_id"),
            first.c.known,
            func.row_number().over(partition_by=_shared.c.person_id, order_by=order).label("number"),
        )
        .join(first, and_(first.c.value == _shared.c.value, first.c.number == 1))
        .outerjoin(record, record.c.person_id == first.c.person_id)
        .where(~_shared.c.known, first.c.person_id != _shared.c.person_id)
    ).subquery("chosen")
    rows = select(chosen.c.old_id, chosen.c.new_id, chosen.c.known).where(chosen.c.number == 1)
    if alone:
        several = (
            select(chosen.c.old_id)
            .group_by(chosen.c.old_id)
            .having(func.min(chosen.c.new_id) != func.max(chosen.c.new_id))
        )
        rows = rows.where(chosen.c.old_id.not_in(several))
    connection.execute(insert(_moves).from_select(["old_id", "new_id", "known"], rows))
    waits = select(_moves.c.old_id)
    connection.execute(delete(_moves).where(_moves.c.new_id.in_(waits)))


def _tell(connection: Connection, unclear: set[str], report: ImportReport) -> None:
    """Report what could have been one person, were it clear."""
    sources: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for value in sorted(unclear):
        rows = connection.execute(
            select(_marks.c.person_id, people.c.source)
            .join(people, people.c.person_id == _marks.c.person_id)
            .where(_marks.c.value == value)
            .distinct()
        )
        for person_id, source in rows:
            sources[value][person_id].add(source)
    told: set[tuple[int, ...]] = set()
    for held in sources.values():
        group = tuple(sorted(held))
        if group in told or not any(held[one].isdisjoint(held[other]) for one, other in combinations(held, 2)):
            continue
        told.add(group)
        records = connection.execute(
            select(people.c.display, people.c.source, people.c.source_id)
            .where(people.c.person_id.in_(group))
            .order_by(people.c.source, people.c.source_id)
        ).all()
        what = ", ".join(f"{row.source_id} ({row.source})" for row in records)
        why = "the sources do not tell who is who: each was taken for another person"
        report.found(Kind.UNCLEAR_PERSON, records[0].display, what, why)
