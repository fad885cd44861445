"""The SIECLE reader: exactly the demo's pupils, families and structures; old and new forms; a wrong school or year."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from directory import keys
from directory.model import (
    DirectoryError,
    Link,
    Mef,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Staff,
    Subject,
)
from directory.nomenclature import level_of_stat
from directory.readers.siecle import read_siecle
from tests.directory.academy import DATA, expected
from tests.directory.hostile_xml import SHAPES
from tests.directory.projection import (
    COLLEGE,
    LYCEE,
    SCHOOLS,
    guardian_facts,
    guardians_of,
    pupil_facts,
    pupils_of,
    relative_facts,
    relatives_of,
    structure_facts,
    structures_of,
    unpacked,
)

YEAR = 2025
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<{root} VERSION="2.1"><PARAMETRES><UAJ>{uai}</UAJ>'
    "<ANNEE_SCOLAIRE>{year}</ANNEE_SCOLAIRE></PARAMETRES><DONNEES>"
)


def document(root: str, data: str, *, uai: str = COLLEGE, year: int | str = YEAR) -> str:
    return f"{HEAD.format(root=root, uai=uai, year=year)}{data}</DONNEES></{root}>"


PUPIL = (
    '<ELEVES><ELEVE ELEVE_ID="7"><ID_NATIONAL>010000001HB</ID_NATIONAL><NOM_DE_FAMILLE>MARTIN</NOM_DE_FAMILLE>'
    "<PRENOM>Zoé</PRENOM><DATE_NAISS>18/11/2012</DATE_NAISS><CODE_SEXE>2</CODE_SEXE></ELEVE></ELEVES>"
)


def archive(school: str) -> Path:
    return DATA / f"siecle-{school}.tar.xz"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Both schools of the demo."""
    return [record for school in SCHOOLS for record in read_siecle(archive(school), YEAR, school)]


