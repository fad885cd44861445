"""What letters say, and how they are drawn: a page for each person, every letter of a name, no code astray."""

from __future__ import annotations

import datetime
import io
import re
import time
from pathlib import Path

import pypdf
import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.accounts.activation_codes import generate
from mailgate.accounts.rolls import CodeState, Member, Roll
from mailgate.i18n import Language
from mailgate.letters.contents import Document, Sender, document
from mailgate.letters.drawing import draw
from mailgate.letters.formats import Format
from mailgate.letters.writing import drawn
from mailgate.naming.site import Site
from tests.support.chromium import Chromium

SITE = Site("mail.ent.example.org", 993, 465, 587, True, "", "postmaster@ent.example.org", "", "")  # noqa: FBT003
PAGE = "https://mail.ent.example.org/activation"
NAMES = ("Cœlia Ngữyễn-Ćirić", "Ÿvonne d’Œdipe", "Théo *David* #strong[x] <b>&amp;</b>", "Æsa Łukasz Šž Ğ")


def member(number: int, name: str, *children: str) -> Member:
    address = f"personne{number}@ent.example.org"
    return Member(number, name, address, "pupil", False, CodeState.NONE, 0, children)  # noqa: FBT003


def roll(pupils: int = 2, relatives: int = 2) -> Roll:
    return Roll(
        1, "0131001T", "Collège Frédéric-Mistral", "6ème A",
        tuple(member(number, NAMES[number % 4]) for number in range(pupils)),
        tuple(member(100 + number, NAMES[number % 4], NAMES[0]) for number in range(relatives)),
    )  # fmt: skip


def sender(language: Language = "fr", contact: str = "", help_url: str = "") -> Sender:
    return Sender(SITE, PAGE, datetime.UTC, language, contact, help_url)


def letters(of: Roll, sent_by: Sender | None = None) -> Document:
    codes = {one.account_id: generate() for one in of.members}
    return document(of, codes, 1_800_000_000, sent_by or sender(), 1_790_000_000)


def pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def test_each_has_a_page_with_what_is_needed_and_nothing_of_the_others() -> None:
    made = letters(roll(2, 2), sender("fr", "l’accueil, 04 00 00 00 00", "https://help.example.org/mail"))
    read = pages(draw(made, Format.PDF))
    assert len(read) == 4
    for page, letter in zip(read, made.letters, strict=True):
        for said in (
            letter.code, letter.address, PAGE, "15 janvier 2027", "Collège Frédéric-Mistral", "mail.ent.example.org",
            "993", "465", "04 00 00 00 00", "https://help.example.org/mail",
        ):  # fmt: skip
            assert said in page, (said, page)
        others = [other for other in made.letters if other is not letter]
        assert not [other for other in others if other.code in page or other.address in page]
    assert [letter.about for letter in made.letters] == [
        "Classe 6ème A", "Classe 6ème A", *["Responsable légal de Cœlia Ngữyễn-Ćirić, classe 6ème A"] * 2
    ]  # fmt: skip


def test_every_letter_of_a_name_is_drawn_by_fonts_that_are_in_the_file() -> None:
    content = draw(letters(roll(4, 0)), Format.PDF)
    for page, name in zip(pages(content), NAMES, strict=True):
        assert name in page
    fonts = [
        font.get_object() for page in pypdf.PdfReader(io.BytesIO(content)).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    ]  # fmt: skip
    for font in fonts:
        inner = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(inner)


def test_screen_readers_can_read_the_file() -> None:
    reader = pypdf.PdfReader(io.BytesIO(draw(letters(roll(1, 0)), Format.PDF)))
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert reader.trailer["/Root"]["/Lang"] == "fr"  # type: ignore[index]
    assert reader.metadata is not None
    assert reader.metadata.title == "Votre messagerie scolaire – Collège Frédéric-Mistral"


def test_the_square_holds_the_address_of_the_page_alone() -> None:
    one, other = letters(roll(1, 0)), letters(roll(0, 1))
    square = io.BytesIO()
    segno.make(PAGE, error="m").save(square, kind="svg", xmldecl=False, border=2, omitsize=True, nl=False)
    assert one.qr == other.qr == square.getvalue().decode()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_html_says_the_same_and_a_name_is_no_markup(language: Language) -> None:
    made = letters(roll(2, 2), sender(language))
    text = draw(made, Format.HTML).decode()
    assert f'<html lang="{language}">' in text
    assert text.count("<section>") == 4
    for letter in made.letters:
        assert text.count(letter.code) == 1
    assert "<b>" not in draw(letters(roll(3, 0)), Format.HTML).decode()
    assert "<script" not in text
    assert not re.search(r'(src|href)="http', text)


def test_in_english_and_for_the_staff() -> None:
    staff = Roll(1, "0131001T", "Lycée X", "", staff=(member(1, "Ada"),))
    made = letters(staff, sender("en"))
    assert made.letters[0].about == "Staff"
    assert "15 January 2027" in made.until
    assert made.help == "Questions? Please ask the school’s office."


@pytest.mark.parametrize("form", list(Format))
def test_who_is_of_several_schools_learns_which_code_is_good(form: Format) -> None:
    one = member(1, "Ada")._replace(elsewhere=("Lycée Y", "Lycée Z"))
    made = letters(Roll(1, "0131001T", "Lycée X", "", staff=(one, member(2, "Bob"))), sender("en"))
    drawn_as = draw(made, form)
    text = drawn_as.decode() if form is Format.HTML else " ".join(" ".join(pages(drawn_as)).split())
    assert text.count("You are of Lycée Y, Lycée Z, too. One letter is enough") == 1


def test_who_has_no_code_has_no_letter() -> None:
    assert document(roll(), {}, 0, sender(), 0).letters == []


@settings(max_examples=10)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_no_name_breaks_a_letter(name: str) -> None:
    of = Roll(1, "0131001T", name, name, (member(1, name),))
    assert len(pages(draw(letters(of), Format.PDF))) == 1
    assert draw(letters(of), Format.HTML).count(b"<section>") == 1


def test_a_browser_prints_one_page_for_each(tmp_path: Path) -> None:
    file = tmp_path / "letters.html"
    file.write_bytes(draw(letters(roll(2, 3)), Format.HTML))
    with Chromium(800, 1200, "fr") as browser:
        browser.open(file.as_uri())
        printed = browser.printed()
    assert len(pages(printed)) == 5


def test_the_letters_of_a_large_class_take_seconds(tmp_path: Path) -> None:
    """30 pupils and 55 guardians, codes and files: 5 s of a processor at the most."""
    before = time.process_time()
    run = drawn([roll(30, 55)], sender(), tmp_path, Format.PDF, now=1_790_000_000, days=60)
    assert time.process_time() - before < 5
    [(written, content)] = run.files
    assert (written.letters, len(pages(content))) == (85, 85)
