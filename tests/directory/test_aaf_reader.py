"""The AAF reader: every form of delivery, broken values rejected one by one, hostile files refused with a reason."""

from __future__ import annotations

import contextlib
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory import keys
from directory.model import DirectoryError, Function, Link, Place, Pupil, Record, Rejected, School, Service, Staff
from directory.readers.aaf import read_aaf, read_aaf_file
from directory.readers.aaf_records import KEYS, held
from tests.directory.academy import DATA, DEMO, NEXT_YEAR
from tests.directory.projection import unpacked

HOSTILE = {
    "billion_laughs": (2, "declarations of its own"),
    "deep_nesting": (2, "root element is <a>"),
    "header_injection": (2, "line break"),
    "html_entity": (2, "no HTML entity"),
    "quadratic_blowup": (2, "declarations of its own"),
    "remote_dtd": (2, "another DTD"),
    "truncated": (2, "cut short"),
    "wrong_encoding": (2, "another encoding than declared"),
    "wrong_root": (2, "root element is <EDT_STS>"),
    "xxe_file": (2, "declarations of its own"),
    "xxe_http": (2, "declarations of its own"),
    "xxe_parameter": (2, "declarations of its own"),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(DATA / "hostile.tar.xz", tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """The demo academy in a folder."""
    return unpacked(DEMO, tmp_path / "delivery")


def _pupil_file(folder: Path, attributes: str, *, head: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> Path:
    path = folder / "ENT_Complet_20250915_Eleve_0000.xml"
    path.write_text(
        f'{head}<ficAlimMENESR><addRequest><operationalAttributes><attr name="categoriePersonne"><value>Eleve</value>'
        f"</attr></operationalAttributes><identifier><id>66</id></identifier><attributes>{attributes}</attributes>"
        "</addRequest></ficAlimMENESR>",
        encoding="utf-8",
    )
    return path


def _attribute(name: str, *values: str) -> str:
    return f'<attr name="{name}">' + "".join(f"<value>{value}</value>" for value in values) + "</attr>"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_file_line_and_reason(hostile: Path, name: str) -> None:
    line, reason = HOSTILE[name]
    with pytest.raises(DirectoryError) as refused:
        list(read_aaf_file(hostile / f"{name}_Eleve_0000.xml"))
    assert refused.value.file == f"{name}_Eleve_0000.xml"
    assert refused.value.line == line
    assert reason in refused.value.text


def test_no_hostile_file_is_left_untested(hostile: Path) -> None:
    names = {path.name.removesuffix("_Eleve_0000.xml") for path in hostile.iterdir()}
    assert names == {*HOSTILE, "dollar_values"}


def test_a_broken_dollar_value_is_rejected_and_its_record_kept(hostile: Path) -> None:
    pupil, *rejected = read_aaf_file(hostile / "dollar_values_Eleve_0000.xml")
    assert isinstance(pupil, Pupil)
    assert pupil.sn == "DOLLAR"
    assert pupil.classes == (Place("999999999", "3A"),)
    assert [one.value for one in rejected if isinstance(one, Rejected)] == ["5001", "$", "$3A", "5001$", "5001$3A$X$Y"]


def _counts(records: Iterator[Record]) -> Counter[str]:
    return Counter(type(record).__name__ for record in records)


DEMO_COUNTS = {
    "Pupil": 455,
    "Relative": 673,
    "Staff": 65,
    "School": 3,
    "ClassRecord": 21,
    "GroupRecord": 43,
    "Mef": 20,
    "Subject": 20,
}


@pytest.mark.parametrize("form", ["folder", "zip", "tgz", "tar.xz"])
def test_every_form_of_delivery_gives_the_same_records(delivery: Path, tmp_path: Path, form: str) -> None:
    path = {"folder": delivery, "zip": tmp_path / "a.zip", "tgz": tmp_path / "a.tgz", "tar.xz": DEMO}[form]
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in delivery.iterdir():
                archive.write(file, f"ENT/{file.name}")
    if form == "tgz":
        with tarfile.open(path, "w:gz") as archive_tgz:
            archive_tgz.add(delivery, "ENT")
    assert _counts(read_aaf(path)) == DEMO_COUNTS


@pytest.mark.parametrize("prefix", ["FULL_0131_Complet_20130117", "ENT_Complet_20200101", "X"])
def test_files_are_known_by_how_their_names_end(delivery: Path, prefix: str) -> None:
    for file in delivery.glob("*.xml"):
        category, number = file.stem.rsplit("_", 2)[1:]
        file.rename(delivery / f"{prefix}_{category}_{number}.xml")
    assert _counts(read_aaf(delivery)) == DEMO_COUNTS


def test_declared_and_undeclared_encodings_are_read(delivery: Path) -> None:
    records = list(read_aaf(delivery))
    assert [one.name for one in records if isinstance(one, School)][:2] == ["FRÉDÉRIC-MISTRAL", "FRÉDÉRIC-MISTRAL"]
    assert any(isinstance(one, Pupil) and one.given == "Éloïse" for one in records)
    taught = [one for one in records if isinstance(one, Staff) and one.id == "1000001"]
    assert taught[0].classes[0] == Service(Place("5001", "6ème A"), "020700")
    assert taught[0].functions == (Function("5001", "ENS", "L0202", "LETTRES MODERNES"),)


def test_a_set_with_a_missing_number_is_refused(delivery: Path) -> None:
    next(delivery.glob("*_Eleve_0001.xml")).unlink()
    with pytest.raises(DirectoryError, match=r"Eleve_0001\.xml is missing"):
        list(read_aaf(delivery))


def test_a_set_without_a_category_is_refused(delivery: Path) -> None:
    next(delivery.glob("*_PersEducNat_0000.xml")).unlink()
    with pytest.raises(DirectoryError, match="no file of PersEducNat"):
        list(read_aaf(delivery))


def test_two_sets_in_one_folder_are_refused(delivery: Path) -> None:
    unpacked(NEXT_YEAR, delivery)
    with pytest.raises(DirectoryError, match="twice"):
        list(read_aaf(delivery))


def test_a_delta_is_refused(delivery: Path) -> None:
    for path in delivery.iterdir():
        path.rename(path.with_name(path.name.replace("_Complet_", "_Delta_")))
    with pytest.raises(DirectoryError, match="this is a delta"):
        list(read_aaf(delivery))


def test_a_modify_request_is_refused(tmp_path: Path) -> None:
    path = _pupil_file(tmp_path, "")
    path.write_text(path.read_text().replace("addRequest", "modifyRequest"))
    with pytest.raises(DirectoryError, match="give the complete set"):
        list(read_aaf_file(path))


@pytest.mark.parametrize("name", ["nothing", "damaged.zip", "damaged.tgz"])
def test_a_missing_or_damaged_delivery_says_so(tmp_path: Path, name: str) -> None:
    if name != "nothing":
        (tmp_path / name).write_bytes(b"PK\x03\x04 no archive at all")
    with pytest.raises(DirectoryError, match=re.escape(name)):
        list(read_aaf(tmp_path / name))


def test_a_value_of_another_encoding_name_is_refused(tmp_path: Path) -> None:
    path = _pupil_file(tmp_path, "", head='<?xml version="1.0" encoding="UTF-16"?>\n')
    with pytest.raises(DirectoryError):
        list(read_aaf_file(path))
    path = _pupil_file(tmp_path, "", head='<?xml version="1.0" encoding="cp037"?>\n')
    with pytest.raises(DirectoryError):
        list(read_aaf_file(path))


def test_nesting_and_length_are_limited(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="nested more than"):
        list(read_aaf_file(_pupil_file(tmp_path, "<a>" * 20 + "</a>" * 20)))
    with pytest.raises(DirectoryError, match="longer than"):
        list(read_aaf_file(_pupil_file(tmp_path, _attribute("sn", "A" * 20_000))))
    many = _attribute("ENTEleveGroupes", *("1$" + "G" * 1_000 for _ in range(1_100)))
    with pytest.raises(DirectoryError, match="a record is longer"):
        list(read_aaf_file(_pupil_file(tmp_path, many)))


def _links(tmp_path: Path, attributes: str) -> tuple[Link, ...]:
    pupil = next(read_aaf_file(_pupil_file(tmp_path, attributes)))
    assert isinstance(pupil, Pupil)
    return pupil.links


def test_links_of_today_keep_their_codes(tmp_path: Path) -> None:
    values = _attribute("ENTElevePersRelEleve", "1$10$1$1$0$1", "2$20$0$1$0$0", "3$39$0$0$1$0", "4$90$0$2$0$0")
    assert _links(tmp_path, values) == (Link("1", 10, 1), Link("2", 20, 1), Link("3", 39, 0), Link("4", 90, 2))


def test_older_links_mean_first_and_second_guardian(tmp_path: Path) -> None:
    values = _attribute("ENTElevePersRelEleve", "1$1$1$1$0$1", "2$2$0$2$0$0", "3$7$0$1$1$0", "4$6$0$0$1$0")
    assert _links(tmp_path, values) == (Link("1", 20, 1), Link("2", 10, 1), Link("3", 70, 1), Link("4", 90, 0))


def test_older_attributes_serve_only_without_the_six_fields(tmp_path: Path) -> None:
    old = _attribute("ENTEleveAutoriteParentale", "8", "9") + _attribute("ENTElevePere", "9")
    assert _links(tmp_path, old) == (Link("8", 90, 1), Link("9", 20, 1))
    assert _links(tmp_path, old + _attribute("ENTElevePersRelEleve", "1$10$1$1$0$1")) == (Link("1", 10, 1),)


def test_a_link_without_numbers_is_rejected(tmp_path: Path) -> None:
    values = _attribute("ENTElevePersRelEleve", "1$mère$1$1$0$1", "2$10$1$99999$0$0")
    pupil, *rejected = read_aaf_file(_pupil_file(tmp_path, values))
    assert isinstance(pupil, Pupil)
    assert pupil.links == ()
    assert len(rejected) == 2


def test_pupils_and_staff_bring_the_keys_that_recognise_them(delivery: Path) -> None:
    records = {one.id: one for one in read_aaf(delivery) if isinstance(one, Pupil | Staff)}
    assert [keys.kind_of(key) for key in records["10000001"].keys] == ["ine", "eleve", "born", "name"]
    married = records["1000001"]
    assert [keys.kind_of(key) for key in married.keys] == ["born", "name"]


def test_only_digests_of_what_recognises_people_are_kept() -> None:
    clear = {"mobile": ["06 39 98 97 72"], "ENTPersonAdresse": ["12 rue X$$"], "ENTEleveINE": ["0123456789A"]}
    clear |= {"sn": ["ROY"], "givenName": ["Zoé"], "ENTPersonDateNaissance": ["01/02/2010"], "mail": ["a@x.fr"]}
    kept = held(clear | {"ENTPersonNomPatro": ["DUPUY"]})
    assert kept["mail"] == ["a@x.fr"]
    shown = repr(kept)
    assert not [text for text in ("9772", "rue", "0123456789A", "2010", "DUPUY") if text in shown]
    assert held(kept) == kept


def test_a_modification_replaces_attributes_whole_and_keys_with_them() -> None:
    kept = held({"sn": ["ROY"], "givenName": ["Zoé"], "ENTPersonDateNaissance": ["01/02/2010"], "ENTEleveINE": ["1A"]})
    kept = held({"ENTEleveGroupes": ["1$A", "1$B"]}, kept)
    named = held({"sn": ["ROY-AUBERT"]}, kept)
    assert named == kept | {"sn": ["ROY-AUBERT"]}
    born = held({"ENTPersonDateNaissance": ["03/02/2010"]}, named)
    assert born[KEYS] == [*keys.ine("1A"), *keys.born("Zoé", date(2010, 2, 3), "Roy-Aubert")]
    assert held({"ENTEleveGroupes": ["1$C"]}, born)["ENTEleveGroupes"] == ["1$C"]
    assert "ENTEleveGroupes" not in held({"ENTEleveGroupes": []}, born)
    assert [keys.kind_of(key) for key in held({"ENTEleveINE": []}, born)[KEYS]] == ["born"]


def test_keys_that_a_new_name_makes_wrong_are_kept_no_more() -> None:
    """What is held of the date of birth is in keys alone, so that they cannot be made anew."""
    day = date(2010, 2, 1)
    said = {
        "sn": ["ROY"],
        "givenName": ["Zoé"],
        "ENTPersonNomPatro": ["DUPUY"],
        "ENTPersonDateNaissance": ["01/02/2010"],
    }
    kept = held(said)
    assert kept[KEYS] == [*keys.born("Zoé", day, "Roy", "Dupuy")]
    assert held({"sn": ["ROY"], "givenName": ["Zoé"]}, kept)[KEYS] == kept[KEYS]
    married = held({"sn": ["AUBERT"]}, kept)
    assert married[KEYS] == [*keys.born("Zoé", day, "Dupuy")]
    assert held({"sn": ["PETIT"]}, married)[KEYS] == married[KEYS]
    assert KEYS not in held({"givenName": ["Zoélie"]}, kept)
    assert KEYS not in held({"ENTPersonNomPatro": ["DUPUIS"]}, kept)
    assert held({**said, "givenName": ["Zoélie"]}, kept)[KEYS] == [*keys.born("Zoélie", day, "Roy", "Dupuy")]


def test_an_older_attribute_is_not_kept_beside_the_newer() -> None:
    older = held({"ENTElevePere": ["9"], "ENTAuxEnsClasses": ["1$A"]})
    assert set(older) == {"ENTElevePere", "ENTAuxEnsClasses"}
    assert set(held({"ENTElevePersRelEleve": ["9$20$1$1$1$1"]}, older)) == {"ENTElevePersRelEleve", "ENTAuxEnsClasses"}


@given(content=st.binary(max_size=400), at=st.integers(0, 400))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_records_or_a_refusal(tmp_path: Path, content: bytes, at: int) -> None:
    path = _pupil_file(tmp_path, _attribute("sn", "NOM") + _attribute("ENTEleveClasses", "5001$3A"))
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    with contextlib.suppress(DirectoryError):
        assert all(isinstance(record, Pupil | Rejected) for record in read_aaf_file(path))
