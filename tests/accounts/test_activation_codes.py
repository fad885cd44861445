"""What an activation code is, how it may be typed, and what is kept of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.accounts.activation_codes import ALPHABET, LENGTH, compact, generate, hash_code, verify_code


def test_a_code_has_57_bits_in_three_groups_and_no_character_that_looks_like_another() -> None:
    assert LENGTH * math.log2(len(ALPHABET)) > 57
    assert not set("0O1ILAEU") & set(ALPHABET)
    assert [len(group) for group in generate().split("-")] == [4, 4, 4]
    assert len({generate() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("form", ["{}", " {} ", "{lower}", "{spaced}", "{bare}", "{dashed}"])
def test_a_code_may_be_typed_in_any_form(form: str) -> None:
    code = generate()
    typed = form.format(
        code,
        lower=code.lower(),
        spaced=code.replace("-", " "),
        bare=code.replace("-", ""),
        dashed=code.replace("-", "\N{EN DASH}"),
    )
    assert verify_code(hash_code(code), typed)


def test_another_code_is_not_it() -> None:
    stored = hash_code(generate())
    assert not verify_code(stored, generate())
    assert not verify_code(None, generate())


def test_nothing_of_a_code_is_in_its_hash() -> None:
    code = generate()
    assert hash_code(code) != hash_code(code)
    assert code.replace("-", "") not in hash_code(code)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_code_or_none(typed: str) -> None:
    characters = compact(typed)
    assert characters is None or (len(characters) == LENGTH and set(characters) <= set(ALPHABET))


@pytest.mark.parametrize("typed", ["", "x" * 100_000, "BCDF-BCDF", "OOOO-IIII-LLLL", "\0" * 12, "ÉÉÉÉÉÉÉÉÉÉÉÉ"])
def test_what_is_no_code_is_wrong_and_no_error(typed: str) -> None:
    assert compact(typed) is None
    assert not verify_code(hash_code(generate()), typed)
    with pytest.raises(ValueError, match="not an activation code"):
        hash_code(typed)
