"""App passwords are long, readable, and known by what is kept of them only to who holds them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.accounts.app_passwords import (
    ALPHABET,
    GROUP_LENGTH,
    GROUPS,
    LENGTH,
    compact,
    derive,
    fast_digest,
    generate,
    scram_keys,
)


def test_an_app_password_has_more_than_130_bits() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert LENGTH * math.log2(len(ALPHABET)) >= 130


def test_an_app_password_is_shown_in_groups_of_unambiguous_characters() -> None:
    groups = generate().split("-")
    assert [len(group) for group in groups] == [GROUP_LENGTH] * GROUPS
    assert not set("".join(groups)) & set("0o1il")


def test_no_two_app_passwords_are_equal() -> None:
    assert len({generate() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "change", [str.upper, lambda shown: shown.replace("-", ""), lambda shown: shown.replace("-", " ")]
)
def test_separators_and_case_do_not_matter(change: object) -> None:
    shown = generate()
    assert callable(change)
    assert compact(change(shown)) == shown.replace("-", "")


@given(st.text(max_size=60))
def test_any_text_either_has_the_form_or_not(text: str) -> None:
    characters = compact(text)
    assert characters is None or (len(characters) == LENGTH and set(characters) <= set(ALPHABET))


def test_the_keys_fit_the_password_and_no_other() -> None:
    password, salt = generate(), b"s" * 16
    keys = derive(password, salt)
    assert keys.digest == fast_digest(salt, password.replace("-", ""))
    assert keys.digest != fast_digest(b"t" * 16, password.replace("-", ""))
    assert (keys.stored_key, keys.server_key) == scram_keys(password, salt, keys.iterations)


def test_only_an_app_password_gets_keys() -> None:
    with pytest.raises(ValueError, match="not an app password"):
        derive("a password that somebody chose", b"s" * 16)


def test_no_key_shows_in_a_representation() -> None:
    keys = derive(generate(), b"s" * 16)
    shown = repr(keys)
    assert all(repr(secret) not in shown for secret in (keys.salt, keys.stored_key, keys.server_key, keys.digest))
