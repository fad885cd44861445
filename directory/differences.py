"""Where the sources of an academy say different things: written down by each import, for schools to put right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Select, Text, and_, delete, exists, func, insert, literal, or_, select, union

from directory.combining import PUPILS, TEACHERS, cover
from directory.matching import at
from directory.names import slug
from directory.precedence import Group
from directory.report import EXAMPLES, ImportReport, Kind
from directory.schema import Id, source_difference
from directory.settings import ImportSettings
from directory.staging import (
    functions,
    key_of,
    people,
    places,
    ranks,
    school_keys,
    services,
    structures,
    temporary,
)

ADVICE: Final = (
    "The number and the names of divisions and groups, and the names of teachers, must be identical, letter by letter, "
    "in all sources: correct the one that is wrong where it comes from."
)
"""What schools are told beside differences."""

CLASS, GROUP, TEACHER, PUPIL, NAME = "class", "group", "teacher", "pupil", "name"
"""Kinds of differences."""
_KIND: Final[Mapping[str, Kind]] = {
    CLASS: Kind.OTHER_STRUCTURES,
    GROUP: Kind.OTHER_STRUCTURES,
    TEACHER: Kind.OTHER_TEACHERS,
    PUPIL: Kind.OTHER_PUPILS,
    NAME: Kind.OTHER_NAME,
}
_WHY: Final[Mapping[str, str]] = {
    CLASS: "divisions must be identical in all sources",
    GROUP: "groups must be identical in all sources",
    TEACHER: "teachers must be identical in all sources",
    PUPIL: "the best source says who exists",
    NAME: "names must be identical in all sources",
}
_TEACHERS: Final = ("DOC", "ENS")
_COLUMNS: Final = ("academy", "uai", "kind", "what", "source", "other", "spelt")


class Difference(NamedTuple):
    """Something that one source says of a school and another does not; `spelt` is how the other writes it, if so."""

    uai: str
    kind: str
    what: str
    source: str
    other: str
    spelt: str

    def __str__(self) -> str:
        if self.spelt:
            return f"{self.what!r} in {self.source} is {self.spelt!r} in {self.other}"
        return f"{self.what} is in {self.source}, not in {self.other}"


_present = temporary(
    "stage_present",
    Column("kind", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("school_id", Id, primary_key=True, autoincrement=False),
    Column("person_id", Id, primary_key=True, autoincrement=False, index=True),
)
"""Pupils and teachers of schools, as each source has them."""

_schools = select(school_keys.c.school_id, school_keys.c.uai).distinct().subquery("schools")


def differences(connection: Connection, uai: str | None = None) -> list[Difference]:
    """What the last imports found, of all schools or of one (by UAI)."""
    table = source_difference.c
    rows = select(table.uai, table.kind, table.what, table.source, table.other, table.spelt)
    rows = rows.order_by(table.uai, table.kind, table.source, table.what, table.other)
    if uai is not None:
        rows = rows.where(table.uai == uai.strip().upper())
    return [Difference(*row) for row in connection.execute(rows)]


def forget_differences(connection: Connection, settings: ImportSettings) -> None:
    """Delete what earlier imports of the academy found."""
    connection.execute(delete(source_difference).where(source_difference.c.academy == settings.academy))


def find_differences(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Compare the staged records of all sources, once it is known who is who; write down and report what differs."""
    forget_differences(connection, settings)
    found = [
        {"academy": settings.academy, **one._asdict()}
        for kind, group in ((CLASS, Group.CLASSES), (GROUP, Group.GROUPS))
        for one in _structures(connection, kind, group)
    ]
    if found:
        connection.execute(insert(source_difference), found)
    for kind, rows in ((PUPIL, _pupils()), (TEACHER, _teachers())):
        connection.execute(insert(_present).from_select(["kind", "source", "school_id", "person_id"], rows))
        _write(connection, _missing(settings, kind))
    _write(connection, _names(settings))
    _tell(connection, settings, report)


def _write(connection: Connection, rows: Select[Any]) -> None:
    connection.execute(insert(source_difference).from_select(list(_COLUMNS), rows))


def _structures(connection: Connection, kind: str, group: Group) -> Iterator[Difference]:
    """Names of classes or groups that differ from those of the best source that tells them whole."""
    roles = ("class", "head") if kind == CLASS else (kind,)
    whole = [
        select(structures.c.source, structures.c.school, structures.c.name, literal(1)).where(
            structures.c.kind == kind
        ),
        select(places.c.source, places.c.school, places.c.name, literal(1)).where(places.c.role == kind),
    ]
    part = [
        select(places.c.source, places.c.school, places.c.name, literal(0)).where(places.c.role.in_(roles)),
        select(services.c.source, services.c.school, services.c.name, literal(0)).where(services.c.role == kind),
    ]
    named = union(*whole, *part).subquery()
    source, key, name, wholly = named.c
    rows = connection.execute(
        select(school_keys.c.uai, source, name, func.max(wholly))
        .join(school_keys, and_(school_keys.c.source == source, school_keys.c.key == key))
        .join(ranks, and_(ranks.c.source == source, ranks.c.grp == group))
        .group_by(school_keys.c.uai, source, name, ranks.c.place)
        .order_by(school_keys.c.uai, ranks.c.place, name)
    )
    for uai, of_school in groupby(rows, key=lambda row: row.uai):
        names: dict[str, set[str]] = defaultdict(set)
        tells: set[str] = set()
        for _, teller, spelt, all_ in of_school:
            names[teller].add(spelt)
            tells |= {teller} if all_ else set()
        best = next((one for one in names if one in tells), None)
        if best is None:
            continue
        for other, its in names.items():
            if other != best:
                yield from _compare(uai, kind, (best, names[best]), (other, its), both=other in tells)


