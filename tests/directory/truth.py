"""A small academy as it really is, what each source may say of it, and the directory in its words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from directory import keys
from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Link,
    Mef,
    Place,
    Pupil,
    Record,
    Relative,
    School,
    Service,
    Staff,
)
from directory.schema import (
    class_,
    class_member,
    class_service,
    enrolment,
    group_class,
    group_member,
    group_service,
    guardian,
    head_teacher,
    list_,
    list_member,
    person,
    person_source,
    school,
    staff_function,
    teaching_group,
)
from directory.source import Feed, Format, Source

COLLEGE, LYCEE = "0131001T", "0131002U"
SCHOOLS = (COLLEGE, LYCEE)
PROGRAMME = Mef("10010012110", "6EME", "21110010012")


@dataclass(frozen=True)
class Child:
    name: str
    school: str
    in_class: str
    born: date
    guardians: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True)
class Teacher:
    name: str
    born: date
    classes: tuple[tuple[str, str], ...]
    head_of: tuple[tuple[str, str], ...] = ()


CHILDREN = {
    "zoe": Child("Zoé Roy", COLLEGE, "6A", date(2012, 1, 2), ("eva", "max"), "6LAT"),
    "noe": Child("Noé Roy", LYCEE, "2A", date(2010, 3, 4), ("eva", "max")),
    "tom": Child("Tom Lund", COLLEGE, "6B", date(2012, 5, 6), ("ana",), "6LAT"),
    "tom2": Child("Tom Lund", COLLEGE, "6A", date(2012, 7, 8), ("jean", "jean2")),
    "lea": Child("Léa d'Arc", LYCEE, "2A", date(2010, 9, 10), ("ana",), "2GRC"),
}
"""Two pupils of one name, and two guardians of one pupil."""
GUARDIANS = {"eva": "Éva Roy", "max": "Max Roy", "ana": "Ana Lund", "jean": "Jean Lund", "jean2": "Jean Lund"}
TEACHERS = {
    "ida": Teacher("Ida Blom", date(1970, 1, 1), ((COLLEGE, "6A"), (LYCEE, "2A")), ((COLLEGE, "6A"),)),
    "ugo": Teacher("Ugo Petit", date(1980, 1, 1), ((COLLEGE, "6A"), (COLLEGE, "6B"))),
    "ugo2": Teacher("Ugo Petit", date(1981, 1, 1), ((COLLEGE, "6B"),)),
    "mia": Teacher("Mia Faure", date(1990, 1, 1), ((LYCEE, "2A"),), ((LYCEE, "2A"),)),
}
"""Two of one name in one school, one in two schools."""

LABELS = (*CHILDREN, *GUARDIANS, *TEACHERS)
PARTS = ("classes", "groups", "links", "services", "heads", "functions", "structures")


def number(source: Source, who: str) -> str:
    """The number that a source has for a person: no two spaces use the same."""
    return str(
        (["aaf", COLLEGE, LYCEE].index(source.school or "aaf") + 1 + 3 * (source.format is Format.CSV)) * 1_000
        + LABELS.index(who)
    )


def _named(name: str) -> tuple[str, str]:
    given, _, sn = name.partition(" ")
    return sn, given


def said(source: Source, says: Mapping[str, Collection[str]]) -> Iterator[Record]:
    """The records of a source; `says` has the schools of which it tells pupils, staff, and each of `PARTS`."""
    key = {uai: uai if source.school else f"k{uai}" for uai in SCHOOLS}
    whole = not source.school
    for uai in SCHOOLS if whole else [source.school]:
        kind, _, name = {COLLEGE: "COLLEGE FERRY", LYCEE: "LYCEE ZOLA"}[uai].partition(" ")
        yield School(key[uai], uai, "", kind if whole else "", name if whole else "", key[COLLEGE] if whole else "")
    yield PROGRAMME
    for child in CHILDREN.values():
        if child.school in says["structures"]:
            yield ClassRecord(key[child.school], child.in_class, mefs=(PROGRAMME.code,))
            if child.group:
                yield GroupRecord(key[child.school], child.group, classes=(child.in_class,))
    yield from _families(source, says, key)
    for who, teacher in TEACHERS.items():
        sn, given = _named(teacher.name)
        here = {uai for uai, _ in teacher.classes} & set(says["staff"])
        if here:
            yield Staff(
                number(source, who),
                sn,
                given,
                "",
                functions=tuple(Function(key[uai], "ENS") for uai in sorted(here & set(says["functions"]))),
                classes=tuple(
                    Service(Place(key[uai], name), "020700")
                    for uai, name in teacher.classes
                    if uai in here and uai in says["services"]
                ),
                head_of=tuple(
                    Place(key[uai], name) for uai, name in teacher.head_of if uai in here and uai in says["heads"]
                ),
                keys=(*keys.born(given, teacher.born, sn), *keys.name(given, sn)),
                before_pupils=True,
            )


def _families(source: Source, says: Mapping[str, Collection[str]], key: Mapping[str, str]) -> Iterator[Record]:
    for who, child in CHILDREN.items():
        if child.school not in says["pupils"]:
            continue
        sn, given = _named(child.name)
        known = {part for part in ("classes", "groups", "links") if child.school in says[part]}
        yield Pupil(
            number(source, who),
            sn,
            given,
            "",
            key[child.school],
            PROGRAMME.code,
            classes=(Place(key[child.school], child.in_class),) if "classes" in known else (),
            groups=(Place(key[child.school], child.group),) if "groups" in known and child.group else (),
            links=tuple(Link(number(source, one), 10, 1) for one in child.guardians) if "links" in known else (),
            keys=(*keys.ine(who), *keys.born(given, child.born, sn), *keys.name(given, sn)),
        )
    named = {
        one
        for child in CHILDREN.values()
        if child.school in says["pupils"] and child.school in says["links"]
        for one in child.guardians
    }
    for who in sorted(named):
        yield Relative(number(source, who), number(source, who), *_named(GUARDIANS[who]), "", mail=f"{who}@example.net")


AAF = Source("aaf", Format.AAF)
SIECLE = tuple(Source(f"siecle-{uai}", Format.SIECLE, uai) for uai in SCHOOLS)
STS = tuple(Source(f"sts-{uai}", Format.STS, uai) for uai in SCHOOLS)
FAMILIES, TEAMS = ("pupils", "classes", "groups", "links"), ("staff", "services", "heads", "functions")


def feed(source: Source, *parts: str) -> Feed:
    """A source that tells these parts of its schools, and the structures."""
    schools = [source.school] if source.school else SCHOOLS
    wanted = {*parts, "structures"}
    return source, said(source, {part: schools if part in wanted else () for part in ("pupils", "staff", *PARTS)})


def sides(*formats: str) -> list[Feed]:
    """Whole feeds of AAF ("aaf"), of both schools' SIECLE, of both schools' STS."""
    made: list[Feed] = [feed(AAF, *FAMILIES, *TEAMS)] if "aaf" in formats else []
    made += [feed(one, *FAMILIES) for one in SIECLE if "siecle" in formats]
    return made + [feed(one, *TEAMS) for one in STS if "sts" in formats]


def renamed(records: Iterable[Record], who: str, sn: str) -> Iterator[Record]:
    """The records, with another surname for those of one number."""
    for one in records:
        yield replace(one, sn=sn) if isinstance(one, Pupil | Relative | Staff) and one.id == who else one


def labels(connection: Connection) -> dict[int, str]:
    """Who each person of the directory really is; two different people in one fail."""
    found: dict[int, str] = {}
    for row in connection.execute(select(person_source.c.person_id, person_source.c.source_id)):
        who = LABELS[int(row.source_id.partition("/")[0]) % 1_000]
        assert found.setdefault(row.person_id, who) == who
    return found


def directory(connection: Connection) -> dict[str, Any]:
    """What the directory says, in the words of the truth."""
    who = labels(connection)
    of_class = select(class_.c.class_id, school.c.uai, class_.c.name).join(school).where(class_.c.active)
    of_group = select(teaching_group.c.group_id, school.c.uai, teaching_group.c.name).join(school)
    classes = {row[0]: (row[1], row[2]) for row in connection.execute(of_class)}
    groups = {row[0]: (row[1], row[2]) for row in connection.execute(of_group.where(teaching_group.c.active))}
    schools = {row[0]: row[1] for row in connection.execute(select(school.c.school_id, school.c.uai))}
    facts: dict[str, Any] = {
        "people": {
            (who[row.person_id], row.sn, row.given, row.title, row.profile, row.sdet, row.state)
            for row in connection.execute(select(person))
        }
    }
    for table, places in (
        (enrolment, schools),
        (staff_function, schools),
        (class_member, classes),
        (class_service, classes),
        (head_teacher, classes),
        (group_member, groups),
        (group_service, groups),
    ):
        names = [column.name for column in table.c if column.name not in ("said_by", "person_id")]
        facts[table.name] = {
            (who[row["person_id"]], places[row[names[0]]], *(row[name] for name in names[1:]))
            for row in connection.execute(select(table)).mappings()
        }
    facts["guardian"] = {
        (who[row.pupil_id], who[row.person_id], row.link, row.legal) for row in connection.execute(select(guardian))
    }
    facts["group_class"] = {
        (groups[row.group_id], classes[row.class_id]) for row in connection.execute(select(group_class))
    }
    rows = connection.execute(
        select(list_.c.address, list_member.c.person_id)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .where(list_.c.active)
    )
    facts["lists"] = {(row.address, who[row.person_id]) for row in rows}
    return facts
