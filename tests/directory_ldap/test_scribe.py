"""A Scribe tree, live and from a file, gives the people, classes, families and teams of the demo academy's truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
    Function,
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
)
from directory.readers.scribe import ScribeSettings, read_scribe, read_scribe_ldif
from tests.directory.academy import DATA, expected
from tests.directory.civil import SIECLE_PUPIL, Civil, civil_of_pupils
from tests.directory.projection import (
    COLLEGE,
    guardians_of,
    head_facts,
    heads_of,
    pupil_facts,
    pupils_of,
    team_facts,
    teams_of,
    unpacked,
)
from tests.directory.scribe_tree import base, ldif
from tests.directory_ldap.scribe_schema import scribe_schema
from tests.support.slapd import PASSWORD, Slapd


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def civil(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Civil]:
    return civil_of_pupils(unpacked(DATA / "csv.tar.xz", tmp_path_factory.mktemp("csv")))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, truth: dict[str, Any], civil: dict[int, Civil]) -> list[Record]:
    """What a server gives in pages."""
    folder = tmp_path_factory.mktemp("scribe")
    with Slapd(folder, ldif(truth, COLLEGE, civil), scribe_schema(folder), unpaged=100) as server:
        settings = ScribeSettings(
            url=server.ldaps,
            base=base(COLLEGE),
            bind_dn=server.reader,
            bind_password=PASSWORD,
            ca=server.tls.ca,
            page_size=100,
        )
        return list(read_scribe(settings))


def read(tmp_path: Path, text: str, school: str = COLLEGE) -> list[Record]:
    path = tmp_path / "scribe.ldif"
    path.write_text(text, encoding="utf-8")
    return list(read_scribe_ldif(path, school))


def test_pupils_and_families_are_those_of_the_truth(live: list[Record], truth: dict[str, Any]) -> None:
    pupils = {one.id: int(one.id) + SIECLE_PUPIL for one in live if isinstance(one, Pupil)}
    assert pupil_facts(live, pupils) == pupils_of(truth, [COLLEGE])
    numbers = {one.ref: int(one.id) for one in live if isinstance(one, Relative)}
    found = {
        pupils[one.id]: {numbers[link.relative] for link in one.links if link.legal == 1}
        for one in live
        if isinstance(one, Pupil)
    }
    assert found == guardians_of(truth, [COLLEGE])


def test_staff_teams_and_head_teachers_are_those_of_the_truth(live: list[Record], truth: dict[str, Any]) -> None:
    staff = {one["id"]: one for one in truth["accounts"] if "functions" in one and COLLEGE in one["schools"]}
    assert {int(one.id): (one.given, one.sn, one.title) for one in live if isinstance(one, Staff)} == {
        number: (one["given"], one["sn"], one["title"]) for number, one in staff.items()
    }
    teams = {place: {int(one) for one in found} for place, found in team_facts(live).items()}
    assert teams == teams_of(truth, [COLLEGE])
    heads = {place: {int(one) for one in found} for place, found in head_facts(live).items()}
    assert heads == heads_of(truth, [COLLEGE])


def test_classes_and_groups_are_those_of_the_pupils(live: list[Record], truth: dict[str, Any]) -> None:
    school = truth["schools"][0]
    assert {one.name for one in live if isinstance(one, ClassRecord)} == {one["name"] for one in school["classes"]}
    assert {one.name: sorted(one.classes) for one in live if isinstance(one, GroupRecord)} == {
        one["code"]: sorted(one["classes"]) for one in school["groups"]
    }
    assert [one for one in live if isinstance(one, School | Rejected)] == [School(COLLEGE, COLLEGE, "", "", "")]


def test_a_file_gives_what_the_server_gives(
    live: list[Record], truth: dict[str, Any], civil: dict[int, Civil], tmp_path: Path
) -> None:
    assert sorted(map(repr, read(tmp_path, ldif(truth, COLLEGE, civil)))) == sorted(map(repr, live))


TREE = (
    "dn: ou=utilisateurs,ou=0131001T,ou=ac-x,ou=education,c=fr\nobjectClass: organizationalUnit\n\n"
    "dn: ou=groupes,ou=0131001T,ou=ac-x,ou=education,c=fr\nobjectClass: organizationalUnit\n\n"
)
PUPIL = (
    "dn: uid=zoe,ou=local,ou=eleves,ou=utilisateurs,ou=0131001T,ou=ac-x,ou=education,c=fr\nobjectClass: ENTEleve\n"
    "uid: zoe\nsn: Martin\ngivenName: Zoe\nintid: 700001\nemployeeNumber: 5000\nIne: 010000001HB\nENTPersonSexe: F\n"
    "ENTPersonDateNaissance: 20121118\n"
)


def test_keys_and_number_of_a_pupil(tmp_path: Path) -> None:
    text = TREE + PUPIL
    pupil = next(one for one in read(tmp_path, text) if isinstance(one, Pupil))
    day = keys.day_of("18/11/2012")
    assert (pupil.id, pupil.title) == ("700001", "Mme")
    assert pupil.keys == (
        *keys.ine("010000001HB"),
        "eleve:700001",
        *keys.born("Zoe", day, "Martin"),
        "name:zoe/martin",
    )
    pupil = next(one for one in read(tmp_path, text.replace("intid: 700001\n", "")) if isinstance(one, Pupil))
    assert pupil.id == "5000"


def test_the_class_of_another_school_is_left_out_and_a_broken_one_reported(tmp_path: Path) -> None:
    classes = (
        "ENTEleveClasses: OU=0131001t, ou=ac-x,ou=education,c=fr$6A\n"
        "ENTEleveClasses: ou=0131002U,ou=ac-x,ou=education,c=fr$2NDE 1\nENTEleveClasses: 6B\n"
    )
    found = read(tmp_path, TREE + PUPIL + classes)
    assert [one.classes for one in found if isinstance(one, Pupil)] == [(Place(COLLEGE, "6A"),)]
    assert [(one.id, one.value) for one in found if isinstance(one, Rejected)] == [("700001", "6B")]


def test_a_team_that_fits_two_classes_is_reported_and_left_out(tmp_path: Path) -> None:
    own = "ou=0131001T,ou=ac-x,ou=education,c=fr"
    classes = "".join(f"ENTEleveClasses: {own}${name}\n" for name in ("1STMG 2", "1STMG-2", "6ème A"))
    teacher = PUPIL.replace("zoe", "paul").replace("ENTEleve", "ENTAuxEnseignant").replace("700001", "1")
    teams = "".join(
        f"\ndn: cn=profs-{name},ou=local,ou=groupes,{own}\nobjectClass: posixGroup\ncn: profs-{name}\ntype: {kind}\n"
        "memberUid: PAUL\n"
        for name, kind in (("1stmg-2", "Equipe"), ("6eme_a", "equipe"), ("5a", "Groupe"))
    )
    found = read(tmp_path, f"{TREE}{PUPIL}{classes}\n{teacher}{teams}")
    assert [(one.id, one.why) for one in found if isinstance(one, Rejected)] == [
        ("profs-1stmg-2", "the team of 1STMG 2 or 1STMG-2: left out")
    ]
    assert [one.classes for one in found if isinstance(one, Staff)] == [(Service(Place(COLLEGE, "6ème A")),)]


def test_parental_authority_tells_guardians_from_others(tmp_path: Path) -> None:
    own = "ou=utilisateurs,ou=0131001T,ou=ac-x,ou=education,c=fr"
    relatives = "".join(
        f"\ndn: uid={name},ou=local,ou=responsables,{own}\nobjectClass: ENTAuxPersRelEleve\nuid: {name}\nsn: {name}\n"
        f"ENTAuxPersRelEleveEleve: UID=zoe, ou=local,ou=eleves,{own}\n"
        for name in ("paul", "lea")
    )
    paul, lea = (f"uid={name},ou=local,ou=responsables,{own}".lower() for name in ("paul", "lea"))
    found = read(tmp_path, TREE + PUPIL + relatives)
    assert [one.links for one in found if isinstance(one, Pupil)] == [(Link(paul, 90, 1), Link(lea, 90, 1))]
    authority = f"ENTEleveAutoriteParentale: uid=lea,ou=local,ou=responsables,{own}\n"
    found = read(tmp_path, TREE + PUPIL + authority + relatives)
    assert [one.links for one in found if isinstance(one, Pupil)] == [(Link(paul, 90, 0), Link(lea, 90, 1))]


@pytest.mark.parametrize(
    ("kind", "code"), [("ENTAuxNonEnsEtab", "ADF"), ("ENTDirecteur", "DIR"), ("entauxnonenscollloc", "ADF")]
)
def test_staff_who_do_not_teach(tmp_path: Path, kind: str, code: str) -> None:
    office = TREE + PUPIL.replace("ENTEleve", kind)
    staff = next(one for one in read(tmp_path, office) if isinstance(one, Staff))
    assert (staff.functions, staff.before_pupils) == ((Function(COLLEGE, code),), False)


@pytest.mark.parametrize(
    ("text", "school", "why"),
    [
        (TREE, "", "not the code of a school"),
        (TREE.replace("ou=groupes", "ou=groups"), COLLEGE, "no branch ou=groupes"),
        (TREE + PUPIL.replace("sn: Martin", "sn:: TWFyCnRpbg=="), COLLEGE, "control character"),
        (TREE + "dn: uid=a,ou=utilisateurs,c=fr\nobjectClass: ENTEleve\n", COLLEGE, "no intid"),
        (TREE + PUPIL.replace("dn: uid=zoe", "dn: zoe"), COLLEGE, "without a usable name"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, school: str, why: str) -> None:
    with pytest.raises(DirectoryError, match=why):
        read(tmp_path, text, school)


def test_the_school_is_that_of_the_base_or_of_the_settings() -> None:
    nowhere = ScribeSettings(url="ldaps://127.0.0.1:1", base="dc=example")
    with pytest.raises(DirectoryError, match="no connection"):
        list(read_scribe(nowhere))