@pytest.fixture(scope="module")
def numbers(records: list[Record]) -> dict[str, int]:
    """True numbers of pupils: ELEVE_ID is 700,000 and the number without its first digits."""
    return {one.id: int(one.id) - 700_000 + 10_000_000 for one in records if isinstance(one, Pupil)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpacked(archive(COLLEGE), tmp_path / "siecle")


def read(tmp_path: Path, data: str, root: str = "BEE_ELEVES") -> list[Record]:
    path = tmp_path / "a.xml"
    path.write_text(document(root, data), encoding="utf-8")
    return list(read_siecle(path, YEAR))


def test_pupils_are_those_of_the_truth(records: list[Record], truth: dict[str, Any], numbers: dict[str, int]) -> None:
    assert pupil_facts(records, numbers) == pupils_of(truth)


def test_levels_are_those_of_the_truth(records: list[Record], truth: dict[str, Any], numbers: dict[str, int]) -> None:
    stats = {one.code: one.stat for one in records if isinstance(one, Mef)}
    levels = {numbers[one.id]: level_of_stat(stats[one.mef]) for one in records if isinstance(one, Pupil)}
    assert {number: level.key if level else "" for number, level in levels.items()} == {
        one["id"]: one["level"] for one in truth["accounts"] if one["profile"] == "ELV"
    }


def test_guardians_are_those_of_the_truth(
    records: list[Record], truth: dict[str, Any], numbers: dict[str, int]
) -> None:
    assert guardian_facts(records, truth, numbers) == guardians_of(truth)


def test_relatives_have_the_names_titles_and_mails_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert relative_facts(records, truth) == relatives_of(truth)


def test_classes_and_groups_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert structure_facts(records) == structures_of(truth)


def test_there_is_no_staff_and_the_school_has_no_name(records: list[Record]) -> None:
    assert not any(isinstance(one, Staff | Rejected) for one in records)
    assert [one for one in records if isinstance(one, School)] == [School(uai, uai, "", "", "") for uai in SCHOOLS]
    assert sum(isinstance(one, Subject) for one in records) == 40


def test_letters_outside_latin_9_are_read(records: list[Record]) -> None:
    names = {one.sn for one in records if isinstance(one, Relative)}
    assert {name for name in names if "Ễ" in name}


def test_the_pupil_who_left_is_not_given(records: list[Record]) -> None:
    assert not [one for one in records if isinstance(one, Pupil) and one.sn == "PARTI"]


def test_keys_of_a_pupil(tmp_path: Path) -> None:
    pupil = next(one for one in read(tmp_path, PUPIL) if isinstance(one, Pupil))
    assert pupil.keys == (
        *keys.ine("010000001HB"),
        "eleve:7",
        *keys.born("Zoé", keys.day_of("18/11/2012"), "MARTIN"),
        "name:zoe/martin",
    )
    assert pupil.title == "Mme"


def test_old_files_have_one_name_and_another_national_number(tmp_path: Path) -> None:
    data = PUPIL.replace("NOM_DE_FAMILLE", "NOM").replace("ID_NATIONAL", "INE_BEA")
    pupil = next(one for one in read(tmp_path, data) if isinstance(one, Pupil))
    assert (pupil.sn, pupil.keys[0]) == ("MARTIN", *keys.ine("010000001HB"))


def test_a_usage_name_comes_first_and_both_names_are_keys(tmp_path: Path) -> None:
    pupil = next(
        one
        for one in read(tmp_path, PUPIL.replace("<PRENOM>", "<NOM_USAGE>DUPONT</NOM_USAGE><PRENOM>"))
        if isinstance(one, Pupil)
    )
    assert pupil.sn == "DUPONT"
    assert [keys.kind_of(key) for key in pupil.keys] == ["ine", "eleve", "born", "born", "name"]


def test_classes_of_pupils_who_left_and_the_inactive_class_are_no_classes(tmp_path: Path) -> None:
    structure = "<STRUCTURE><CODE_STRUCTURE>{}</CODE_STRUCTURE><TYPE_STRUCTURE>{}</TYPE_STRUCTURE></STRUCTURE>"
    places = f'<STRUCTURES_ELEVE ELEVE_ID="7">{structure.format("Inactifs", "D")}{structure.format("G1", "G")}'
    left = f'</STRUCTURES_ELEVE><STRUCTURES_ELEVE ELEVE_ID="8">{structure.format("6A", "D")}</STRUCTURES_ELEVE>'
    # Both orders of pupils and classes occur.
    pupil = next(
        one for one in read(tmp_path, f"<STRUCTURES>{places}{left}</STRUCTURES>{PUPIL}") if isinstance(one, Pupil)
    )
    assert (pupil.classes, pupil.groups) == ((), (Place(COLLEGE, "G1"),))


@pytest.mark.parametrize(
    ("values", "link"),
    [
        ("<CODE_PARENTE>10</CODE_PARENTE><NIVEAU_RESPONSABILITE>1</NIVEAU_RESPONSABILITE>", Link("5", 10, 1)),
        ("<CODE_PARENTE>38</CODE_PARENTE><NIVEAU_RESPONSABILITE>2</NIVEAU_RESPONSABILITE>", Link("5", 38, 2)),
        ("<CODE_PARENTE>39</CODE_PARENTE><NIVEAU_RESPONSABILITE>3</NIVEAU_RESPONSABILITE>", Link("5", 39, 0)),
        ("<CODE_PARENTE>20</CODE_PARENTE><RESP_LEGAL>2</RESP_LEGAL>", Link("5", 20, 1)),
        ("<CODE_PARENTE>1</CODE_PARENTE><RESP_LEGAL>2</RESP_LEGAL>", Link("5", 20, 1)),
        ("<CODE_PARENTE>2</CODE_PARENTE><RESP_LEGAL>1</RESP_LEGAL>", Link("5", 10, 1)),
        ("<CODE_PARENTE>4</CODE_PARENTE><RESP_LEGAL>0</RESP_LEGAL>", Link("5", 39, 0)),
        ("<RESP_LEGAL>1</RESP_LEGAL>", Link("5", 90, 1)),
        # Both are there: the new one wins, and keeps its meaning with an old link code.
        (
            "<CODE_PARENTE>1</CODE_PARENTE><RESP_LEGAL>1</RESP_LEGAL><NIVEAU_RESPONSABILITE>2</NIVEAU_RESPONSABILITE>",
            Link("5", 20, 2),
        ),
        ("<CODE_PARENTE>10</CODE_PARENTE>", None),
        ("<CODE_PARENTE>x</CODE_PARENTE><RESP_LEGAL>1</RESP_LEGAL>", None),
        ("<CODE_PARENTE>10</CODE_PARENTE><NIVEAU_RESPONSABILITE>9</NIVEAU_RESPONSABILITE>", None),
    ],
)
def test_old_and_new_responsibility(folder: Path, values: str, link: Link | None) -> None:
    (folder / "ElevesSansAdresses_0131001T.xml").write_text(document("BEE_ELEVES", PUPIL), encoding="utf-8")
    data = (
        '<PERSONNES><PERSONNE PERSONNE_ID="5"><NOM>MARTIN</NOM></PERSONNE></PERSONNES><RESPONSABLES><RESPONSABLE_ELEVE>'
        f"<ELEVE_ID>7</ELEVE_ID><PERSONNE_ID>5</PERSONNE_ID>{values}</RESPONSABLE_ELEVE></RESPONSABLES>"
    )
    (folder / "ResponsablesAvecAdresses_0131001T.xml").write_text(document("BEE_RESPONSABLES", data), encoding="utf-8")
    found = list(read_siecle(folder, YEAR))
    pupil = next(one for one in found if isinstance(one, Pupil))
    assert pupil.links == ((link,) if link else ())
    assert [one.attribute for one in found if isinstance(one, Rejected)] == ([] if link else ["RESPONSABLE_ELEVE"])


@pytest.mark.parametrize("form", ["zip", "zips"])
def test_zips_are_read_as_they_come_from_siecle(folder: Path, tmp_path: Path, form: str) -> None:
    files = sorted(folder.iterdir())
    target = tmp_path / "zips"
    target.mkdir()
    if form == "zip":
        with zipfile.ZipFile(target / "all.zip", "w") as opened:
            for file in files:
                opened.write(file, file.name)
        path = target / "all.zip"
    else:
        for file in files:
            with zipfile.ZipFile(target / f"ExportXML_{file.stem}.zip", "w") as opened:
                opened.write(file, file.name)
        path = target
    assert list(read_siecle(path, YEAR)) == list(read_siecle(folder, YEAR))


def test_the_name_of_a_file_does_not_matter(folder: Path) -> None:
    before = list(read_siecle(folder, YEAR))
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"{9 - number}.xml")
    assert sorted(map(repr, read_siecle(folder, YEAR))) == sorted(map(repr, before))


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "ResponsablesAvecAdresses_0131001T.xml").unlink()
    with pytest.raises(DirectoryError, match=r"ResponsablesAvecAdresses\.xml missing"):
        list(read_siecle(folder, YEAR))


