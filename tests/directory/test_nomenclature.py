"""National codes."""

from __future__ import annotations

import pytest

from directory.nomenclature import level_of_mef, level_of_stat, modern_link, sdet_of_staff
from tests.directory.academy import expected


def test_a_programme_s_own_code_tells_the_same_level_as_the_table() -> None:
    for code, key in expected()["mef_levels"].items():
        found = level_of_mef(code)
        assert found is not None
        assert found.key == key, code


@pytest.mark.parametrize("code", ["", "9", "99999999999", "247"])
def test_an_unknown_programme_has_no_level(code: str) -> None:
    assert level_of_mef(code) is None
    assert level_of_stat(code) is None


@pytest.mark.parametrize(
    ("functions", "before_pupils", "code"),
    [
        (["ENS"], True, "ENS"),
        (["DOC"], True, "DOC"),
        (["DIR", "ENS"], True, "DIR"),
        (["AED"], False, "EVS"),
        (["ADF", "INS"], False, "ETA"),
        (["INS"], False, "ACA"),
        (["-"], False, "ETA"),
        ([], True, "ENS"),
        ([], False, "ETA"),
        (["ZZZ"], True, "ENS"),
        (["ZZZ"], False, "ETA"),
    ],
)
def test_the_highest_function_gives_the_profile(functions: list[str], before_pupils: bool, code: str) -> None:  # noqa: FBT001
    assert sdet_of_staff(functions, before_pupils=before_pupils) == code


def test_father_and_mother_changed_order() -> None:
    assert modern_link(1, 2) == (20, 1)
    assert modern_link(2, 1) == (10, 1)
    assert modern_link(10, 2) == (10, 2)
