"""Lists keep their addresses, follow their members, and explain themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from directory.importer import import_directory
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Mef,
    Place,
    Record,
    School,
    Service,
    Staff,
)
from directory.queries import LISTS, LISTS_OF_PERSON, MEMBER_IDS, MEMBERS, people
from directory.report import ImportReport, Kind
from directory.schema import class_, list_, list_member, person, school
from directory.source import Format, Source
from directory.why import why
from tests.directory.academy import (
    COLLEGE,
    MEF_6E,
    SETTINGS,
    guardian_of,
    members,
    pupil,
    relative,
    small,
    take,
    teacher,
)

DOMAIN = "clg-jules-ferry.ent.example.org"
Demo = tuple[Connection, ImportReport]


def _take(connection: Connection, *people: Record) -> ImportReport:
    return take(connection, small(*people), replace(SETTINGS, force=True))


def test_the_reasons_of_every_list_are_its_members(demo: Demo) -> None:
    connection = demo[0]
    for row in connection.execute(LISTS).all():
        explained = {reason.person_id for reason in why(connection, row.address)}
        assert explained == set(connection.scalars(MEMBER_IDS, {"list_id": row.list_id})), row.address
        assert row.members == len(explained)


def test_a_reason_names_child_class_group_and_subject(demo: Demo) -> None:
    connection = demo[0]
    number = connection.scalar(select(person.c.person_id).where(person.c.source_id == "20000001"))
    reasons = why(connection, "4EME-B.parents@clg-frederic-mistral.ent.example.org", number)
    assert [(one.reason, one.person, one.pupil, one.class_name) for one in reasons] == [
        ("guardian", "Élodie Lecomte", "Youssef Schmitt", "4ème B")
    ]
    taught = why(connection, "4eme-b.profs@clg-frederic-mistral.ent.example.org")
    assert {one.reason for one in taught} == {"service", "group_service", "head_teacher"}
    french = why(connection, "6eme-a.profs@clg-frederic-mistral.ent.example.org")
    assert ("Theo David", "service", "6ème A", "FRANCAIS") in {
        (one.person, one.reason, one.class_name, one.detail) for one in french
    }
    functions = why(connection, "direction@cite-frederic-mistral.ent.example.org")
    assert {one.detail for one in functions} == {"DIR"}
    assert why(connection, "nobody@clg-frederic-mistral.ent.example.org") == []


def test_a_guardian_of_two_children_has_two_reasons_and_one_membership(connection: Connection) -> None:
    links = (guardian_of(11),)
    _take(connection, pupil(1, "A Roy", links=links), pupil(2, "B Roy", links=links), relative(11, "Éva Roy"))
    reasons = why(connection, f"6a.parents@{DOMAIN}")
    assert [one.pupil for one in reasons] == ["A Roy", "B Roy"]
    assert members(connection)[f"6a.parents@{DOMAIN}"] == {11}


def test_every_list_has_a_way_in_for_each_audience() -> None:
    for kind, unions in UNIONS.items():
        for parts in unions.values():
            assert set(parts) <= set(FACTS[kind])
    assert set(OF_CITE.values()) <= {*FACTS["school"], *UNIONS["school"]}


def test_a_list_without_members_keeps_its_row_and_comes_back(connection: Connection) -> None:
    _take(connection, pupil(1), teacher(5, "A Prof", "6A"))
    before = connection.execute(select(list_).where(list_.c.address == f"6a.profs@{DOMAIN}")).one()
    report = _take(connection, pupil(1))
    assert report.lists.emptied > 0
    assert f"6a.profs@{DOMAIN}" not in members(connection)
    report = _take(connection, pupil(1), teacher(5, "A Prof", "6A"))
    assert report.lists.revived > 0
    assert report.lists.created == 0
    assert connection.execute(select(list_).where(list_.c.address == f"6a.profs@{DOMAIN}")).one() == before


def test_a_class_keeps_its_slug_whoever_comes_later(connection: Connection) -> None:
    _take(connection, pupil(1, in_class="6-A"))
    _take(connection, pupil(1, in_class="6-A"), pupil(2, in_class="6 A"))
    slugs = dict(connection.execute(select(class_.c.name, class_.c.slug)).all())
    assert slugs == {"6A": "6a", "6-A": "6-a", "6 A": "6-a-2"}
    _take(connection, pupil(2, in_class="6 A"))
    assert members(connection)[f"6-a-2.eleves@{DOMAIN}"] == {2}
    assert f"6-a.eleves@{DOMAIN}" not in members(connection)


@pytest.mark.parametrize(("name", "slug"), [("Tous", "classe-tous"), ("Niveau 6", "classe-niveau-6"), ("***", "x")])
def test_a_class_called_like_another_kind_of_list_is_renamed(connection: Connection, name: str, slug: str) -> None:
    _take(connection, pupil(1, in_class=name))
    assert members(connection)[f"{slug}.eleves@{DOMAIN}"] == {1}


def test_a_head_teacher_without_a_service_is_of_the_team(connection: Connection) -> None:
    head = Staff("8", "Tête", "Ève", "", head_of=(Place("1", "6A"),))
    _take(connection, pupil(1), pupil(2, in_class="6B"), teacher(5, "A Prof", "6B"), head)
    found = members(connection)
    assert found[f"6a.profs@{DOMAIN}"] == found[f"6a.pp@{DOMAIN}"] == {8}
    assert found[f"niveau-6e.profs@{DOMAIN}"] == {5, 8}
    assert found[f"profs@{DOMAIN}"] == {5}


def test_a_class_change_moves_the_pupil_and_the_guardian_at_once(connection: Connection) -> None:
    child = pupil(1, links=(guardian_of(11),))
    _take(connection, child, pupil(2), relative(11, "Éva Roy"))
    report = _take(connection, replace(child, classes=(Place("1", "6B"),)), pupil(2), relative(11, "Éva Roy"))
    found = members(connection)
    assert found[f"6a.eleves@{DOMAIN}"] == {2}
    assert found[f"6b.parents@{DOMAIN}"] == {11}
    assert report.changed == {"pupil": 1}


def test_a_group_without_announced_classes_has_those_of_its_members(connection: Connection) -> None:
    in_group = (Place("1", "LATIN"),)
    latin = Staff("7", "Prof", "Lat", "", groups=(Service(Place("1", "LATIN")),))
    _take(connection, pupil(1, groups=in_group), pupil(2, in_class="6B", groups=in_group), latin)
    found = members(connection)
    assert found[f"6a.profs@{DOMAIN}"] == found[f"6b.profs@{DOMAIN}"] == {7}


def test_a_group_s_announced_classes_are_followed(connection: Connection) -> None:
    in_group = (Place("1", "LATIN"),)
    latin = Staff("7", "Prof", "Lat", "", groups=(Service(Place("1", "LATIN")),))
    announced = GroupRecord("1", "LATIN", "Latin", ("6A",))
    _take(connection, announced, pupil(1, in_class="6B", groups=in_group), pupil(2), latin)
    found = members(connection)
    assert found[f"6a.profs@{DOMAIN}"] == {7}
    assert f"6b.profs@{DOMAIN}" not in found


def test_an_unknown_programme_gives_the_level_in_words(connection: Connection) -> None:
    child = replace(pupil(1, mef="999"), level_label="CLASSE  RELAIS DE  VILLE")
    report = _take(connection, child)
    assert members(connection)[f"niveau-classe-relais-de-ville.eleves@{DOMAIN}"] == {1}
    assert report.suspicious[Kind.UNKNOWN_MEF] == 1


def test_a_local_variant_has_the_level_of_its_national_programme(connection: Connection) -> None:
    variant = Mef("1001000C11A", "6EME BILANGUE", "", MEF_6E.code)
    _take(connection, variant, pupil(1, mef=variant.code), pupil(2))
    assert members(connection)[f"niveau-6e.eleves@{DOMAIN}"] == {1, 2}


def test_without_the_table_of_programmes_the_code_tells_the_level(connection: Connection) -> None:
    report = take(connection, [COLLEGE, pupil(1), pupil(2, mef="24731202320")])
    assert members(connection)[f"niveau-6e.eleves@{DOMAIN}"] == {1}
    assert members(connection)[f"niveau-1re-pro.eleves@{DOMAIN}"] == {2}
    assert Kind.UNKNOWN_MEF not in report.suspicious


def test_what_names_no_school_of_the_set_is_left_out_and_reported(connection: Connection) -> None:
    stray = Staff("7", "Prof", "Lat", "", functions=(Function("404", "ENS", "L0202", "LETTRES"),))
    report = _take(connection, pupil(1), stray)
    unknown = [one for one in report.findings if one.kind is Kind.UNKNOWN_SCHOOL]
    assert [one.who for one in unknown] == ["key '404'"]
    assert 7 not in members(connection)[f"tous@{DOMAIN}"]


def test_a_record_that_comes_twice_counts_once_and_the_last_wins(connection: Connection) -> None:
    report = _take(connection, pupil(1, "A Roy", in_class="6B"), pupil(1, "A Roy"))
    assert report.suspicious[Kind.REPEATED_RECORD] == 1
    found = members(connection)
    assert found[f"6a.eleves@{DOMAIN}"] == {1}
    assert f"6b.eleves@{DOMAIN}" not in found


def test_two_academies_give_one_number_to_two_people(connection: Connection) -> None:
    _take(connection, pupil(1, "Zoé Martin"))
    other = School("1", "0131002U", "", "COLLEGE", "JEAN MOULIN")
    report = take(connection, [other, MEF_6E, pupil(1, "Léo Roy")], replace(SETTINGS, academy="AUTRE"))
    assert report.added == {"pupil": 1}
    assert not report.left
    again = _take(connection, pupil(1, "Zoé Martin"))
    assert not {*again.added, *again.changed, *again.left, *again.returned}
    named = select(person.c.academy, person.c.display).order_by(person.c.academy)
    assert [tuple(row) for row in connection.execute(named)] == [("AUTRE", "Léo Roy"), ("EXEMPLE", "Zoé Martin")]


def test_classes_are_learnt_from_people_and_one_that_is_announced_twice_is_one(connection: Connection) -> None:
    twice = [ClassRecord("1", "6A", "6EME A"), ClassRecord("1", "6A", mefs=(MEF_6E.code,))]
    take(connection, small(*twice, pupil(1), pupil(2, in_class="6B"), teacher(3, "Paul Roy", "6C")))
    assert sorted(connection.scalars(select(class_.c.name))) == ["6A", "6B", "6C"]
    found = members(connection)
    assert [found[f"{name}@{DOMAIN}"] for name in ("6a.eleves", "6b.eleves", "6c.profs")] == [{1}, {2}, {3}]


@pytest.mark.parametrize("source", [Source("base", Format.SIECLE, COLLEGE.uai), Source("tables", Format.CSV)])
def test_a_pupil_a_relative_and_a_teacher_may_have_one_number(connection: Connection, source: Source) -> None:
    """Only the academy numbers everybody in one series: elsewhere the first of each kind is number 1."""
    child = pupil(1, "Zoé Martin", links=(guardian_of(1),))
    people = small(child, relative(1, "Léa Martin"), teacher(1, "Paul Roy", "6A"))
    report = import_directory(connection, [(source, people)], SETTINGS)
    assert report.added == {"pupil": 1, "relative": 1, "teacher": 1}
    assert Kind.REPEATED_RECORD not in report.suspicious
    rows = connection.execute(
        select(list_.c.address, person.c.display).select_from(list_).join(list_member).join(person)
    )
    wanted = {"eleves": "Zoé Martin", "parents": "Léa Martin", "profs": "Paul Roy"}
    assert {(f"6a.{audience}@{DOMAIN}", who) for audience, who in wanted.items()} <= {(*row,) for row in rows}


def test_schools_of_one_name_have_domains_of_their_own(connection: Connection) -> None:
    second = School("2", "0131002U", "", "COLLEGE", "Jules-Ferry")
    other = School("3", "0131003V", "", "LYCEE", "JULES FERRY", parent="2")
    chosen = replace(SETTINGS, domains={"0131003V": "Lycee.Example.org"})
    take(connection, [*small(pupil(1)), second, other], chosen)
    found = dict(connection.execute(select(school.c.uai, school.c.domain)).all())
    assert found == {
        "0131001T": DOMAIN,
        "0131002U": "clg-jules-ferry-2.ent.example.org",
        "0131003V": "lycee.example.org",
    }


def test_domains_and_cite_stay_when_the_set_changes(connection: Connection) -> None:
    lycee = School("3", "0131003V", "", "LYCEE", "JULES FERRY")
    college = replace(COLLEGE, parent="3")
    classes: list[Record] = [MEF_6E, ClassRecord("1", "6A"), pupil(1)]
    take(connection, [college, lycee, *classes])
    before = connection.execute(select(school.c.uai, school.c.domain, school.c.cite_id)).all()
    assert members(connection)["eleves@cite-jules-ferry.ent.example.org"] == {1}
    take(connection, [replace(college, name="JULIE FERRY"), replace(lycee, name="AUTRE NOM"), *classes])
    assert connection.execute(select(school.c.uai, school.c.domain, school.c.cite_id)).all() == before


def test_a_person_s_lists_and_a_list_s_people(connection: Connection) -> None:
    _take(connection, pupil(1, "Zoé Roux"), teacher(5, "Ève Prof", "6A"))
    view = {one.source_id: one for one in people(connection)}
    assert view["1"].classes == ("6A",)
    assert view["5"].schools == ("0131001T",)
    lists = connection.execute(LISTS_OF_PERSON, {"person_id": view["1"].person_id}).all()
    assert [row.address.partition("@")[0] for row in lists] == [
        *("6a.eleves", "6a.tous", "eleves", "niveau-6e.eleves", "niveau-6e.tous", "tous")
    ]
    everybody = next(row for row in lists if row.address == f"tous@{DOMAIN}")
    shown = connection.execute(MEMBERS, {"list_id": everybody.list_id}).all()
    assert [(row.display, row.profile, row.address) for row in shown] == [
        ("Ève Prof", "teacher", "eve.prof@ent.example.org"),
        ("Zoé Roux", "pupil", "zoe.roux@ent.example.org"),
    ]