def test_an_empty_folder_names_all_four(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"ElevesSansAdresses.*Responsables.*Structures.*Nomenclature"):
        list(read_siecle(tmp_path, YEAR))


def test_two_files_of_a_kind_are_refused(folder: Path) -> None:
    (folder / "ElevesAvecAdresses.xml").write_text(document("BEE_ELEVES", PUPIL), encoding="utf-8")
    with pytest.raises(DirectoryError, match=r"ElevesAvecAdresses\.xml is of the same kind"):
        list(read_siecle(folder, YEAR))


def test_another_school_in_the_folder_is_refused(folder: Path) -> None:
    (folder / "ElevesSansAdresses_0131001T.xml").unlink()
    text = document("BEE_ELEVES", PUPIL, uai=LYCEE)
    (folder / "eleves.xml").write_text(text, encoding="utf-8")
    with pytest.raises(DirectoryError, match=rf"eleves\.xml.*{LYCEE}, but Nomenclature_0131001T.xml is of {COLLEGE}"):
        list(read_siecle(folder, YEAR))


def test_another_school_than_expected_is_refused(folder: Path) -> None:
    with pytest.raises(DirectoryError, match=f"{COLLEGE}, but {LYCEE} is expected"):
        list(read_siecle(folder, YEAR, LYCEE))


