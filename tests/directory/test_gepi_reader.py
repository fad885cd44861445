"""The tables that GEPI exports: the demo's pupils, families and teams, as far as they tell; mistakes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from directory import keys
from directory.importer import import_directory
from directory.model import (
    ClassRecord,
    DirectoryError,
    GroupRecord,
    Link,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Service,
    Staff,
    Subject,
)
from directory.names import folded
from directory.readers.gepi import read_gepi
from directory.report import ImportReport, Kind
from directory.schema import address, guardian
from directory.source import Format, Source
from tests.directory.academy import SETTINGS, expected
from tests.directory.demo_feeds import DemoFiles
from tests.directory.gepi_export import ELENOET, login_of
from tests.directory.projection import LYCEE
from tests.directory.refusals import mistakes

SMALL = {
    "g_eleves.csv": "Martin;Zoé;18/11/2012;5000;010000001HB;;NON;EXTERN;F;\n"
    "Martin;Léo;19/11/2013;5001;;;NON;EXTERN;M;\n",
    "g_eleves_classes.csv": "5000;6A;\n5001;5A;\n",
    "g_responsables.csv": "5000;Martin;Paul;M.;1 rue X;;13000;Arles;\n5001;MARTIN;Paul;M.;1, rue X;;13000;ARLES;\n",
    "g_professeurs.csv": "Durand;Léa;MME;lea@example.org;\n",
    "g_prof_disc_classes.csv": "DURANDL;MATHS;6A;CG;\nDURANDL;ALL2;6A!5A;OPT;\n",
    "g_disciplines.csv": "MATHS;Mathématiques;\nALL2;Allemand LV2;\n",
    "g_eleves_options.csv": "5000;ALL2;\n",
}


def folder(tmp_path: Path, **changed: str) -> Path:
    for name, text in SMALL.items():
        content = changed.get(name.removesuffix(".csv"), text)
        if content:
            (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def read(tmp_path: Path, **changed: str) -> list[Record]:
    return list(read_gepi(folder(tmp_path, **changed), LYCEE))


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def schools(demo_files: DemoFiles) -> dict[str, list[Record]]:
    """The records of each school of the demo."""
    return {source.school: list(records) for source, records in demo_files.feeds("gepi")}


def test_pupils_and_their_classes_are_those_of_the_truth(
    schools: dict[str, list[Record]], truth: dict[str, Any]
) -> None:
    found = {
        int(one.id) + ELENOET: (one.given, one.sn, one.title, one.school, [place.name for place in one.classes])
        for records in schools.values()
        for one in records
        if isinstance(one, Pupil)
    }
    assert found == {
        one["id"]: (one["given"], one["sn"], one["title"], *one["schools"], [one["class"]] if one["class"] else [])
        for one in truth["accounts"]
        if one["profile"] == "ELV"
    }


def test_guardians_are_those_of_the_truth_and_each_is_there_once(
    schools: dict[str, list[Record]], truth: dict[str, Any]
) -> None:
    names = {one["id"]: (folded(one["given"]), folded(one["sn"])) for one in truth["accounts"]}
    pupils = {one["id"]: one for one in truth["accounts"] if one["profile"] == "ELV"}
    for school, records in schools.items():
        relatives = {one.ref: (folded(one.given), folded(one.sn)) for one in records if isinstance(one, Relative)}
        for one in records:
            if isinstance(one, Pupil):
                wanted = sorted(names[number] for number in pupils[int(one.id) + ELENOET]["guardians"])
                assert sorted(relatives[link.relative] for link in one.links) == wanted
        wanted_all = {number for one in pupils.values() if one["schools"] == [school] for number in one["guardians"]}
        assert len(relatives) == len(wanted_all)


def test_teams_of_classes_are_those_of_the_truth(schools: dict[str, list[Record]], truth: dict[str, Any]) -> None:
    """Head teachers are not in GEPI's tables, and a login that fits two teachers is nobody's."""
    names = {one["id"]: f"{folded(one['given'])}/{folded(one['sn'])}" for one in truth["accounts"]}
    for school in truth["schools"]:
        records = schools[school["uai"]]
        unclear = {one.value for one in records if isinstance(one, Rejected)}
        groups = {one.name: one.classes for one in records if isinstance(one, GroupRecord)}
        teams: dict[str, set[str]] = {one["name"]: set() for one in school["classes"]}
        for one in records:
            if isinstance(one, Staff):
                places = [service.place.name for service in one.classes]
                places += [name for service in one.groups for name in groups[service.place.name]]
                for name in places:
                    teams[name].add(one.id)
        for one in school["classes"]:
            wanted = {names[number] for number in one["teachers"] if login_of(*_names(names[number])) not in unclear}
            assert wanted - {names[number] for number in one["heads"]} <= teams[one["name"]] <= wanted
        assert unclear == ({"LEFEBVRM"} if school["uai"] == LYCEE else set())


def _names(name: str) -> tuple[str, str]:
    given, _, sn = name.partition("/")
    return given, sn


def test_options_are_groups_of_the_classes_that_have_them(tmp_path: Path) -> None:
    records = read(tmp_path)
    assert [one for one in records if isinstance(one, GroupRecord)] == [
        GroupRecord(LYCEE, "ALL2 6A 5A", "Allemand LV2 6A 5A", ("6A", "5A"))
    ]
    assert [one.groups for one in records if isinstance(one, Pupil)] == [(Place(LYCEE, "ALL2 6A 5A"),), ()]
    staff = next(one for one in records if isinstance(one, Staff))
    assert staff.classes == (Service(Place(LYCEE, "6A"), "MATHS"),)
    assert staff.groups == (Service(Place(LYCEE, "ALL2 6A 5A"), "ALL2"),)
    assert [type(one).__name__ for one in records if isinstance(one, School | Subject | ClassRecord)] == [
        *("School", "Subject", "Subject", "ClassRecord", "ClassRecord")
    ]


def test_a_course_of_several_classes_is_an_option_whatever_it_is_called(tmp_path: Path) -> None:
    before = read(tmp_path)
    assert read(tmp_path, g_prof_disc_classes="DURANDL;MATHS;6A;CG;\nDURANDL;ALL2;6A!5A;CG;\n") == before


def test_keys_and_one_relative_of_two_children(tmp_path: Path) -> None:
    records = read(tmp_path)
    pupils = [one for one in records if isinstance(one, Pupil)]
    day = keys.day_of("18/11/2012")
    assert pupils[0].keys == (*keys.ine("010000001HB"), *keys.born("Zoé", day, "Martin"), "name:zoe/martin")
    relatives = [(one.id, one.ref) for one in records if isinstance(one, Relative)]
    assert relatives == [("5000/paul/martin", "5000/paul/martin"), ("5001/paul/martin", "5000/paul/martin")]
    assert {one.links for one in pupils} == {(Link("5000/paul/martin", 90, 1),)}


def test_one_name_at_two_addresses_or_without_is_two_relatives(tmp_path: Path) -> None:
    moved = SMALL["g_responsables.csv"].replace("1, rue X", "2 rue Y")
    assert len({one.ref for one in read(tmp_path, g_responsables=moved) if isinstance(one, Relative)}) == 2
    bare = "5000;Martin;Paul;M.;;;;\n5001;Martin;Paul;M.;;;;\n"
    relatives = [one for one in read(tmp_path, g_responsables=bare) if isinstance(one, Relative)]
    assert [(one.id, one.postal) for one in relatives] == [("5000/paul/martin", ""), ("5001/paul/martin", "")]


@pytest.mark.parametrize(
    "login",
    [
        *("DURAND", "durandde", "LDURANDD", "ldurand_de_la_tour", "LEA.DURAND_DE_LA_TOUR", "durandde_l", "lea.durand"),
        *("DURAND_2", "durandd_lea", "l-duranddel"),
    ],
)
def test_every_way_of_gepi_to_make_a_login_is_known(tmp_path: Path, login: str) -> None:
    teachers = "Durand de La Tour;Léa-Marie;MME;;\nMartin;Paul;M.;;\nDurec;Luc;M.;;\n"
    found = read(tmp_path, g_professeurs=teachers, g_prof_disc_classes=f"{login};MATHS;6A;CG;\n")
    assert [one.sn for one in found if isinstance(one, Staff) and one.classes] == ["Durand de La Tour"]


def test_what_is_unclear_is_reported_and_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        g_eleves_classes="5000;6A;\n5000;6B;\n5001;5A;\n",
        g_professeurs="Durand;Léa;MME;;\nDurand;Luc;M.;;\nDurand;Léa;;;\n",
        g_prof_disc_classes="DURANDL;MATHS;6A;CG;\nX;MATHS;6A;CG\nDURANDLU;ALL2;6A!5A;OPT\nDURANDLU;ALL2;6A;OPT\n",
        g_eleves_options="5000;ALL2!GREC;\n",
        g_eleves=SMALL["g_eleves.csv"].replace("19/11/2013", "19/13/2013"),
    )
    assert [(one.file, one.line, one.value, one.why) for one in found if isinstance(one, Rejected)] == [
        ("g_professeurs.csv", 3, "Durand", "two teachers of one name: GEPI's tables do not tell who is who"),
        ("g_prof_disc_classes.csv", 1, "DURANDL", "the login fits several teachers: its services are left out"),
        ("g_prof_disc_classes.csv", 2, "X", "the login fits no teacher: its services are left out"),
        ("g_eleves.csv", 1, "6A, 6B", "classes of several periods: the pupil is in each of them"),
        ("g_eleves_options.csv", 1, "ALL2", "several groups of this subject have pupils of the class"),
        ("g_eleves_options.csv", 1, "GREC", "no such group"),
        ("g_eleves.csv", 2, "19/13/2013", "not a date"),
    ]


def test_a_header_windows_1252_and_quotation_marks_are_read(tmp_path: Path) -> None:
    before = read(tmp_path)
    headers = {
        "g_eleves": "Nom;Prénom;Date de naissance;n° identifiant;n° national;a;b;c;Sexe\n",
        "g_eleves_classes": "n° élève;Classe\n",
        "g_professeurs": "Nom;Prénom;Civilité;Mail\n",
        "g_prof_disc_classes": "Login;Matière;Classes;Type\n",
        "g_responsables": "n° élève;Nom;Prénom;Civilité;a;b;c;d\n",
        "g_disciplines": "Nom court;Nom long\n",
    }
    for name, header in headers.items():
        path = tmp_path / f"{name}.csv"
        path.write_bytes((header + path.read_text(encoding="utf-8")).encode("cp1252"))
    assert list(read_gepi(tmp_path, LYCEE)) == before
    quoted = SMALL["g_professeurs.csv"].replace("Durand", 'Durand "Lili')
    assert [one.sn for one in read(tmp_path, g_professeurs=quoted) if isinstance(one, Staff)] == ['Durand "Lili']


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = folder(
        tmp_path,
        g_eleves="Martin;Zoé;18/11/2012;5000;;;NON;EXTERN;F;\n;Léo;19/11/2013;A5001;;;NON;EXTERN;M;\nMartin;Léo\n",
        g_eleves_classes="5000;;\n",
        g_responsables="",
        g_prof_disc_classes=";MATHS;6A;CG;\n",
    )
    assert mistakes(read_gepi(path, "0131002")) == [
        "g_eleves.csv, line 2, column n° identifiant interne: 'A5001' is not a number",
        "g_eleves.csv, line 2, column Nom: empty",
        "g_eleves.csv, line 3: 2 cells instead of 9; look for a missing or unquoted separator",
        "g_eleves_classes.csv, line 1, column Classe: empty",
        "g_prof_disc_classes.csv, line 1, column Login: empty",
        f"{tmp_path.name}: '0131002' is not the code of a school: GEPI's tables do not hold it",
        f"{tmp_path.name}: g_responsables.csv missing: export the tables again from GEPI",
    ]


@pytest.mark.parametrize("name", ["g_eleves", "g_eleves_classes", "g_responsables"])
def test_a_first_line_without_a_number_is_no_header(tmp_path: Path, name: str) -> None:
    number = "5000;" if name != "g_eleves" else ";5000;"
    first = SMALL[f"{name}.csv"].replace(number, number.replace("5000", ""), 1)
    (told,) = mistakes(read_gepi(folder(tmp_path, **{name: first}), LYCEE))
    assert told.startswith(f"{name}.csv, line 1, column ")
    assert told.endswith("'' is not a number")


@given(st.lists(st.text("50001;!.CGOPT\"'?Ab\n é", max_size=60), min_size=7, max_size=7))
def test_no_text_does_more_harm_than_a_mistake(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("texts")
    for text, (name, table) in zip(texts, SMALL.items(), strict=True):
        (path / name).write_text(table + text, encoding="utf-8")
    with contextlib.suppress(DirectoryError):
        list(read_gepi(path, LYCEE))


def test_a_whole_surname_goes_before_the_beginning_of_another(tmp_path: Path) -> None:
    teachers = "Martinez;Paul;M.;;\nMartin;Pia;MME;;\n"
    found = read(tmp_path, g_professeurs=teachers, g_prof_disc_classes="MARTIN;MATHS;6A;CG;\nPMARTINE;MATHS;5A;CG;\n")
    assert [(one.sn, [service.place.name for service in one.classes]) for one in found if isinstance(one, Staff)] == [
        ("Martinez", ["5A"]),
        ("Martin", ["6A"]),
    ]


def test_a_relative_stays_whichever_child_leaves_or_comes(tmp_path: Path, connection: Connection) -> None:
    def line(*pupils: int) -> str:
        return "".join(f"{number};Martin;Paul;M.;1 rue X;;13000;Arles;\n" for number in pupils)

    def child(*pupils: int) -> dict[str, str]:
        day = "18/11/2012"
        return {
            "g_eleves": "".join(f"Martin;Enfant{number};{day};{number};;;NON;EXTERN;F;\n" for number in pupils),
            "g_eleves_classes": "".join(f"{number};6A;\n" for number in pupils),
            "g_responsables": line(*pupils),
            "g_eleves_options": "",
        }

    def taken(*pupils: int) -> tuple[ImportReport, list[int]]:
        feed = Source("gepi", Format.GEPI, LYCEE), read(tmp_path, **child(*pupils))
        report = import_directory(connection, [feed], replace(SETTINGS, force=True))
        of_pupils = select(guardian.c.person_id).distinct()
        return report, list(connection.scalars(of_pupils))

    _, (parent,) = taken(5000, 5001)
    for pupils in ((5001,), (4000, 5001), (3000, 4000), (2000, 3000), (1000, 2000), (1000, 6000)):
        report, found = taken(*pupils)
        assert found == [parent]
        assert not {"relative"} & {*report.added, *report.left}
        assert not report.suspicious[Kind.MERGED_DUPLICATE]
    (name,) = connection.scalars(select(address.c.address).where(address.c.person_id == parent))
    assert name == "paul.martin@ent.example.org"