def _compare(
    uai: str, kind: str, best: tuple[str, set[str]], other: tuple[str, set[str]], *, both: bool
) -> Iterator[Difference]:
    """What only one of two sources names; `both` says that the other tells all too."""
    missing = {slug(name): name for name in sorted(best[1] - other[1], reverse=True)}
    respelt = set()
    for name in sorted(other[1] - best[1]):
        same = missing.get(slug(name), "")
        respelt.add(same)
        yield Difference(uai, kind, name, other[0], best[0], same)
    if both:
        for name in sorted(best[1] - other[1] - respelt):
            yield Difference(uai, kind, name, best[0], other[0], "")


def _pupils() -> Select[Any]:
    return (
        select(literal(PUPIL, Text), at.c.source, at.c.school_id, people.c.person_id)
        .distinct()
        .join(people, people.c.seq == at.c.seq)
        .where(at.c.kind == PUPILS)
    )


def _teachers() -> Select[Any]:
    """Who teaches in a school, by function or service."""
    teaches = [
        select(services.c.seq, services.c.source, services.c.school),
        select(places.c.seq, places.c.source, places.c.school).where(places.c.role == "head"),
        select(functions.c.seq, functions.c.source, functions.c.school).where(functions.c.code.in_(_TEACHERS)),
    ]
    said = union(*teaches).subquery()
    return (
        select(literal(TEACHER, Text), said.c.source, school_keys.c.school_id, people.c.person_id)
        .distinct()
        .join(school_keys, key_of(said))
        .join(people, people.c.seq == said.c.seq)
    )


def _missing(settings: ImportSettings, kind: str) -> Select[Any]:
    """People whom the best source has at a school and another that covers it has not, or the other way round."""
    there = _present.alias("there")
    covering = select(_present.c.source, _present.c.school_id).where(_present.c.kind == kind).distinct().subquery()
    best = and_(
        cover.c.grp == (PUPILS if kind == PUPIL else TEACHERS), cover.c.best, cover.c.school_id == covering.c.school_id
    )
    has = exists().where(
        there.c.kind == kind,
        there.c.source == covering.c.source,
        there.c.school_id == covering.c.school_id,
        there.c.person_id == _present.c.person_id,
    )
    return (
        select(literal(settings.academy, Text), _schools.c.uai, literal(kind, Text))
        .add_columns(_who(), _present.c.source, covering.c.source, literal("", Text))
        .select_from(_present)
        .join(covering, and_(covering.c.school_id == _present.c.school_id, covering.c.source != _present.c.source))
        .join(cover, best)
        .join(people, and_(people.c.person_id == _present.c.person_id, people.c.source == _present.c.source))
        .join(_schools, _schools.c.school_id == _present.c.school_id)
        .where(_present.c.kind == kind, ~has)
        .where(or_(cover.c.source == _present.c.source, cover.c.source == covering.c.source))
        .distinct()
    )


def _who() -> Any:  # noqa: ANN401 - a column
    return (people.c.display + " (" + people.c.source_id + ")").label("who")


def _names(settings: ImportSettings) -> Select[Any]:
    """Names that the best source spells otherwise."""
    best, its_rank, rank = people.alias("best"), ranks.alias("its_rank"), ranks.alias("rank")
    spelt = people.alias("spelt")
    several = (
        select(spelt.c.person_id).group_by(spelt.c.person_id).having(func.min(spelt.c.local) != func.max(spelt.c.local))
    )
    return (
        select(literal(settings.academy, Text), _schools.c.uai, literal(NAME, Text))
        .add_columns(people.c.display, people.c.source, best.c.source, best.c.display)
        .select_from(people)
        .join(best, and_(best.c.person_id == people.c.person_id, best.c.source != people.c.source))
        .join(rank, and_(rank.c.source == people.c.source, rank.c.grp == Group.NAMES))
        .join(its_rank, and_(its_rank.c.source == best.c.source, its_rank.c.grp == Group.NAMES))
        .join(at, at.c.seq == people.c.seq)
        .join(_schools, _schools.c.school_id == at.c.school_id)
        .where(people.c.person_id.in_(several))
        .where(best.c.local != people.c.local, its_rank.c.place < rank.c.place)
        .distinct()
    )


def _tell(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    table = source_difference.c
    mine = table.academy == settings.academy
    counts = connection.execute(select(table.kind, func.count()).where(mine).group_by(table.kind).order_by(table.kind))
    for kind, count in counts.all():
        rows = select(table.uai, table.kind, table.what, table.source, table.other, table.spelt)
        some = rows.where(mine, table.kind == kind).order_by(table.uai, table.source, table.what).limit(EXAMPLES)
        told = [Difference(*row) for row in connection.execute(some)]
        for one in told:
            report.found(_KIND[kind], one.uai, str(one), _WHY[kind])
        report.suspicious[_KIND[kind]] += count - len(told)
