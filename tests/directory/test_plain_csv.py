"""Three tables from a spreadsheet: exactly the demo's people; every mistake told with file, line and column."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import keys
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
from directory.names import folded
from directory.readers.plain_csv import read_csv
from directory.readers.table import Problems, read_table
from tests.directory.academy import DATA, ROOT, expected
from tests.directory.projection import (
    COLLEGE,
    LYCEE,
    SCHOOLS,
    guardian_facts,
    guardians_of,
    head_facts,
    heads_of,
    pupil_facts,
    pupils_of,
    relative_facts,
    relatives_of,
    structure_facts,
    structures_of,
    team_facts,
    teams_of,
)
from tests.directory.refusals import mistakes

PUPILS = "UAI;Id;Nom;Prénom;Naissance;Classe\n0131001T;1;Martin;Zoé;18/11/2012;6A\n"
RELATIVES = "Id;Nom;Prénom;Enfants\n3;Martin;Paul;1:20:1\n"
STAFF = "UAI;Id;Nom;Prénom;Fonction\n0131001T;5;Durand;Léa;ENS\n"


def folder(tmp_path: Path, pupils: str = PUPILS, relatives: str = RELATIVES, staff: str = STAFF) -> Path:
    for name, text in (("eleves.csv", pupils), ("responsables.csv", relatives), ("personnels.csv", staff)):
        if text:
            (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(read_csv(DATA / "csv.tar.xz"))


def test_pupils_and_guardians_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert pupil_facts(records) == pupils_of(truth)
    assert guardian_facts(records, truth) == guardians_of(truth)


def test_relatives_have_the_names_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert relative_facts(records, truth, str) == relatives_of(truth, str)


def test_classes_and_groups_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    assert structure_facts(records) == structures_of(truth)


def test_staff_and_their_teams_are_those_of_the_truth(records: list[Record], truth: dict[str, Any]) -> None:
    staff = {int(one.id): one for one in records if isinstance(one, Staff)}
    accounts = {one["id"]: one for one in truth["accounts"] if "functions" in one}
    assert staff.keys() == accounts.keys()
    for number, one in staff.items():
        account = accounts[number]
        # The file is in Windows-1252: what has no place there is a question mark.
        names = re.compile(re.escape(f"{one.given}/{one.sn}").replace(r"\?", "."))
        assert names.fullmatch(f"{account['given']}/{account['sn']}")
        schools = {each["uai"] for each in truth["schools"]}
        assert {(each.school, each.code) for each in one.functions} <= {
            (uai, code) for uai, code, _ in account["functions"] if uai in schools
        }
    numbers = {place: {int(one) for one in found} for place, found in team_facts(records).items()}
    assert numbers == teams_of(truth)
    assert {place: {int(one) for one in found} for place, found in head_facts(records).items()} == heads_of(truth)


def test_schools_have_their_code_alone(records: list[Record]) -> None:
    assert [one for one in records if isinstance(one, School)] == [School(uai, uai, "", "", "") for uai in SCHOOLS]


@pytest.mark.parametrize("name", ["administrators.md", "administrators.fr.md"])
def test_the_example_of_the_page_is_read(tmp_path: Path, name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for number, table in enumerate(re.findall(r"```csv\n(.*?)```", page, re.DOTALL)):
        (tmp_path / f"{number}.csv").write_text(table, encoding="utf-8")
    found = list(read_csv(tmp_path))
    day = keys.day_of("18/11/2012")
    pupil = next(one for one in found if isinstance(one, Pupil))
    assert pupil == Pupil(
        id="1201",
        sn="Schmitt",
        given="Youssef",
        title="",
        school=COLLEGE,
        mef="10210001110",
        classes=(Place(COLLEGE, "4ème B"),),
        groups=(Place(COLLEGE, "4E ALL2.1"),),
        links=(Link("3001", 10, 1),),
        keys=(*keys.ine("010000001HB"), *keys.born("Youssef", day, "Schmitt"), *keys.name("Youssef", "Schmitt")),
    )
    assert [one.links for one in found if isinstance(one, Pupil)][1] == (Link("3001", 90, 2), Link("3002", 90, 1))
    staff = next(one for one in found if isinstance(one, Staff))
    assert staff.functions == (Function(COLLEGE, "ENS", "Lettres modernes", "Lettres modernes"),)
    assert staff.head_of == (Place(COLLEGE, "5ème A"),)
    assert staff.groups == (Service(Place(COLLEGE, "4E ALL2.1")),)
    assert next(one for one in found if isinstance(one, Relative)).mobiles == (keys.mobile("0639989772"),)
    assert not [one for one in found if isinstance(one, Rejected)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ";;\r\n"])
def test_encodings_and_ends_of_lines(tmp_path: Path, encoding: str, end: str) -> None:
    path = folder(tmp_path)
    (path / "eleves.csv").write_bytes(PUPILS.replace("\n", end).encode(encoding))
    pupil = next(one for one in read_csv(path) if isinstance(one, Pupil))
    assert pupil.given == "Zoé"


def test_a_class_is_one_however_its_accents_are_written(tmp_path: Path) -> None:
    two = f"{PUPILS}0131001T;2;Roy;Léo;;6ème\n0131001T;3;Roy;Zoé;;{normalize('NFD', '6ème')}\n"
    classes = [one.name for one in read_csv(folder(tmp_path, two)) if isinstance(one, ClassRecord)]
    assert classes == ["6A", "6ème"]


def test_english_columns_commas_and_quotation_marks(tmp_path: Path) -> None:
    pupils = (
        'school,NUMBER,Surname,"Given Name","Date of Birth",class\n0131001t,1,"Martin, dit le Grand",Zoé,,"6 ""A"""\n'
    )
    pupil = next(one for one in read_csv(folder(tmp_path, pupils)) if isinstance(one, Pupil))
    assert (pupil.sn, pupil.school, pupil.classes) == ("Martin, dit le Grand", COLLEGE, (Place(COLLEGE, '6 "A"'),))


