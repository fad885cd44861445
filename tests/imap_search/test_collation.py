"""i;unicode-casemap (RFC 5051), which SEARCH, SORT and THREAD share."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.collation import fold


def casemap(text: str) -> str:
    """RFC 5051 section 2, step by step."""
    titles = (title if len(title := letter.title()) == 1 else letter for letter in text)
    return "".join(unicodedata.normalize("NFKD", title) for title in titles)


def test_every_character_is_folded_as_the_rfc_says() -> None:
    wrong = [code for code in range(sys.maxunicode + 1) if fold(chr(code)) != casemap(chr(code))]
    assert wrong == []


def test_the_example_of_the_rfc() -> None:
    assert fold("\u01c4") == "Dz\u030c"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("É", "é"),
        ("É", "E\u0301"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Œuvre", "œuvre"),
        ("\uff21", "a"),
        ("日", "日"),
    ],
)
def test_equal_without_case(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("cafe", "café"), ("ß", "ss"), ("ﬁn", "fin"), ("№", "no"), ("a_", "A^")])
def test_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_a_letter_is_found_under_its_accent() -> None:
    assert fold("cafe") in fold("Café")
    assert fold("café") not in fold("Cafe")


def test_order() -> None:
    assert sorted(["zoo", "_", "Étude", "eux", "Zoé", "", "été"], key=fold) == [
        "",
        "eux",
        "été",
        "Étude",
        "Zoé",
        "zoo",
        "_",
    ]


@given(st.text(st.characters() | st.sampled_from("eßǆﬁ\u0301\u0323é "), min_size=1).map(lambda text: text * 200))
@settings(max_examples=50)
def test_long_text_is_folded_as_short_text(text: str) -> None:
    if any(letter.isascii() for letter in text):
        assert fold(f" {text}") == unicodedata.normalize("NFKD", casemap(f" {text}"))
