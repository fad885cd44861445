"""What a school is made of: levels, programmes, subjects, classes, teaching groups, disciplines, and their slugs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, func, insert, literal, select, union, update

from directory.names import free_slug, slug
from directory.nomenclature import Level, level_of_label, level_of_mef, level_of_stat
from directory.report import ImportReport, Kind
from directory.schema import class_, discipline, enrolment, level, mef, new_id, school, school_level, subject
from directory.settings import ImportSettings
from directory.staging import (
    Nomenclatures,
    functions,
    key_of,
    levels,
    people,
    places,
    school_keys,
    services,
    structures,
)

RESERVED_PREFIXES = ("niveau-", "groupe-", "discipline-")
RESERVED_NAMES = frozenset(
    {"eleves", "parents", "profs", "personnels", "direction", "vie-scolaire", "administration", "documentation"}
    | {"profs-principaux", "tous", "pp", "ca", "agents"}
)
TEACHING = "ENS"
"""The function that makes a discipline list."""


def sync_nomenclatures(connection: Connection, settings: ImportSettings, held: Nomenclatures) -> None:
    """Keep the labels of programmes and subjects."""
    mefs = {code: (record.label, _level_key(held, code)) for code, record in held.mefs.items()}
    _upsert(connection, mef, settings.academy, {code: {"label": a, "level": b} for code, (a, b) in mefs.items()})
    subjects = {code: {"label": record.label} for code, record in held.subjects.items()}
    _upsert(connection, subject, settings.academy, subjects)


def _upsert(connection: Connection, table: Table, academy: str, wanted: Mapping[str, Mapping[str, str]]) -> None:
    key = table.c[table.name]
    rows = connection.execute(select(table).where(table.c.academy == academy)).mappings()
    known = {row[key]: row for row in rows}
    new = [{"academy": academy, table.name: code, **values} for code, values in wanted.items() if code not in known]
    if new:
        connection.execute(insert(table), new)
    for code, values in wanted.items():
        if code in known and any(known[code][name] != value for name, value in values.items()):
            connection.execute(update(table).where(table.c.academy == academy, key == code).values(**values))


def _official(held: Nomenclatures, code: str) -> Level | None:
    """The level by the table of programmes; a local variant has that of its national programme."""
    record = held.mefs.get(code)
    parent = held.mefs.get(record.parent) if record else None
    return next((found for one in (record, parent) if one and (found := level_of_stat(one.stat))), None)


def _level_key(held: Nomenclatures, code: str) -> str:
    found = _official(held, code) or level_of_mef(code)
    return found.key if found else ""


def stage_levels(connection: Connection, held: Nomenclatures, report: ImportReport) -> None:
    """The level of every programme that pupils follow: by its statistical code, else its own, else its words."""
    pairs = connection.execute(
        select(people.c.mef, people.c.level_label, func.count(people.c.person_id.distinct()))
        .where(people.c.kind == "pupil")
        .group_by(people.c.mef, people.c.level_label)
    ).all()
    found: dict[str, Level] = {}
    rows = []
    for code, label, pupils in pairs:
        official = _official(held, code)
        one = official or level_of_mef(code) or level_of_label(label)
        if one is None or (official is None and (held.mefs or not level_of_mef(code))):
            taken = f"their level is {one.label}, from the code or the words" if one else "they are in no level list"
            report.found(Kind.UNKNOWN_MEF, code or "(none)", f"{pupils} pupils ({label})", taken)
        if one is not None:
            found.setdefault(one.key, one)
            rows.append({"mef": code, "level_label": label, "level": one.key})
    if rows:
        connection.execute(insert(levels), rows)
    known = set(connection.scalars(select(level.c.level)))
    new = [{"level": one.key, "label": one.label} for one in found.values() if one.key not in known]
    if new:
        connection.execute(insert(level), new)


def sync_taught(connection: Connection, settings: ImportSettings, table: Table, kind: str) -> None:
    """Classes or groups (`kind`), learnt from the structures, the pupils and the teachers; each keeps its slug."""
    roles = ("class", "head") if kind == "class" else (kind,)
    sources: list[Select[Any]] = [
        select(structures.c.source, structures.c.school, structures.c.name, structures.c.label).where(
            structures.c.kind == kind
        ),
        select(places.c.source, places.c.school, places.c.name, literal("")).where(places.c.role.in_(roles)),
        select(services.c.source, services.c.school, services.c.name, literal("")).where(services.c.role == kind),
    ]
    named = union(*sources).subquery()
    wanted: dict[int, dict[str, str]] = defaultdict(dict)
    for school_id, name, label in connection.execute(
        select(school_keys.c.school_id, named.c.name, func.max(named.c.label))
        .join(school_keys, key_of(named))
        .group_by(school_keys.c.school_id, named.c.name)
    ):
        wanted[school_id][name] = label
    known: dict[int, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.school_id.in_(_schools(settings)))).mappings():
        known[row["school_id"]].append(row)
    for school_id in {*wanted, *known}:
        _sync_school(connection, settings, table, school_id, wanted[school_id], known[school_id])


def _schools(settings: ImportSettings) -> Select[tuple[int]]:
    return select(school.c.school_id).where(school.c.academy == settings.academy)


def _sync_school(
    connection: Connection,
    settings: ImportSettings,
    table: Table,
    school_id: int,
    wanted: Mapping[str, str],
    known: Iterable[RowMapping],
) -> None:
    year = settings.school_year
    key = next(iter(table.primary_key.columns))
    used: set[str] = set()
    names: set[str] = set()
    for row in known:
        used.add(row["slug"])
        names.add(row["name"])
        values: dict[str, object] = {"active": row["name"] in wanted}
        if row["name"] in wanted:
            values |= {"label": wanted[row["name"]], "school_year": year}
        if any(row[name] != value for name, value in values.items()):
            connection.execute(update(table).where(key == row[key]).values(**values))
    new = []
    for name in sorted(wanted.keys() - names):
        chosen = free_slug(_unreserved(name) if table is class_ else name, used)
        used.add(chosen)
        new.append(
            {key.name: new_id(), "school_id": school_id, "name": name, "label": wanted[name], "slug": chosen}
            | {"school_year": year, "active": True}
        )
    if new:
        connection.execute(insert(table), new)


def _unreserved(name: str) -> str:
    """A class called like another kind of list gets a name of its own."""
    own = slug(name)
    return f"classe-{name}" if own.startswith(RESERVED_PREFIXES) or own in RESERVED_NAMES else name


def sync_disciplines(connection: Connection) -> None:
    """Disciplines that a school has teachers of; each keeps its slug."""
    known: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(discipline)):
        known[row.school_id][row.code] = row.slug
    new = []
    for school_id, code, label in connection.execute(
        select(school_keys.c.school_id, functions.c.discipline, func.max(functions.c.label))
        .join(school_keys, key_of(functions))
        .join(school, school.c.school_id == school_keys.c.school_id)
        .where(functions.c.code == TEACHING, functions.c.discipline != "", school.c.domain.is_not(None))
        .group_by(school_keys.c.school_id, functions.c.discipline)
        .order_by(functions.c.discipline)
    ).all():
        if code not in known[school_id]:
            chosen = free_slug(label or code, set(known[school_id].values()))
            known[school_id][code] = chosen
            new.append(
                {"discipline_id": new_id(), "school_id": school_id, "code": code, "label": label, "slug": chosen}
            )
    if new:
        connection.execute(insert(discipline), new)


def sync_school_levels(connection: Connection) -> None:
    """Levels that a school has pupils of; to be called once the pupils are enrolled."""
    known = {(row.school_id, row.level) for row in connection.execute(select(school_level))}
    found = connection.execute(
        select(enrolment.c.school_id, enrolment.c.level).distinct().where(enrolment.c.level != "")
    )
    new = [
        {"level_id": new_id(), "school_id": school_id, "level": key}
        for school_id, key in found.all()
        if (school_id, key) not in known
    ]
    if new:
        connection.execute(insert(school_level), new)
