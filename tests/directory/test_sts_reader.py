"""The STSWEB reader: exactly the demo's teams, head teachers and functions; the wrong file, school or year."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from directory import keys
from directory.model import (
    DirectoryError,
    Function,
    Place,
    Record,
    Rejected,
    School,
    Service,
    Staff,
)
from directory.names import folded
from directory.readers.sts import read_sts
from tests.directory.academy import DATA, expected
from tests.directory.hostile_xml import SHAPES
from tests.directory.projection import (
    COLLEGE,
    LYCEE,
    SCHOOLS,
    head_facts,
    heads_of,
    structure_facts,
    structures_of,
    team_facts,
    teams_of,
    unpacked,
)

YEAR = 2025
SAMPLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<STS_EDT><PARAMETRES><UAJ CODE="{uai}"><DENOM_PRINC>Lycee Polyvalent'
    '</DENOM_PRINC><DENOM_COMPL>JULES FERRY</DENOM_COMPL></UAJ><ANNEE_SCOLAIRE ANNEE="{year}"/>'
    "<HORODATAGE>2025-11-15 08:30:00</HORODATAGE></PARAMETRES><DONNEES>{data}</DONNEES></STS_EDT>"
)
PERSON = (
    '<INDIVIDUS><INDIVIDU ID="12" TYPE="epp"><CIVILITE>2</CIVILITE><NOM_USAGE>MARTIN</NOM_USAGE><NOM_PATRONYMIQUE>'
    "LE ROUX</NOM_PATRONYMIQUE><PRENOM>ZOE</PRENOM><DATE_NAISSANCE>1968-07-13</DATE_NAISSANCE><FONCTION>ENS</FONCTION>"
    "{more}</INDIVIDU></INDIVIDUS>"
)


def sample(data: str = "", *, uai: str = COLLEGE, year: int | str = YEAR) -> str:
    return SAMPLE.format(uai=uai, year=year, data=data or PERSON.format(more=""))


def read(tmp_path: Path, text: str) -> list[Record]:
    path = tmp_path / "a.xml"
    path.write_text(text, encoding="utf-8")
    return list(read_sts(path, YEAR))


def member(records: list[Record]) -> Staff:
    return next(one for one in records if isinstance(one, Staff))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(DATA / "sts.tar.xz", tmp_path_factory.mktemp("sts"))


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Record]:
    """Both schools of the demo; one of the files is ISO-8859-1."""
    return [record for school in SCHOOLS for record in read_sts(folder / f"sts_emp_{school}_{YEAR}.xml", YEAR, school)]


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


def true_number(number: str) -> int:
    """STS holds the number without its million."""
    kind, _, digits = number.partition("-")
    assert kind == "epp"
    return 1_000_000 + int(digits)


def true_numbers(found: dict[tuple[str, str], set[str]]) -> dict[tuple[str, str], set[int]]:
    return {place: {true_number(one) for one in numbers} for place, numbers in found.items()}


def test_teams_and_head_teachers_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert true_numbers(team_facts(records)) == teams_of(truth)
    assert true_numbers(head_facts(records)) == heads_of(truth)


def test_teachers_of_groups_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    found: dict[tuple[str, str], set[int]] = {}
    for one in records:
        if isinstance(one, Staff):
            for service in one.groups:
                found.setdefault((service.place.school, service.place.name), set()).add(true_number(one.id))
    assert found == {
        (school["uai"], group["code"]): set(group["teachers"])
        for school in truth["schools"]
        for group in school["groups"]
    }


def test_staff_have_the_names_titles_and_functions_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    """A code of discipline comes with ENS alone; who has no function in the school is given one by STSWEB."""
    accounts = {one["id"]: one for one in truth["accounts"] if "functions" in one}
    seen: dict[int, dict[str, Any]] = {}
    for one in records:
        if not isinstance(one, Staff):
            continue
        account = accounts.pop(true_number(one.id), None) or seen[true_number(one.id)]
        seen[account["id"]] = account
        names = folded(one.given), folded(one.sn), one.title
        assert names == (folded(account["given"]), folded(account["sn"]), account["title"])
        uai = next(iter({each.school for each in one.functions}))
        here = {(code, what if code == "ENS" else "") for school, code, what in account["functions"] if school == uai}
        elsewhere = {(code, "") for _, code, _ in account["functions"][:1]} or {("ENS", "")}
        assert {(each.code, each.discipline) for each in one.functions} == (here or elsewhere)
    assert not accounts


def test_classes_and_groups_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert structure_facts(records) == structures_of(truth)


def test_schools_have_kind_and_name(records: list[Record]) -> None:
    assert [one for one in records if isinstance(one, School)] == [
        School(COLLEGE, COLLEGE, "", "COLLEGE", "FRÉDÉRIC-MISTRAL"),
        School(LYCEE, LYCEE, "", "LYCEE", "FRÉDÉRIC-MISTRAL"),
    ]


def test_a_teacher_of_both_schools_has_the_same_keys_in_both(records: list[Record]) -> None:
    found: dict[tuple[str, ...], int] = {}
    for one in records:
        if isinstance(one, Staff):
            found[one.keys] = found.get(one.keys, 0) + 1
    assert set(found.values()) == {1, 2}


def test_keys_and_functions_of_a_member_of_staff(tmp_path: Path) -> None:
    more = (
        '<DISCIPLINES><DISCIPLINE CODE="L1300"><LIBELLE_COURT>MATHEMATIQUES</LIBELLE_COURT></DISCIPLINE>'
        '<DISCIPLINE CODE="L1500"><LIBELLE_COURT>PHYSIQUE</LIBELLE_COURT></DISCIPLINE></DISCIPLINES>'
    )
    records = read(tmp_path, sample(PERSON.format(more=more)))
    one = member(records)
    day = keys.day_of("1968-07-13")
    assert one.keys == (*keys.born("zoe", day, "martin"), *keys.born("zoe", day, "le roux"), "name:zoe/martin")
    assert one.functions == (
        Function(COLLEGE, "ENS", "L1300", "MATHEMATIQUES"),
        Function(COLLEGE, "ENS", "L1500", "PHYSIQUE"),
    )
    assert (one.id, one.title, one.before_pupils) == ("epp-12", "Mme", True)
    assert records[0] == School(COLLEGE, COLLEGE, "", "LYCEE", "JULES FERRY")


def test_a_local_person_has_no_birth_date_and_may_share_the_number(tmp_path: Path) -> None:
    data = PERSON.format(more="").replace(
        "</INDIVIDUS>",
        '<INDIVIDU ID="12" TYPE="local"><NOM_USAGE>DUPONT</NOM_USAGE><PRENOM>LEA</PRENOM></INDIVIDU></INDIVIDUS>',
    )
    found = [one for one in read(tmp_path, sample(data)) if isinstance(one, Staff)]
    assert [(one.id, one.functions) for one in found[1:]] == [("local-12", ())]
    assert found[1].keys == ("name:lea/dupont",)
    assert not found[1].before_pupils


def test_services_before_and_after_the_people(tmp_path: Path) -> None:
    division = (
        '<STRUCTURE><DIVISIONS><DIVISION CODE="6A"><SERVICES><SERVICE CODE_MATIERE="020700"><ENSEIGNANTS><ENSEIGNANT '
        'ID="12" TYPE="epp"/><ENSEIGNANT ID="99" TYPE="epp"/></ENSEIGNANTS></SERVICE></SERVICES></DIVISION></DIVISIONS>'
        "</STRUCTURE>"
    )
    people = PERSON.format(more="")
    for data in (division + people, people + division):
        records = read(tmp_path, sample(data))
        assert member(records).classes == (Service(Place(COLLEGE, "6A"), "020700"),)
        assert [one.id for one in records if isinstance(one, Rejected)] == ["epp-99"]


@pytest.mark.parametrize(
    ("end", "heads"), [("2025-10-31", ()), ("2026-08-31", (Place(COLLEGE, "6A"),)), ("", (Place(COLLEGE, "6A"),))]
)
def test_a_former_head_teacher_is_none(tmp_path: Path, end: str, heads: tuple[Place, ...]) -> None:
    more = (
        "<PROFS_PRINC><PROF_PRINC><CODE_STRUCTURE>6A</CODE_STRUCTURE>"
        f"<DATE_DEBUT>2025-09-01</DATE_DEBUT><DATE_FIN>{end}</DATE_FIN></PROF_PRINC></PROFS_PRINC>"
    )
    assert member(read(tmp_path, sample(PERSON.format(more=more)))).head_of == heads


def test_the_upward_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="this is emp_sts"):
        read(tmp_path, '<?xml version="1.0"?><EDT_STS/>')


def test_school_and_year_are_checked(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DirectoryError, match="2024-2025, not 2025-2026"):
        read(tmp_path, sample(year=2024))
    with pytest.raises(DirectoryError, match="names no school"):
        read(tmp_path, sample(uai="0131001B"))
    with pytest.raises(DirectoryError, match=f"{LYCEE} is expected"):
        list(read_sts(folder / f"sts_emp_{COLLEGE}_{YEAR}.xml", YEAR, LYCEE))
    with pytest.raises(DirectoryError, match="no heading"):
        read(tmp_path, f"<STS_EDT><DONNEES>{PERSON.format(more='')}</DONNEES></STS_EDT>")


def test_one_export_in_a_folder_or_a_zip(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DirectoryError, match=r"sts_emp_0131001T_2025\.xml is an export of STSWEB as well"):
        list(read_sts(folder, YEAR))
    with pytest.raises(DirectoryError, match="export it from STSWEB"):
        list(read_sts(tmp_path, YEAR))
    (tmp_path / "Communs.xml").write_text("<BEE_COMMUN/>")
    with zipfile.ZipFile(tmp_path / "sts.zip", "w") as archive:
        archive.write(folder / f"sts_emp_{COLLEGE}_{YEAR}.xml", "x/sts.xml")
    alone = list(read_sts(folder / f"sts_emp_{COLLEGE}_{YEAR}.xml", YEAR))
    assert list(read_sts(tmp_path, YEAR)) == list(read_sts(tmp_path / "sts.zip", YEAR)) == alone


def test_a_person_twice_or_without_number_is_refused(tmp_path: Path) -> None:
    person = PERSON.format(more="")
    with pytest.raises(DirectoryError, match="INDIVIDU epp-12 is there twice"):
        read(tmp_path, sample(person + person))
    with pytest.raises(DirectoryError, match="no usable ID"):
        read(tmp_path, sample(person.replace('ID="12"', "")))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_file_is_refused(tmp_path: Path, shape: str) -> None:
    make, reason = SHAPES[shape]
    path = tmp_path / "a.xml"
    path.write_bytes(make(sample()))
    with pytest.raises(DirectoryError, match=reason) as refused:
        list(read_sts(path, YEAR))
    assert (refused.value.file, refused.value.line is not None) == ("a.xml", True)
