"""Entries of every dialect become the records of AAF; names of entries compare whatever their spelling."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model import (
    ClassRecord,
    DirectoryError,
    Function,
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
from directory.readers.ldap_entry import Entry
from directory.readers.sdet_dn import fold_dn
from directory.readers.sdet_entries import PERSON_ATTRIBUTES, SdetTree

SCHOOL = "ENTStructureSIREN=19131310015001,ou=structures,dc=ent"
UAI = "0131001T"


def entry(dn: str, **attributes: str | list[str]) -> Entry:
    return Entry(
        dn,
        {
            name: [value.encode() for value in (values if isinstance(values, list) else [values])]
            for name, values in attributes.items()
        },
    )


def tree() -> SdetTree:
    made = SdetTree("ldaps://localhost")
    list(made.structures([structure()]))
    return made


def structure(name: str = "Collège Frédéric-Mistral", **more: str | list[str]) -> Entry:
    return entry(
        SCHOOL,
        objectClass=["ENTStructure", "ENTEtablissement"],
        ENTStructureUAI=UAI,
        ENTStructureTypeStruct="COLLEGE",
        ENTStructureNomCourant=name,
        **more,
    )


def only(entry: Entry) -> Record:
    found = list(tree().person(entry))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=1_4LAT\+GRC,ou=groupes,dc=ent", r"CN=1_4LAT\2bGRC, OU=Groupes ,dc=ENT"),
        (r"uid=a\,b,dc=ent", r"uid=a\2Cb;dc=ent"),
        (r"cn=Lo\c3\a8s,dc=ent", "cn=Loès,dc=ent"),
        (r"cn=a+sn=b,dc=ent", "CN=A + SN=b,DC=ent"),
        (r"cn=a\\,dc=ent", r"cn=a\5c,dc=ent"),
    ],
)
def test_a_name_has_many_spellings(one: str, other: str) -> None:
    assert fold_dn(one) == fold_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(r"cn=a\+b=c,dc=ent", "cn=a+b=c,dc=ent"), (r"cn=a\,dc=x,dc=ent", "cn=a,dc=x,dc=ent"), ("cn=a,dc=b", "cn=a,dc=c")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert fold_dn(one) != fold_dn(other)


@pytest.mark.parametrize("text", ["", "6A", "cn=a,", "cn=a,,dc=b", "=a", ",", "cn=a\\", "cn", "cn=" + "a" * 3000])
def test_what_is_not_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="DN"):
        fold_dn(text)


@given(st.text(st.sampled_from('cn=a,+;\\2bé $#"<>'), max_size=40) | st.text(max_size=60))
def test_a_folded_name_has_no_dollar_and_folds_to_itself(text: str) -> None:
    with contextlib.suppress(ValueError):
        folded = fold_dn(text)
        assert "$" not in folded
        assert fold_dn(folded) == folded


def test_a_school_is_known_by_its_uai_and_its_bare_name() -> None:
    found = list(SdetTree("x").structures([structure(ENTStructureClasses="6ème A$6ème A 6EME$10010012110")]))
    assert found == [
        School(UAI, UAI, "", "COLLEGE", "Frédéric-Mistral"),
        ClassRecord(UAI, "6ème A", "6ème A 6EME", ("10010012110",)),
    ]
    named = list(SdetTree("x").structures([structure(ou="CLG-FRÉDÉRIC-MISTRAL-ac-EXEMPLE")]))
    assert named == [School(UAI, UAI, "", "COLLEGE", "FRÉDÉRIC-MISTRAL")]


@pytest.mark.parametrize(
    ("official", "name"),
    [
        *(
            ("COLLEGE JEAN MOULIN", "JEAN MOULIN"),
            ("LYCEE VICTOR-HUGO", "VICTOR-HUGO"),
            ("LE CORBUSIER", "LE CORBUSIER"),
        ),
        *(("LYCEE POLYVALENT LE CORBUSIER", "LE CORBUSIER"), ("Collège privé Notre-Dame", "Notre-Dame")),
        *(("CLG JEAN MOULIN", "JEAN MOULIN"), ("LPO-JEAN MOULIN", "JEAN MOULIN"), ("COLLEGE", "COLLEGE")),
    ],
)
def test_the_name_of_a_school_in_capitals_keeps_its_first_word(official: str, name: str) -> None:
    found = next(SdetTree("x").structures([structure(name=official)]))
    assert isinstance(found, School)
    assert found.name == name


@pytest.mark.parametrize("school", [SCHOOL, SCHOOL.upper(), SCHOOL.replace(",", ", "), UAI, UAI.lower()])
def test_a_school_may_be_named_by_dn_or_uai(school: str) -> None:
    found = only(
        entry(
            "uid=p1,ou=people,dc=ent",
            objectClass=["ENTPerson", "ENTEleve"],
            ENTPersonJointure="10000001",
            sn="Schmitt",
            givenName="Youssef",
            ENTPersonStructRattach=SCHOOL,
            ENTEleveClasses=f"{school}$4ème B",
            ENTEleveGroupes=f"{school}$4LAT+GRC",
            ENTElevePersRelEleve="UID=r1, ou=people, dc=ent$10$1$1$0$1",
        )
    )
    assert found == Pupil(
        "10000001",
        "Schmitt",
        "Youssef",
        "",
        UAI,
        classes=(Place(UAI, "4ème B"),),
        groups=(Place(UAI, "4LAT+GRC"),),
        links=(Link("uid=r1,ou=people,dc=ent", 10, 1),),
        keys=("name:youssef/schmitt",),
    )


def test_a_name_may_hold_a_dollar_sign() -> None:
    found = only(
        entry(
            "uid=p,dc=ent",
            objectClass="ENTEleve",
            ENTPersonJointure="1",
            ENTEleveClasses="ENTStructureSIREN=1,ou=a$b,dc=ent$6A",
            ENTElevePersRelEleve="uid=r$1,dc=ent$10$1$1$0$1",
        )
    )
    assert isinstance(found, Pupil)
    assert found.classes == (Place(r"entstructuresiren=1,ou=a\24b,dc=ent", "6A"),)
    assert found.links == (Link(r"uid=r\241,dc=ent", 10, 1),)


def test_a_relative_is_named_by_links_as_its_entry_is() -> None:
    found = only(
        entry(
            "uid=R1,ou=people, dc=ent", objectClass="ENTAuxPersRelEleve", ENTPersonJointure="2", sn="A", givenName="B"
        )
    )
    assert found == Relative("2", "uid=r1,ou=people,dc=ent", "A", "B", "")


def test_attribute_names_are_known_in_any_case() -> None:
    found = only(entry("uid=r,dc=ent", OBJECTCLASS="EntAuxPersRelEleve", entpersonjointure="2", SN="A", givenname="B"))
    assert isinstance(found, Relative)
    assert (found.sn, found.given) == ("A", "B")


def test_a_teacher_with_full_and_short_functions() -> None:
    found = only(
        entry(
            "uid=t,dc=ent",
            objectClass="ENTAuxEnseignant",
            ENTPersonJointure="1",
            sn="David",
            givenName="Théo",
            ENTPersonFonctions=[f"{SCHOOL}$ENS$ENSEIGNEMENT$L0202$LETTRES MODERNES", f"{UAI}$ADF"],
            ENTAuxEnsClassesMatieres=f"{SCHOOL}$6ème A$020700",
            ENTAuxEnsClassesPrincipal=f"{SCHOOL}$6ème A",
        )
    )
    assert found == Staff(
        "1",
        "David",
        "Théo",
        "",
        functions=(Function(UAI, "ENS", "L0202", "LETTRES MODERNES"), Function(UAI, "ADF")),
        classes=(Service(Place(UAI, "6ème A"), "020700"),),
        head_of=(Place(UAI, "6ème A"),),
        before_pupils=True,
        keys=("name:theo/david",),
    )


@pytest.mark.parametrize(
    ("profile", "before_pupils"),
    [
        ("National_ENS", True),
        ("national_doc", True),
        ("National_3", True),
        ("enseignant", True),
        ("cn=National_ENS,ou=profils,ou=groupes,dc=ent", True),
        ("National_ETA", False),
        ("National_30", False),
        ("administratif", False),
    ],
)
def test_profiles_of_every_platform(profile: str, before_pupils: bool) -> None:  # noqa: FBT001
    found = only(
        entry("uid=t,dc=ent", objectClass="ENTAuxNonEnsEtab", ENTPersonJointure="1", ENTPersonProfils=profile, sn="A")
    )
    assert isinstance(found, Staff)
    assert found.before_pupils is before_pupils


@pytest.mark.parametrize("value", ["6A", "$6A", f"{SCHOOL}$", "not a dn$6A"])
def test_a_value_that_does_not_fit_is_rejected_alone(value: str) -> None:
    pupil, *rejected = tree().person(
        entry("uid=p,dc=ent", objectClass="ENTEleve", ENTPersonJointure="1", ENTEleveClasses=[value, f"{UAI}$6B"])
    )
    assert isinstance(pupil, Pupil)
    assert pupil.classes == (Place(UAI, "6B"),)
    assert len(rejected) == 1
    assert isinstance(rejected[0], Rejected)
    assert rejected[0].attribute == "ENTEleveClasses"


def test_a_tutor_of_work_placements_has_no_record() -> None:
    assert list(tree().person(entry("uid=x,dc=ent", objectClass="ENTAuxTuteurStage", ENTPersonJointure="1"))) == []


@pytest.mark.parametrize("identifier", ["", "1" * 41])
def test_a_person_without_a_number_is_rejected(identifier: str) -> None:
    found = only(entry("uid=x,dc=ent", objectClass="ENTEleve", ENTPersonJointure=identifier))
    assert isinstance(found, Rejected)


def test_an_entry_without_measure_is_an_error() -> None:
    with pytest.raises(DirectoryError, match="octets"):
        list(tree().person(entry("uid=x,dc=ent", objectClass="ENTEleve", sn="x" * 2_000_000)))


_values = st.binary(max_size=40) | st.sampled_from([SCHOOL.encode(), f"{SCHOOL}$a$b$c$d$e".encode(), b"$$$$$$", b"1"])


@given(
    st.dictionaries(st.sampled_from(PERSON_ATTRIBUTES), st.lists(_values, max_size=3)),
    st.sampled_from([b"ENTEleve", b"ENTAuxEnseignant", b"ENTAuxPersRelEleve"]),
)
def test_hostile_entries_raise_nothing_else(attributes: dict[str, list[bytes]], kind: bytes) -> None:
    with contextlib.suppress(DirectoryError):
        list(tree().person(Entry("uid=x,dc=ent", {**attributes, "objectClass": [kind]})))
