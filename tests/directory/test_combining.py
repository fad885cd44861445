"""Several sources are one directory: the same whoever says what, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from directory.differences import Difference, differences
from directory.facts import facts_of, numbers_of
from directory.family_schema import relative_mail
from directory.importer import import_directory
from directory.model import ClassRecord, GroupRecord, Mef, Pupil, Record, Relative, Staff, Subject
from directory.report import ImportReport, Kind
from directory.schema import address, class_member, class_service, guardian, mef, person, subject
from directory.source import Feed, Format, Source
from tests.directory.academy import SETTINGS, empty_directory, small, teacher
from tests.directory.conftest import Transaction
from tests.directory.truth import (
    AAF,
    CHILDREN,
    COLLEGE,
    FAMILIES,
    LYCEE,
    PARTS,
    SCHOOLS,
    SIECLE,
    STS,
    TEAMS,
    directory,
    feed,
    labels,
    number,
    renamed,
    said,
    sides,
)
from tests.support.examples import MODEL_EXAMPLES

NAMED = replace(
    SETTINGS,
    force=True,
    domains={COLLEGE: "clg.ent.example.org", LYCEE: "lyc.ent.example.org"},
    mail_schools=SCHOOLS,
)


def bring(
    connection: Connection, feeds: Sequence[Feed], precedence: Mapping[str, Sequence[str]] | None = None
) -> ImportReport:
    return import_directory(connection, feeds, replace(NAMED, precedence=precedence or {}))


def unchanged(report: ImportReport) -> bool:
    """Whether nobody came, went or changed, and no list did."""
    people = [*report.added, *report.changed, *report.left, *report.returned]
    return not people and (report.lists.members_added, report.lists.members_removed) == (0, 0)


def held(connection: Connection) -> dict[str, tuple[int, str]]:
    """The number and the main address of each person, by who it is."""
    who = labels(connection)
    rows = connection.execute(select(address.c.person_id, address.c.address).where(address.c.is_primary))
    return {who[row.person_id]: (row.person_id, row.address) for row in rows}


def said_by(connection: Connection, table: Table) -> set[str]:
    return set(connection.scalars(select(table.c.said_by)))


async def test_other_sources_beside_aaf_change_no_fact_and_nobody(transaction: Transaction) -> None:
    await transaction(lambda connection: bring(connection, sides("aaf")))
    before = await transaction(directory)
    for formats in (("aaf", "siecle"), ("aaf", "siecle", "sts"), ("aaf", "sts"), ("aaf",)):
        for order in (1, -1):
            feeds = sides(*formats)[::order]
            report = await transaction(partial(bring, feeds=feeds))
            assert await transaction(directory) == before
            assert unchanged(report), formats


async def test_every_fact_tells_its_source_and_a_change_of_source_is_no_change(transaction: Transaction) -> None:
    await transaction(lambda connection: bring(connection, sides("aaf")))
    assert await transaction(lambda connection: said_by(connection, class_service)) == {"aaf"}
    report = await transaction(lambda connection: bring(connection, sides("aaf", "siecle", "sts")))
    assert unchanged(report)
    assert await transaction(lambda connection: said_by(connection, class_service)) == {one.name for one in STS}
    for table in (class_member, guardian, person):
        assert await transaction(partial(said_by, table=table)) == {"aaf"}
    assert await transaction(lambda connection: said_by(connection, relative_mail)) == {SIECLE[0].name}
    wanted = {"links": ["siecle"], "services": ["aaf"]}
    report = await transaction(lambda connection: bring(connection, sides("aaf", "siecle", "sts"), wanted))
    assert unchanged(report)
    assert await transaction(lambda connection: said_by(connection, class_service)) == {"aaf"}
    assert await transaction(lambda connection: said_by(connection, guardian)) == {one.name for one in SIECLE}


async def test_people_keep_number_and_address_from_siecle_and_sts_to_aaf_and_back(transaction: Transaction) -> None:
    await transaction(lambda connection: bring(connection, sides("siecle", "sts")))
    at_first = await transaction(held)
    before = await transaction(directory)
    for formats in (("siecle", "sts", "aaf"), ("aaf",), ("siecle", "sts")):
        report = await transaction(partial(bring, feeds=sides(*formats)))
        assert [*report.added, *report.left, *report.returned] == [], formats
        assert await transaction(held) == at_first
    after = await transaction(directory)
    cite = {entry for entry in after["lists"] if "@cite" in entry[0]}
    assert after["lists"] - cite == before["lists"], "a school stays in the cité that was known once"
    assert {**after, "lists": 0} == {**before, "lists": 0}


async def test_homonyms_are_never_one_person(transaction: Transaction) -> None:
    """Two pupils, two teachers, two guardians of one pupil bear one name: `labels` fails where two became one."""
    report = await transaction(lambda connection: bring(connection, sides("aaf", "siecle", "sts")))
    assert len(await transaction(held)) == len({*CHILDREN, "eva", "max", "ana", "jean", "jean2"}) + 4
    assert not report.suspicious[Kind.UNCLEAR_PERSON]

    def unreachable(feed: Feed) -> Feed:
        """Two guardians of one name, and nothing else to tell them by."""
        return feed[0], (replace(one, mail="") if isinstance(one, Relative) else one for one in feed[1])

    with empty_directory() as connection:
        report = bring(connection, [unreachable(one) for one in sides("aaf", "siecle")])
        unclear = [one.who for one in report.findings if one.kind is Kind.UNCLEAR_PERSON]
        assert unclear == ["Jean Lund"]
        assert {"jean", "jean2"} <= held(connection).keys()

    def namesakes(source: Source) -> Iterable[Record]:
        """Teachers without date of birth: a name that two bear tells nothing."""
        for one in said(source, dict.fromkeys(("pupils", "staff", *PARTS), SCHOOLS)):
            yield replace(one, keys=one.keys[-1:]) if isinstance(one, Staff) else one

    feeds = [(one, namesakes(one)) for one in (AAF, *STS)]
    with empty_directory() as connection:
        report = bring(connection, feeds)
        assert len([one for one in held(connection) if one.startswith("ugo")]) == 2
        assert "Ugo Petit" in {one.who for one in report.findings if one.kind is Kind.UNCLEAR_PERSON}


def test_a_surer_key_that_differs_tells_people_apart(connection: Connection) -> None:
    """Same name, same date of birth, other national numbers: two pupils."""

    def other(records: Iterable[Record]) -> Iterable[Record]:
        for one in records:
            if isinstance(one, Pupil) and one.id == number(SIECLE[0], "zoe"):
                yield replace(one, keys=("ine:other", *one.keys[1:]))
            else:
                yield one

    source, records = feed(SIECLE[0], *FAMILIES)
    report = bring(connection, [feed(AAF, *FAMILIES, *TEAMS), (source, other(records))])
    assert len(held(connection)) == 14
    assert "Zoé Roy" in {one.who for one in report.findings if one.kind is Kind.UNCLEAR_PERSON}
    assert {one.what for one in differences(connection, COLLEGE) if one.source == source.name} == {
        f"Zoé Roy ({number(source, 'zoe')})"
    }


async def test_a_source_that_goes_stale_removes_nothing_that_another_says(transaction: Transaction) -> None:
    await transaction(lambda connection: bring(connection, sides("aaf", "siecle", "sts")))
    before = await transaction(directory)
    empty: list[Feed] = [(one, ()) for one in (*SIECLE, *STS)]
    report = await transaction(lambda connection: bring(connection, [*sides("aaf"), *empty]))
    assert await transaction(directory) == before
    assert unchanged(report)

    def only_college(source: Source) -> Feed:
        schools = {part: [COLLEGE] for part in ("pupils", "staff", *PARTS)}
        return source, said(source, schools)

    await transaction(lambda connection: bring(connection, [only_college(AAF), *sides("siecle", "sts")]))
    assert {**await transaction(directory), "lists": 0} == {**before, "lists": 0}


async def test_differences_are_told(transaction: Transaction) -> None:
    def spelt(records: Iterable[Record]) -> Iterable[Record]:
        for one in records:
            if isinstance(one, Pupil) and one.id == number(SIECLE[0], "tom"):
                continue
            yield replace(one, name="6 LAT") if isinstance(one, GroupRecord) else one

    source, records = feed(SIECLE[0], "pupils", "classes", "links")
    teams, teachers = feed(STS[0], *TEAMS)
    feeds: list[Feed] = [
        feed(AAF, *FAMILIES, *TEAMS),
        (source, spelt(records)),
        (teams, (one for one in renamed(teachers, number(STS[0], "ida"), "Bloom"))),
    ]

    def work(connection: Connection) -> tuple[ImportReport, list[Difference]]:
        return bring(connection, feeds), differences(connection)

    report, found = await transaction(work)
    assert set(found) == {
        Difference(COLLEGE, "group", "6 LAT", source.name, "aaf", ""),
        Difference(COLLEGE, "group", "6LAT", "aaf", source.name, ""),
        Difference(COLLEGE, "pupil", f"Tom Lund ({number(AAF, 'tom')})", "aaf", source.name, ""),
        Difference(COLLEGE, "name", "Ida Bloom", teams.name, "aaf", "Ida Blom"),
    }
    assert report.suspicious[Kind.OTHER_STRUCTURES] == 2
    assert report.suspicious[Kind.OTHER_NAME] == report.suspicious[Kind.OTHER_PUPILS] == 1
    assert await transaction(lambda connection: (bring(connection, sides("aaf")), differences(connection))[1]) == []


def test_the_same_slug_is_told_as_another_spelling(connection: Connection) -> None:
    def spelt(records: Iterable[Record]) -> Iterable[Record]:
        for one in records:
            if isinstance(one, Pupil) and one.classes and one.classes[0].name == "6B":
                yield replace(one, classes=(replace(one.classes[0], name="6b"),))
            elif isinstance(one, ClassRecord) and one.name == "6B":
                yield replace(one, name="6b")
            else:
                yield one

    source, records = feed(SIECLE[0], *FAMILIES)
    bring(connection, [feed(AAF, *FAMILIES, *TEAMS), (source, spelt(records))])
    spellings = [one for one in differences(connection) if one.spelt]
    assert spellings == [Difference(COLLEGE, "class", "6b", source.name, "aaf", "6B")]


def test_the_facts_of_a_person_with_their_sources(connection: Connection) -> None:
    bring(connection, sides("aaf", "siecle", "sts"))
    ida, eva = held(connection)["ida"][0], held(connection)["eva"][0]
    assert set(facts_of(connection, ida)) == {
        ("name", "Ida Blom", "aaf"),
        ("function", f"ENS ({COLLEGE})", "aaf"),
        ("function", f"ENS ({LYCEE})", "aaf"),
        ("teaches class", f"6A ({COLLEGE})", STS[0].name),
        ("teaches class", f"2A ({LYCEE})", STS[1].name),
        ("head teacher", f"6A ({COLLEGE})", STS[0].name),
    }
    assert [one.kind for one in facts_of(connection, eva)] == ["name", "child", "child", "mail"]
    assert facts_of(connection, eva)[-1].said_by in {one.name for one in SIECLE}
    assert {one.space for one in numbers_of(connection, eva)} == {"aaf", *(f"{one.space}/relative" for one in SIECLE)}


def test_a_number_of_sts_is_another_person_with_another_birth(connection: Connection) -> None:
    """Its numbers are unique in one file only."""
    bring(connection, sides("siecle", "sts"))
    before = held(connection)

    def other(records: Iterable[Record]) -> Iterable[Record]:
        for one in records:
            if isinstance(one, Staff) and one.id == number(STS[0], "ugo"):
                yield replace(one, sn="Nouveau", given="Paul", keys=("born:other", "name:paul/nouveau"))
            else:
                yield one

    source, records = feed(STS[0], *TEAMS)
    feeds = [*sides("siecle"), (source, other(records)), feed(STS[1], *TEAMS)]
    report = import_directory(connection, feeds, NAMED)
    assert (report.added, report.left) == ({"teacher": 1}, {"teacher": 1})
    assert connection.scalar(select(person.c.state).where(person.c.person_id == before["ugo"][0])) == "left"


def test_one_number_of_the_academy_is_one_person_whatever_the_name_is(connection: Connection) -> None:
    """AAF, the academy's LDAP directory and tables with its numbers, a marriage apart, and no date of birth."""
    records = [("aaf", Format.AAF, "Martin"), ("ent", Format.SDET, "Martin-Roy"), ("tables", Format.CSV, "Roy")]
    feeds: list[Feed] = [
        (Source(name, form, academic=True), small(replace(teacher(1, "Léa Martin", "6A"), sn=sn)))
        for name, form, sn in records
    ]
    for _ in range(2):
        report = bring(connection, feeds)
        (found,) = connection.execute(select(person.c.person_id, person.c.display)).all()
        assert found.display == "Léa Martin"
        assert Kind.OTHER_TEACHERS not in report.suspicious
    assert unchanged(report)
    assert [one.space for one in numbers_of(connection, found.person_id)] == ["aaf"]


