"""Every text that people read is in the French catalogue, and the catalogue holds nothing else."""

from __future__ import annotations

import datetime
import io
import re
import string
from pathlib import Path

import pytest
from babel.messages import extract, pofile

import mailgate
from mailgate.i18n import ascii_only, long_date, translator
from tests.i18n.protocol_texts import texts

SOURCE = Path(mailgate.__file__).parent


def texts_in_the_code() -> set[str]:
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        messages = extract.extract("python", io.BytesIO(path.read_bytes()), keywords={"_": None})
        found.update(str(message) for _, message, _, _ in messages)
    return found


def test_catalogue_and_code_agree() -> None:
    po = SOURCE / "locale/fr/LC_MESSAGES/mailgate.po"
    catalogue = {message.id: message.string for message in pofile.read_po(io.BytesIO(po.read_bytes())) if message.id}
    assert set(catalogue) == texts_in_the_code()
    assert all(catalogue.values())


def test_all_texts_of_the_imap_engine_are_translated() -> None:
    """Formatted texts are written as ``"More than {most} flags", most=…``: an f-string cannot be translated."""
    po = SOURCE / "locale/fr/LC_MESSAGES/imap.po"
    catalogue = {str(one.id): str(one.string) for one in pofile.read_po(io.BytesIO(po.read_bytes())) if one.id}
    said = texts()
    assert not {text: place for text, place in said.items() if text not in catalogue}, "say it in imap.po too"
    assert not set(catalogue) - set(said), "nobody says this any more"
    for text, french in catalogue.items():
        assert names(text) == names(french), text
        assert french.strip(), text
        assert french.isprintable() or "\u00a0" in french, text
        assert not french.startswith("["), text  # RFC 5255 section 3.5
        assert text.isascii(), text  # i-default


def names(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)}


def test_french_and_english() -> None:
    text = "This mailbox is full. Please try again later."
    assert translator("fr")(text) == "Cette boîte est pleine. Merci de réessayer plus tard."
    assert translator("en")(text) == text


@pytest.mark.parametrize("domain", ["imap", "mailgate"])
def test_each_text_is_translated_once(domain: str) -> None:
    po = (SOURCE / f"locale/fr/LC_MESSAGES/{domain}.po").read_text(encoding="utf-8")
    said = re.findall(r"^msgid (.*?)^msgstr", po, re.DOTALL | re.MULTILINE)
    assert len(said) == len(set(said))


def test_days_are_written_as_people_do() -> None:
    first, later = datetime.date(2026, 1, 1), datetime.date(2026, 8, 11)
    assert [long_date(day, "fr") for day in (first, later)] == ["1er janvier 2026", "11 août 2026"]
    assert [long_date(day, "en") for day in (first, later)] == ["1 January 2026", "11 August 2026"]


def test_replies_lose_accents_not_words() -> None:
    assert ascii_only("Cette boîte est fermée : l’élève est à l’œuvre.") == (
        "Cette boite est fermee : l'eleve est a l'oeuvre."
    )
    assert ascii_only("Le champ « De », ou “From”") == 'Le champ "De", ou "From"'
