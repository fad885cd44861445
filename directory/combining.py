"""Of what several sources say, what is taken: for each group of attributes and each school, what the best says.

A source covers a school for a group when it says at least one such fact there. Of two records of one person each keeps
its number; the facts that a better source says instead are dropped before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    case,
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

from directory.matching import at
from directory.precedence import Group, best_first
from directory.schema import Id
from directory.settings import ImportSettings
from directory.source import Source
from directory.staging import (
    OF_PERSON,
    analyse,
    class_mefs,
    functions,
    group_classes,
    key_of,
    links,
    people,
    places,
    ranks,
    school_keys,
    services,
    structures,
    temporary,
)

PUPILS, TEACHERS, STAFF = "pupil", "teacher", "staff"
"""Kinds of people whose identity a source may cover a school for, beside the groups of `precedence`: a source that has
teachers alone says nothing of who else works there.
"""
_SERVICES: Final = {"class services": "class", "group services": "group"}
"""Of services a source may cover a school for classes alone: the teams of Scribe and LCS say nothing of groups."""

cover = temporary(
    "stage_cover",
    Column("grp", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("school_id", Id, primary_key=True, autoincrement=False),
    Column("best", Boolean, nullable=False),
)
"""Which source says anything of a group of attributes at a school, and whether it is the best that does."""
_named = temporary("stage_named", Column("seq", Id, primary_key=True, autoincrement=False))
"""Records of relatives whom some pupil's record names."""
_contact = temporary(
    "stage_contact",
    Column("person_id", Id, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("value", Text, nullable=False),
)
"""The best that is said of a relative, and who says it."""
_kept = temporary(
    "stage_kept",
    *(Column(name, Text, primary_key=True) for name in ("source", "school", "kind", "name")),
)
"""Classes and groups of a worse source that the best one does not know, and that a fact names which was taken."""
_dropped = temporary("stage_dropped", Column("seq", Id, primary_key=True, autoincrement=False))


def stage_ranks(connection: Connection, settings: ImportSettings, sources: Sequence[Source]) -> None:
    """The place of every source for every group."""
    rows = [
        {"grp": group.value, "source": source.name, "place": place}
        for group in Group
        for place, source in enumerate(best_first(sources, group, settings.precedence))
    ]
    connection.execute(insert(ranks), rows)


def find_cover(connection: Connection) -> None:
    """Fill `cover`, from all that the sources say."""
    of_places = {Group.CLASSES: "class", Group.GROUPS: "group", Group.HEADS: "head"}
    for group, role in of_places.items():
        _cover(connection, group, places, places.c.role == role)
    for group, table in ((Group.FUNCTIONS, functions), (Group.STRUCTURES, structures)):
        _cover(connection, group, table)
    for name, role in _SERVICES.items():
        said = select(services.c.source, school_keys.c.school_id).join(school_keys, key_of(services))
        _insert_cover(connection, name, Group.SERVICES, said.where(services.c.role == role))
    _cover(connection, Group.LINKS, people, people.c.seq.in_(select(links.c.seq)))
    for kind in (PUPILS, TEACHERS, STAFF):
        said = select(at.c.source, at.c.school_id).where(at.c.kind == kind)
        _insert_cover(connection, kind, Group.IDENTITY, said)
    analyse(connection, cover)


def _cover(connection: Connection, group: Group, table: Table, *where: ColumnElement[bool]) -> None:
    said = select(table.c.source, school_keys.c.school_id).join(school_keys, key_of(table)).where(*where)
    _insert_cover(connection, group, group, said)


def _insert_cover(connection: Connection, name: str, group: Group, said: Select[Any]) -> None:
    found = said.distinct().subquery()
    place = func.row_number().over(partition_by=found.c.school_id, order_by=ranks.c.place)
    rows = select(literal(name, Text), found, place == 1).join(
        ranks, and_(ranks.c.source == found.c.source, ranks.c.grp == group)
    )
    connection.execute(insert(cover).from_select(["grp", "source", "school_id", "best"], rows))


def combine(connection: Connection) -> None:
    """Leave the people who exist, and of what is said of them what the best source says."""
    connection.execute(insert(_dropped).from_select(["seq"], _pupils_elsewhere()))
    connection.execute(insert(_dropped).from_select(["seq"], _staff_of_nobody()))
    for table in (people, *OF_PERSON):
        connection.execute(delete(table).where(table.c.seq.in_(select(_dropped.c.seq))))
    connection.execute(insert(_named).from_select(["seq"], _relatives_named()))
    for group, table, where in (
        (Group.CLASSES, places, places.c.role == "class"),
        (Group.GROUPS, places, places.c.role == "group"),
        (Group.HEADS, places, places.c.role == "head"),
        *((name, services, services.c.role == role) for name, role in _SERVICES.items()),
        (Group.FUNCTIONS, functions, true()),
    ):
        connection.execute(delete(table).where(says_less(table, group), where))
    _combine_structures(connection)
    lost = select(people.c.seq).where(says_less(people, Group.LINKS))
    connection.execute(delete(links).where(links.c.seq.in_(lost)))
    _choose_records_of_relatives(connection)
    for name in ("mail", "mobiles", "postal"):
        _choose_contact(connection, people.c[name])
    analyse(connection, people, *OF_PERSON)


def _combine_structures(connection: Connection) -> None:
    """Leave what the best source says of classes and groups, and what another says of those that it alone has: who
    teaches a group is in the teams of the group's classes, whichever source names the group.
    """
    best = (
        select(school_keys.c.school_id, structures.c.kind, structures.c.name)
        .join(school_keys, key_of(structures))
        .join(cover, and_(cover.c.source == structures.c.source, cover.c.school_id == school_keys.c.school_id))
        .where(cover.c.grp == Group.STRUCTURES, cover.c.best)
        .distinct()
        .subquery("best")
    )
    of_places = case((places.c.role == "group", "group"), else_="class")
    named = union(
        select(services.c.source, services.c.school, services.c.role.label("kind"), services.c.name),
        select(places.c.source, places.c.school, of_places, places.c.name),
    ).subquery("named")
    same = and_(*(named.c[name] == structures.c[name] for name in ("source", "school", "kind", "name")))
    known = and_(
        best.c.school_id == school_keys.c.school_id,
        best.c.kind == structures.c.kind,
        best.c.name == structures.c.name,
    )
    rows = (
        select(structures.c.source, structures.c.school, structures.c.kind, structures.c.name)
        .join(school_keys, key_of(structures))
        .join(named, same)
        .outerjoin(best, known)
        .where(best.c.name.is_(None))
        .distinct()
    )
    connection.execute(insert(_kept).from_select(list(_kept.c.keys()), rows))
    for table, kind in (
        (structures, structures.c.kind),
        (class_mefs, literal("class", Text)),
        (group_classes, literal("group", Text)),
    ):
        kept = exists().where(
            _kept.c.source == table.c.source,
            _kept.c.school == table.c.school,
            _kept.c.kind == kind,
            _kept.c.name == table.c.name,
        )
        connection.execute(delete(table).where(says_less(table, Group.STRUCTURES), ~kept.correlate(table)))


def says_less(table: Table, group: str) -> ColumnElement[bool]:
    """Whether the source of a row is not the best for a group at the school of the row."""
    covers = and_(cover.c.source == school_keys.c.source, cover.c.school_id == school_keys.c.school_id)
    return (
        exists()
        .select_from(school_keys.join(cover, covers))
        .where(key_of(table), cover.c.grp == group, ~cover.c.best)
        .correlate(table)
    )


def _pupils_elsewhere() -> Select[Any]:
    """Records of pupils at schools where the best source does not have them."""
    same, there = people.alias("same"), at.alias("there")
    says_so = and_(cover.c.source == there.c.source, cover.c.school_id == there.c.school_id)
    known = (
        exists()
        .select_from(same.join(there, there.c.seq == same.c.seq).join(cover, says_so))
        .where(same.c.person_id == people.c.person_id, cover.c.grp == PUPILS, cover.c.best)
        .where(there.c.school_id == school_keys.c.school_id)
    )
    return (
        select(people.c.seq)
        .join(school_keys, key_of(people))
        .where(people.c.kind == PUPILS, says_less(people, PUPILS), ~known.correlate(people, school_keys))
    )


def _staff_of_nobody() -> Select[Any]:
    """Records of staff whom the best source has at none of their schools."""
    says_so = and_(cover.c.source == at.c.source, cover.c.school_id == at.c.school_id, cover.c.grp == at.c.kind)
    theirs = people.alias("theirs")
    exist = (
        select(theirs.c.person_id)
        .outerjoin(at, at.c.seq == theirs.c.seq)
        .outerjoin(cover, says_so)
        .where(theirs.c.kind == STAFF, or_(at.c.seq.is_(None), cover.c.best))
    )
    return select(people.c.seq).where(people.c.kind == STAFF, people.c.person_id.not_in(exist))


def _relatives_named() -> Select[Any]:
    named = exists().where(links.c.source == people.c.source, links.c.relative == people.c.ref)
    return select(people.c.seq).where(people.c.kind == "relative", named)


def _choose_records_of_relatives(connection: Connection) -> None:
    """Records that no pupil names any more are second to others of the person, or go."""
    still = _relatives_named().subquery()
    other = people.alias("other")
    person_named = select(other.c.person_id).where(other.c.seq.in_(select(still.c.seq)))
    unnamed = and_(
        people.c.kind == "relative",
        people.c.seq.in_(select(_named.c.seq)),
        people.c.seq.not_in(select(still.c.seq)),
    )
    connection.execute(delete(people).where(unnamed, people.c.person_id.not_in(person_named)))
    connection.execute(update(people).where(unnamed).values(second=True))


def _choose_contact(connection: Connection, column: Column[Any]) -> None:
    """Give the records of relatives of two sources or more what the best source has that has anything."""
    ranked = (
        select(
            people.c.person_id,
            people.c.source,
            column.label("value"),
            func.row_number()
            .over(
                partition_by=people.c.person_id,
                order_by=(ranks.c.place, func.length(people.c.source_id), people.c.source_id),
            )
            .label("number"),
        )
        .join(ranks, and_(ranks.c.source == people.c.source, ranks.c.grp == Group.CONTACT))
        .where(people.c.kind == "relative", column != "")
    ).subquery()
    connection.execute(delete(_contact))
    first = select(ranked.c.person_id, ranked.c.source, ranked.c.value).where(ranked.c.number == 1)
    connection.execute(insert(_contact).from_select(["person_id", "source", "value"], first))
    analyse(connection, _contact)
    best = _contact.c
    values = {column.name: best.value} | ({"mail_source": best.source} if column.name == "mail" else {})
    connection.execute(
        update(people)
        .where(people.c.person_id == best.person_id, people.c.kind == "relative", people.c.source != best.source)
        .values(values)
    )