SOURCES = (AAF, *SIECLE, *STS, Source("plain", Format.CSV))
givers = st.lists(st.sampled_from(range(len(SOURCES))), min_size=1, max_size=3, unique=True)
splits = st.fixed_dictionaries({(uai, part): givers for uai in SCHOOLS for part in ("pupils", "staff", *PARTS)})


def _feeds(split: Mapping[tuple[str, str], Sequence[int]], order: Sequence[int]) -> list[Feed]:
    """Each part of each school said by some sources, in this order; who says a part names the people, too."""
    says: dict[int, dict[str, set[str]]] = {
        one: {part: set() for part in ("pupils", "staff", *PARTS)} for one in range(len(SOURCES))
    }
    for (uai, part), chosen in split.items():
        able = [one for one in chosen if SOURCES[one].school in ("", uai)] or [0]
        for one in able:
            says[one][part].add(uai)
            if part in ("classes", "groups", "links"):
                says[one]["pupils"].add(uai)
            if part in ("services", "heads", "functions"):
                says[one]["staff"].add(uai)
    return [(SOURCES[one], said(SOURCES[one], says[one])) for one in order if any(says[one].values())]


@settings(max_examples=MODEL_EXAMPLES or 8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(splits, st.permutations(range(len(SOURCES))))
def test_however_the_truth_is_split_the_directory_is_the_same(
    split: Mapping[tuple[str, str], Sequence[int]], order: Sequence[int]
) -> None:
    with empty_directory() as connection:
        bring(connection, sides("aaf"))
        truth = directory(connection)
    with empty_directory() as connection:
        bring(connection, _feeds(split, order))
        found = directory(connection)
        for name, facts in truth.items():
            assert name == "lists" or found[name] == facts, name
        again = bring(connection, _feeds(split, order[::-1]))
        assert unchanged(again)
        assert directory(connection) == found


def test_programmes_and_subjects_are_what_the_best_source_says_that_says_it(connection: Connection) -> None:
    def told(source: Source, *records: Record) -> Feed:
        _, said_before = feed(source, *FAMILIES)
        return source, (*said_before, *records)

    bring(
        connection,
        [
            told(SIECLE[0], Mef("1", "SECOND", "2211"), Mef("2", "ONLY", ""), Subject("9", "Latin")),
            told(AAF, Mef("1", "First", ""), Subject("9", "")),
        ],
    )
    known = {
        row.mef: (row.label, row.level) for row in connection.execute(select(mef).where(mef.c.mef.in_(["1", "2"])))
    }
    assert known == {"1": ("First", "2nde"), "2": ("ONLY", "")}
    assert connection.scalar(select(subject.c.label).where(subject.c.subject == "9")) == "Latin"