def test_the_school_of_the_source_is_that_of_tables_without_a_column(tmp_path: Path) -> None:
    path = folder(tmp_path, PUPILS.replace("UAI;", "").replace("0131001T;", ""))
    assert next(one for one in read_csv(path, COLLEGE) if isinstance(one, Pupil)).school == COLLEGE
    assert mistakes(read_csv(path)) == ["eleves.csv, line 1: no column UAI"]
    folder(tmp_path, PUPILS.replace(COLLEGE, LYCEE))
    assert mistakes(read_csv(path, COLLEGE)) == [
        "eleves.csv, line 2, column UAI: 0131002U is another school than 0131001T, which this source is of"
    ]


def test_who_works_in_two_schools_has_two_lines(tmp_path: Path) -> None:
    found = list(read_csv(folder(tmp_path, staff=STAFF + "0131002U;5;Durand;Léa;DOC\n")))
    assert [one.functions for one in found if isinstance(one, Staff)] == [
        (Function(COLLEGE, "ENS"), Function(LYCEE, "DOC"))
    ]
    assert mistakes(read_csv(folder(tmp_path, staff=STAFF + "0131002U;5;Durant;Léa;DOC\n"))) == [
        "personnels.csv, line 3, column Id: '5' is Léa Durand on an earlier line; who is in two schools has one name"
    ]


def test_a_lost_letter_and_an_unknown_column_are_reported(tmp_path: Path) -> None:
    found = list(read_csv(folder(tmp_path, staff="UAI;Id;Nom;Prénom;Fonction;Casier\n0131001T;5;Nguy?n;Léa;ENS;12\n")))
    rejected = [one for one in found if isinstance(one, Rejected)]
    assert [(one.line, one.id, one.attribute, one.value) for one in rejected] == [
        (1, "", "Casier", ""),
        (2, "5", "Nom", "Nguy?n"),
    ]
    assert next(one for one in found if isinstance(one, Staff)).sn == "Nguy?n"


def test_every_mistake_of_all_files_is_told_at_once(tmp_path: Path) -> None:
    pupils = (
        "UAI;Id;Nom;Prénom;Naissance;Classe\n0131001A;1;Martin;Zoé;31/02/2012;6A\n\n0131001T;1;;Zoé;;6A\n"
        "0131001T;2;Martin;Zoé;;6A;6B\n0131001T;;Martin;Zoé\n"
    )
    relatives = "Id;Civilité;Nom;Prénom;Enfants\n3;Dr;Martin;Paul;1:20:1|9:20:1|1-20-1|1:20:4\n3;M.;Martin;Jean;\n"
    staff = "UAI;Id;Nom;Prénom;Fonction\n0131001T;5;Durand;Léa;Prof\n"
    functions = "ENS, FIJ, DOC, DIR, EDU, AED, SUR, ADF, LAB, MDS, ORI, CTR, CFC, ADA, OUV, TEC, INS"
    assert mistakes(read_csv(folder(tmp_path, pupils, relatives, staff))) == [
        "eleves.csv, line 2, column UAI: '0131001A' is not the code of a school: seven digits and their letter",
        "eleves.csv, line 2, column Naissance: '31/02/2012' is not a date; write it as 31/12/2012",
        "eleves.csv, line 4, column Nom: a name is wanted",
        "eleves.csv, line 4, column Id: the pupil '1' is there twice",
        "eleves.csv, line 5: 7 cells instead of 6; look for a missing or unquoted separator",
        "eleves.csv, line 6: 4 cells instead of 6; look for a missing or unquoted separator",
        f"personnels.csv, line 2, column Fonction: 'PROF' is not one of {functions}",
        "responsables.csv, line 2, column Civilité: 'Dr' is neither M. nor Mme",
        "responsables.csv, line 2, column Enfants: '1:20:4' is not id:link:legal, as 1201:10:1",
        "responsables.csv, line 2, column Enfants: no pupil has the number '9'",
        "responsables.csv, line 2, column Enfants: no pupil has the number '1-20-1'",
        "responsables.csv, line 3, column Id: the relative '3' is there twice",
    ]


