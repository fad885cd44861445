"""Keys by which two sources are seen to mean one person."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import keys

BIRTHDAY = date(2011, 12, 2)


def test_accents_capitals_and_apostrophes_do_not_tell_people_apart() -> None:
    aaf = keys.born("Anne-Gaëlle", BIRTHDAY, "D'Œuvre")
    sts = keys.born("ANNE-GAELLE", BIRTHDAY, "DOEUVRE")
    assert aaf == sts != ()


def test_the_birth_name_is_a_key_of_its_own() -> None:
    married = keys.born("Zoé", BIRTHDAY, "Nouvelle-Épouse", "Aubert")
    assert set(keys.born("ZOE", BIRTHDAY, "AUBERT")) < set(married)
    assert len(married) == 2


def test_another_day_is_another_person() -> None:
    assert not {*keys.born("Zoé", BIRTHDAY, "Aubert")} & {*keys.born("Zoé", date(2011, 12, 3), "Aubert")}


def test_what_is_missing_is_no_key() -> None:
    assert keys.ine(" ") == keys.eleve("0") == keys.born("Zoé", None, "Aubert") == keys.name("", "") == ()
    assert keys.born("Zoé", BIRTHDAY, "") == ()


def test_numbers_are_not_kept_in_clear() -> None:
    (key,) = keys.ine("010000001hb")
    assert keys.kind_of(key) == "ine"
    assert "010000001" not in key
    assert keys.ine("010000001HB ") == (key,)


@pytest.mark.parametrize("text", ["02/12/2011", "2011-12-02", "20111202", " 02/12/2011 "])
def test_dates_of_every_format(text: str) -> None:
    assert keys.day_of(text) == BIRTHDAY


@pytest.mark.parametrize("text", ["", "31/02/2011", "2011-13-01", "2/12/2011", "２０１１１２０２", "00000000"])
def test_what_is_no_date(text: str) -> None:
    assert keys.day_of(text) is None


@given(st.text(max_size=20))
def test_any_text_is_read_as_a_date_or_as_none(text: str) -> None:
    found = keys.day_of(text)
    assert found is None or str(found.year).zfill(4) in text


def test_telephone_numbers_are_compared_whatever_their_spelling_and_are_not_kept() -> None:
    veiled = keys.mobile("06 39 98 97 72")
    assert veiled == keys.mobile("+33 639989772") == keys.mobile("0033.6.39.98.97.72") == keys.mobile(veiled)
    assert "39989772" not in veiled
    assert veiled != keys.mobile("06 39 98 97 73")
    assert keys.mobile("") == keys.mobile("néant") == ""


def test_postal_addresses_are_compared_without_capitals_and_signs_and_are_not_kept() -> None:
    veiled = keys.postal("1 rue X 13000 Y")
    assert veiled == keys.postal("1, RUE X - 13000 Y") == keys.postal(veiled) != ""
    assert "13000" not in veiled
    parts = [keys.postal(part) for part in ("1 rue X", "", "Y")]
    assert keys.postal(*parts) == keys.postal("1 rue X", "", "Y") != keys.postal("1 rue X", "Y", "")
    assert keys.postal("$$$") == keys.postal("", "$$", "") == ""
