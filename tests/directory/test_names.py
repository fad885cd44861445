"""How names are folded, shown, and spelt in addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.names import folded, free_slug, local_part, shown, slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("6ème A", "6eme-a"),
        ("4LAT+GRC", "4lat-plus-grc"),
        ("1STMG 2", "1stmg-2"),
        ("BIOTECHNOLOGIES SANTE-ENVIRONNEMENT(E F", "biotechnologies-sante-environnement-e-f"),
        ("  Œuvre d'Art ", "oeuvre-d-art"),
        ("***", ""),
        ("x" * 39 + ":y", "x" * 39),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("given", "sn", "expected"),
    [
        ("Ève", "d'Almeida", "eve.dalmeida"),
        ("Jean Marie", "LŒUILLET", "jean-marie.loeuillet"),
        ("Zoë", "Nguyễn", "zoe.nguyen"),
        ("Đức", "Đặng", "duc.dang"),
        ("", "Prince", "prince"),
        ("小", "明", "x"),
    ],
)
def test_beginnings_of_addresses(given: str, sn: str, expected: str) -> None:
    assert local_part(given, sn) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SCHMITT", "Schmitt"),
        ("DES AULNOIS", "des Aulnois"),
        ("D'ALMEIDA", "d'Almeida"),
        ("VAN DEN BERGHE-MATHIEU", "Van den Berghe-Mathieu"),
        ("N'DIAYE", "N'Diaye"),
        ("LE CŒUR", "Le Cœur"),
        ("OLYMPE-DE-GOUGES", "Olympe-de-Gouges"),
        ("Anne-Gaëlle", "Anne-Gaëlle"),
        ("HE\u0301LE\u0300NE", "Hélène"),
        ("C\u0327ELIK", "Çelik"),
        ("Zoe\u0301", "Zoé"),
        ("İPEK", "İpek"),
        ("DE", "De"),
        ("", ""),
    ],
)
def test_capitals_are_shown_as_people_write(name: str, expected: str) -> None:
    assert shown(name) == expected


def test_a_taken_slug_gets_the_next_number() -> None:
    assert free_slug("1STMG-2", {"1stmg-2"}) == "1stmg-2-2"
    assert free_slug("1STMG-2", {"1stmg-2", "1stmg-2-2"}) == "1stmg-2-3"
    assert free_slug("***", set()) == "x"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_name_makes_a_plain_local_part(first: str, last: str) -> None:
    made = local_part(first, last)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", made)
    assert ".." not in made
    assert len(made) <= 60


@given(st.text(max_size=200))
def test_any_slug_is_stable_under_slugging(text: str) -> None:
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(text))
    assert slug(slug(text)) == slug(text)


@given(st.text(max_size=80))
def test_showing_a_name_changes_only_its_case(name: str) -> None:
    assert folded(shown(name)) == folded(name)