def test_very_many_mistakes_are_counted(tmp_path: Path) -> None:
    told = mistakes(read_csv(folder(tmp_path, PUPILS + "0131001T;2;;Zoé;;6A\n" * 150)))
    assert (len(told), told[-1]) == (101, "and 199 more")


BROKEN: Final = [
    ("eleves.csv", b"", r"no table of pupils \(column Classe\); if there are none"),
    ("eleves.csv", b"Id;Nom\n1;Martin\n", r"eleves.csv, line 1: no table of pupils"),
    ("eleves.csv", b"UAI;Classe;Id\n", r"eleves.csv, line 1: no column Nom, Pr.nom"),
    ("eleves.csv", PUPILS.encode("utf-16"), "not UTF-8; save the sheet"),
    ("eleves.csv", PUPILS.encode() + b"\x00" * 9, "eleves.csv: not UTF-8"),
    ("eleves.csv", b"\xef\xbb\xbf" + PUPILS.encode("latin-1"), "line 1: a letter is neither"),
    ("eleves.csv", PUPILS.replace("é", "\x81").encode("latin-1"), "line 1: a letter is neither"),
    ("eleves.csv", PUPILS.replace("Martin", '"Mar\ntin"').encode(), "line 2, column Nom: a line break"),
    ("eleves.csv", PUPILS.replace("Martin", "Mar\x1btin").encode(), "line 2, column Nom: .*control"),
    ("eleves.csv", PUPILS.replace("Martin", '"Martin').encode(), "line 2: not CSV .*quotation mark"),
    ("eleves.csv", PUPILS.replace("Martin", "A" * 9_000).encode(), "column Nom: more than 8192"),
    ("eleves.csv", PUPILS.replace("Martin", "A" * 200_000).encode(), "line 2: not CSV"),
    ("eleves.csv", b"Id;" * 300 + b"\n", "line 1: more than 200 cells"),
    ("eleves.csv", PUPILS.replace("Naissance", "NOM").encode(), "line 1, column NOM: the column Nom says the same"),
    ("eleves.csv", PUPILS.replace(";1;", f";{'1' * 50};").encode(), "column Id: a number of at most 40"),
    ("second.csv", PUPILS.encode(), "second.csv: eleves.csv is a table of pupils as well"),
]
"""A table in the place of a good one or beside it, and what is told of it."""


@pytest.mark.parametrize(("file", "content", "told"), BROKEN)
def test_what_is_refused(tmp_path: Path, file: str, content: bytes, told: str) -> None:
    path = folder(tmp_path)
    (path / file).write_bytes(content)
    assert re.search(told, "\n".join(mistakes(read_csv(path))))


def test_a_missing_table_is_told_and_an_empty_one_is_nobody(tmp_path: Path) -> None:
    assert len(mistakes(read_csv(tmp_path))) == 3
    path = folder(tmp_path, relatives="", staff="UAI;Id;Nom;Prénom;Fonction\n")
    assert mistakes(read_csv(path)) == [
        f"{tmp_path.name}: no table of relatives (column Enfants); if there are none, give one with its header only"
    ]
    folder(tmp_path, relatives="Id;Nom;Prénom;Enfants\n", staff="UAI;Id;Nom;Prénom;Fonction\n")
    assert [type(one).__name__ for one in read_csv(path)] == ["School", "ClassRecord", "Pupil"]


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6), st.sampled_from(";,"))
def test_cells_come_back_as_they_were_written(rows: list[list[str]], delimiter: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerows([["a", "b", "c"], *rows])
    problems = Problems()
    table = read_table(io.BytesIO(written.getvalue().encode()), "x.csv", problems)
    assert problems.count == 0
    stripped = [[normalize("NFC", cell).strip(" \t\u00a0") for cell in row] for row in rows]
    assert [list(cells) for _, cells in table.lines[1:]] == [row for row in stripped if any(row)]


@given(st.binary(max_size=400))
def test_no_bytes_do_more_harm_than_a_mistake(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = folder(tmp_path_factory.mktemp("bytes"))
    (path / "eleves.csv").write_bytes(b"UAI;Id;Nom;Pr\xe9nom;Naissance;Classe\n" + content)
    with contextlib.suppress(DirectoryError):
        list(read_csv(path))


@given(st.lists(st.text("0131TU;:|,\"'?Ab\n é", max_size=60), max_size=3))
def test_no_text_does_more_harm_than_a_mistake(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("texts")
    for number, (text, table) in enumerate(zip(texts, (PUPILS, RELATIVES, STAFF), strict=False)):
        (path / f"{number}.csv").write_text(table + text, encoding="utf-8")
    with contextlib.suppress(DirectoryError):
        assert all(folded(one.sn) or one.sn for one in read_csv(path) if isinstance(one, Pupil))
