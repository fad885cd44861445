"""Tokens: who has one may do one thing with one message; nothing else that looks like one is worth anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.database import Database
from mailgate.database.batch import batch_engine
from mailgate.moderation.schema import metadata
from mailgate.moderation.tokens import MAX_SLOT, Action, is_genuine, load_key, parse, sign

KEY = b"k" * 32
ID = st.integers(1, 2**62 - 1)
ACTION = st.sampled_from(list(Action))


@given(held_id=ID, slot=st.integers(0, MAX_SLOT), account_id=ID, expires_at=st.integers(0, 2**40), action=ACTION)
def test_a_token_fits_a_local_part_and_comes_back(
    held_id: int, slot: int, account_id: int, expires_at: int, action: Action
) -> None:
    token = sign(KEY, held_id, slot, account_id, expires_at, action)
    assert len(f"moderation+{token}") <= 64
    assert token == token.lower()
    claim = parse(token.upper())
    assert claim is not None
    assert (claim.held_id, claim.slot, claim.action) == (held_id, slot, action)
    assert is_genuine(KEY, claim, account_id, expires_at)
    assert not is_genuine(b"other" + KEY, claim, account_id, expires_at)
    assert not is_genuine(KEY, claim, account_id + 1, expires_at)
    assert not is_genuine(KEY, claim, account_id, expires_at + 1)


@given(
    at=st.integers(0, 39),
    letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"),
    action=ACTION,
)
def test_a_token_changed_anywhere_is_worth_nothing(at: int, letter: str, action: Action) -> None:
    token = sign(KEY, 5, 1, 7, 1_000, Action.APPROVE)
    changed = f"{token[:at]}{letter}{token[at + 1 : 40]}-{action}"
    claim = parse(changed)
    assert (changed == token) == (claim is not None and is_genuine(KEY, claim, 7, 1_000))


@given(st.text(max_size=80))
def test_what_is_no_token_is_told_by_its_form(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text", ["", "-approve", "a" * 40, "a" * 40 + "-delete", "a" * 41 + "-approve", "7" * 40 + "-refuse"]
)
def test_near_tokens_are_none(text: str) -> None:
    assert parse(text) is None


async def test_the_key_is_made_once(database: Database, database_url: str) -> None:
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    assert await load_key(database) == await load_key(database)
    assert len(await load_key(database)) == 32
