"""`mailgate letters`: files for a class and a school, whose codes are good; nothing after an error."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pypdf
import pytest

from tests.cli.command import Command

SCHOOL = "0131001T"


@pytest.fixture
def paged(either: Command) -> Command:
    """The academy on either engine, with pages."""
    return with_pages(either)


def with_pages(command: Command) -> Command:
    command.use(command.config.read_text() + '[web]\nlisten = ["127.0.0.1:8443"]\n[gateway]\nhostname = "mail.x.org"\n')
    return command


def waiting(command: Command, who: str = SCHOOL) -> int:
    found = command.good("activation", "list", who, "--json").json
    return sum(one["waiting"] for one in found)


def test_a_class_a_school_and_who_got_a_letter_before(paged: Command, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    dry = paged.good("letters", "6eme-a", "--school", SCHOOL, "--out", folder, "--dry-run", "--json").json
    assert (dry["written"], folder.exists(), waiting(paged)) == (False, False, 0)
    of_class = paged.good("letters", "6eme-a", "--school", SCHOOL, "--out", folder, "--json").json
    [file] = of_class["files"]
    assert file == {"class": "6ème A", "letters": dry["letters"], "file": str(folder / f"{SCHOOL}-6eme-a.pdf")}
    assert len(pypdf.PdfReader(file["file"]).pages) == file["letters"] == waiting(paged)
    assert stat.S_IMODE(Path(file["file"]).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    of_school = paged.good("letters", SCHOOL, "--out", folder, "--format", "html").out
    assert f"{file['letters']} of these people had a code that waited: it is over." in of_school
    files = {one.name for one in folder.glob("*.html")}
    assert {f"{SCHOOL}-6eme-a.html", f"{SCHOOL}-personnels.html", f"{SCHOOL}-sans-classe.html"} <= files
    assert sum(one.read_text().count("<section>") for one in folder.glob("*.html")) == waiting(paged) > 500
    assert not [one for one in folder.iterdir() if one.name.startswith(".")]


def test_a_letter_in_the_language_of_the_school_with_whom_to_ask(academy: Command, tmp_path: Path) -> None:
    with_pages(academy).good("school", "set", SCHOOL, "language", "en")
    academy.good("school", "set", SCHOOL, "contact", "Mrs. Petit, 04 00 00 00 00")
    academy.good("letters", "6eme-a", "--school", SCHOOL, "--out", tmp_path, "--format", "html")
    text = (tmp_path / f"{SCHOOL}-6eme-a.html").read_text()
    for said in ("Class 6ème A", "Mrs. Petit, 04 00 00 00 00", "https://mail.x.org:8443/activation", "port 993"):
        assert said in text
    assert "contact" in academy.refused(1, "school", "set", SCHOOL, "contact", "x" * 201)


def test_after_an_error_nothing_is_changed(academy: Command, tmp_path: Path) -> None:
    assert "set web.listen" in academy.refused(1, "letters", SCHOOL, "--out", tmp_path / "letters")
    with_pages(academy).good("letters", "6eme-a", "--school", SCHOOL, "--out", tmp_path / "letters")
    before = (tmp_path / "letters" / f"{SCHOOL}-6eme-a.pdf").read_bytes()
    (tmp_path / "file").touch()
    assert "file" in academy.refused(1, "letters", SCHOOL, "--out", tmp_path / "file")
    assert "no class or school" in academy.refused(1, "letters", "9eme", "--out", tmp_path / "letters")
    code = academy("letters", SCHOOL, "--out", tmp_path / "letters", "--format", "docx").code
    assert code == 2
    assert (tmp_path / "letters" / f"{SCHOOL}-6eme-a.pdf").read_bytes() == before
    assert waiting(academy) == waiting(academy, "6eme-a")


def test_codes_that_cannot_be_kept_leave_no_letter(academy: Command, tmp_path: Path) -> None:

    with sqlite3.connect(tmp_path / "academy.db") as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON activation_code BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    database.close()
    outcome = with_pages(academy)("letters", "6eme-a", "--school", SCHOOL, "--out", tmp_path / "letters")
    assert outcome.code != 0
    assert list((tmp_path / "letters").iterdir()) == []
    assert waiting(academy) == 0


def test_what_a_killed_run_has_left_is_deleted_by_the_next(academy: Command, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / ".letters.abc").write_text("code")
    (folder / "mine.pdf").touch()
    with_pages(academy).good("letters", "6eme-a", "--school", SCHOOL, "--out", folder)
    assert {one.name for one in folder.iterdir()} == {"mine.pdf", f"{SCHOOL}-6eme-a.pdf"}


def test_a_letter_names_the_other_schools_of_somebody(academy: Command, tmp_path: Path) -> None:
    with_pages(academy).good("letters", SCHOOL, "--out", tmp_path / "letters", "--format", "html")
    said = "".join(one.read_text() for one in (tmp_path / "letters").iterdir())
    letters = [one for one in said.split("<section>") if "Vous dépendez aussi de" in one]
    assert letters
    assert all("Une lettre suffit" in one for one in letters)
    assert len(letters) < said.count("<section>") / 2, "most people are of one school"