def test_the_year_is_checked(folder: Path) -> None:
    with pytest.raises(DirectoryError, match="of the school year 2025-2026, not 2026-2027"):
        list(read_siecle(folder, 2026))


@pytest.mark.parametrize(("uai", "year"), [("", YEAR), ("0131001A", YEAR), (COLLEGE, ""), (COLLEGE, "25")])
def test_a_heading_without_school_or_year_is_refused(tmp_path: Path, uai: str, year: int | str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(document("BEE_ELEVES", PUPIL, uai=uai, year=year), encoding="utf-8")
    with pytest.raises(DirectoryError, match="names no school and year"):
        list(read_siecle(path, YEAR))


def test_a_file_without_heading_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for data in (PUPIL, ""):
        path.write_text(f"<BEE_ELEVES><DONNEES>{data}</DONNEES></BEE_ELEVES>", encoding="utf-8")
        with pytest.raises(DirectoryError, match="no heading"):
            list(read_siecle(path, YEAR))


def test_other_exports_in_the_folder_are_left_alone(folder: Path) -> None:
    before = list(read_siecle(folder, YEAR))
    (folder / "Communs.xml").write_text("<BEE_COMMUN><X></BEE_COMMUN>", encoding="utf-8")
    (folder / "sts_emp_0131001T_2025.xml").write_text("<STS_EDT/>", encoding="utf-8")
    (folder / "lisez-moi.txt").write_text("rien", encoding="utf-8")
    assert list(read_siecle(folder, YEAR)) == before
    (folder / "emp_sts.xml").write_text("<EDT_STS/>", encoding="utf-8")
    with pytest.raises(DirectoryError, match="goes up to STSWEB"):
        list(read_siecle(folder, YEAR))


def test_the_same_pupil_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="ELEVE 7 is there twice"):
        read(tmp_path, PUPIL.replace("</ELEVES>", "") + PUPIL.removeprefix("<ELEVES>"))


def test_too_many_groups_of_one_pupil_are_refused(tmp_path: Path) -> None:
    structure = "<STRUCTURE><CODE_STRUCTURE>{}</CODE_STRUCTURE><TYPE_STRUCTURE>G</TYPE_STRUCTURE></STRUCTURE>"
    groups = "".join(structure.format(number) for number in range(50))
    with pytest.raises(DirectoryError, match="more than 40"):
        read(tmp_path, f'<STRUCTURES><STRUCTURES_ELEVE ELEVE_ID="7">{groups}</STRUCTURES_ELEVE></STRUCTURES>')


def test_a_record_has_a_size_limit(tmp_path: Path) -> None:
    structure = f"<STRUCTURE><CODE_STRUCTURE>{'A' * 16_000}</CODE_STRUCTURE></STRUCTURE>" * 70
    with pytest.raises(DirectoryError, match="a record is longer"):
        read(tmp_path, f'<STRUCTURES><STRUCTURES_ELEVE ELEVE_ID="7">{structure}</STRUCTURES_ELEVE></STRUCTURES>')


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_file_is_refused(tmp_path: Path, shape: str) -> None:
    make, reason = SHAPES[shape]
    path = tmp_path / "a.xml"
    path.write_bytes(make(document("BEE_ELEVES", PUPIL)))
    with pytest.raises(DirectoryError, match=reason) as refused:
        list(read_siecle(path, YEAR))
    assert (refused.value.file, refused.value.line is not None) == ("a.xml", True)


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("directory.readers.elements.FILE_LIMIT", 1 << 20)
    with pytest.raises(DirectoryError, match="larger than 1 MiB"):
        read(tmp_path, f"<X>{'<Y>a</Y>' * 200_000}</X>")
