"""A tree of LCS, live and from a file, gives the pupils, classes and teams of the demo academy's truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
    Function,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Service,
    Staff,
)
from directory.readers.lcs import LcsSettings, read_lcs, read_lcs_ldif
from tests.directory.academy import DATA, expected
from tests.directory.demo_feeds import LCS_FILES
from tests.directory.projection import COLLEGE, SCHOOLS, pupils_of, team_facts, teams_of, unpacked
from tests.support.slapd import PASSWORD, Slapd

NIS = Path("/etc/ldap/schema/nis.schema")


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The LDIF files of the demo."""
    return unpacked(DATA / "lcs.tar.xz", tmp_path_factory.mktemp("lcs"))


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Record]:
    return [one for school, name in LCS_FILES.items() for one in read_lcs_ldif(folder / name, school)]


def test_pupils_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    found = {
        int(one.id): (one.given, one.sn, one.title, one.school, [place.name for place in one.classes])
        for one in records
        if isinstance(one, Pupil)
    }
    accounts = {one["id"]: one for one in truth["accounts"]}
    assert found == {
        number: (*(accounts[number][name] for name in ("given", "sn", "title")), *one["schools"], one["classes"])
        for number, one in pupils_of(truth).items()
    }


def test_classes_and_teams_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    teams = {place: {int(one) for one in found} for place, found in team_facts(records).items()}
    assert teams == teams_of(truth)
    assert {(one.school, one.name) for one in records if isinstance(one, ClassRecord)} == {
        (school["uai"], one["name"]) for school in truth["schools"] for one in school["classes"]
    }


def test_staff_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    accounts = {one["id"]: one for one in truth["accounts"]}
    staff = [one for one in records if isinstance(one, Staff)]
    schools = {number: one["schools"] for number, one in accounts.items() if "functions" in one and one["schools"]}
    found: dict[int, list[str]] = {}
    for one in staff:
        account = accounts[int(one.id)]
        assert (one.given, one.sn, one.title) == (account["given"], account["sn"], account["title"])
        found.setdefault(account["id"], []).extend(function.school for function in one.functions)
    assert {number: sorted(of) for number, of in found.items() if number in schools} == schools
    teachers = {one.id for one in staff if one.before_pupils}
    assert teachers >= {str(one["id"]) for one in accounts.values() if one["profile"] in ("ENS", "DOC")}


def test_there_is_nothing_else(records: list[Record]) -> None:
    assert not [one for one in records if isinstance(one, Relative | Rejected)]
    assert [one for one in records if isinstance(one, School)] == [School(uai, uai, "", "", "") for uai in SCHOOLS]


def test_a_live_tree_gives_what_the_file_gives(folder: Path, tmp_path: Path) -> None:
    path = folder / LCS_FILES[COLLEGE]
    with Slapd(tmp_path, path.read_text(encoding="utf-8"), NIS, unpaged=100) as server:
        settings = LcsSettings(
            url=server.ldap,
            base=f"ou=lcs,{server.suffix}",
            bind_dn=server.reader,
            bind_password=PASSWORD,
            ca=server.tls.ca,
            page_size=60,
            school=COLLEGE,
        )
        live = list(read_lcs(settings))
    assert sorted(map(repr, live)) == sorted(map(repr, read_lcs_ldif(path, COLLEGE)))


TREE = """\
dn: ou=People,dc=x
objectClass: organizationalUnit

dn: ou=Groups,dc=x
objectClass: organizationalUnit

dn: cn=Eleves,ou=Groups,dc=x
objectClass: posixGroup
cn: Eleves
memberUid: ZoeM

dn: cn=Profs,ou=Groups,dc=x
objectClass: groupOfNames
cn: Profs
member: UID=lead, ou=People,dc=x

dn: cn=Administratifs,ou=Groups,dc=x
objectClass: posixGroup
cn: Administratifs
memberUid: paulb

dn: cn=Classe_6eme_A,ou=Groups,dc=x
objectClass: posixGroup
cn: Classe_6eme_A
description:: NsOobWUgQQ==
memberUid: zoem

dn: cn=Equipe_6eme_A,ou=Groups,dc=x
objectClass: groupOfNames
cn: Equipe_6eme_A
description: the teachers of this class
member: uid=lead,ou=People,dc=x
member: uid=oldt,ou=People,dc=x
owner: uid=lead,ou=People,dc=x

"""


def person(login: str, **values: str) -> str:
    lines = "".join(f"{name}: {value}\n" for name, value in values.items())
    return f"dn: uid={login},ou=People,dc=x\nobjectClass: posixAccount\nuid: {login}\n{lines}\n"


PEOPLE = (
    person("zoem", sn="Martin", givenName="Zoe", gecos="Zoe Martin,20121118,F,N")
    + person("lead", cn="Lea Durand", givenName="Lea", employeeNumber="P12")
    + person("paulb", sn="Bel", givenName="Paul", gecos="Paul Bel")
    + person("oldt", sn="Old", givenName="Tom")
    + person("www-data", sn="server")
)


def read(tmp_path: Path, text: str, school: str = COLLEGE) -> list[Record]:
    path = tmp_path / "lcs.ldif"
    path.write_text(text, encoding="utf-8")
    return list(read_lcs_ldif(path, school))


def test_members_by_login_and_by_dn_owners_and_what_is_missing(tmp_path: Path) -> None:
    people = [one for one in read(tmp_path, PEOPLE + TREE) if isinstance(one, Pupil | Staff)]
    day = keys.day_of("18/11/2012")
    place = Place(COLLEGE, "6ème A")
    assert people == [
        Pupil(
            "zoem",
            "Martin",
            "Zoe",
            "Mme",
            COLLEGE,
            classes=(place,),
            keys=(*keys.born("Zoe", day, "Martin"), "name:zoe/martin"),
        ),
        Staff(
            "P12",
            "Durand",
            "Lea",
            "",
            functions=(Function(COLLEGE, "ENS"),),
            classes=(Service(place),),
            head_of=(place,),
            before_pupils=True,
            keys=("name:lea/durand",),
        ),
        Staff("paulb", "Bel", "Paul", "", functions=(Function(COLLEGE, "ADF"),), keys=("name:paul/bel",)),
        Staff(
            "oldt",
            "Old",
            "Tom",
            "",
            functions=(Function(COLLEGE, "ENS"),),
            classes=(Service(place),),
            before_pupils=True,
            keys=("name:tom/old",),
        ),
    ]


@pytest.mark.parametrize(
    ("text", "school", "why"),
    [
        (PEOPLE + TREE, "", "not the code of a school"),
        (PEOPLE + TREE.replace("cn: Eleves", "cn: Pupils"), COLLEGE, "no group Eleves"),
        (PEOPLE, COLLEGE, "no branch ou=Groups"),
        (PEOPLE + TREE.replace("UID=lead,", "lead,"), COLLEGE, "a member without a usable name"),
        (PEOPLE.replace("sn: Martin", "sn:: TWFyCnRpbg==") + TREE, COLLEGE, "control character"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, school: str, why: str) -> None:
    with pytest.raises(DirectoryError, match=why):
        read(tmp_path, text, school)


def test_who_is_among_pupils_and_teachers_is_a_pupil(tmp_path: Path) -> None:
    tree = TREE.replace("member: UID=lead,", "member: uid=zoem,ou=People,dc=x\nmember: UID=lead,")
    found = read(tmp_path, PEOPLE + tree)
    assert [one.id for one in found if isinstance(one, Pupil)] == ["zoem"]
    assert "zoem" not in [one.id for one in found if isinstance(one, Staff)]
