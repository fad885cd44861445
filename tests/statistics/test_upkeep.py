"""Months are closed once, with the numbers of accounts at their end, and forgotten in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from mailgate.accounts import Accounts
from mailgate.database import Database, Statement
from mailgate.statistics import counts, months
from mailgate.statistics.activated import counts_now
from mailgate.statistics.counts import ACCOUNTS, ACTIVATED, ALL_SCHOOLS, Key
from mailgate.statistics.upkeep import Upkeep
from mailgate.store.schema import account
from tests.statistics.conftest import FIRST, HEAD, NAMES, PUPIL, SECOND, TEACHER, ZONE, at


async def activate(database: Database, person: int, *, used: bool = True) -> None:
    """Somebody gets an app password, and signs in with it."""
    accounts = Accounts(database)
    try:
        password = await accounts.create_app_password(person, "test")
        if used:
            await accounts.verify(NAMES[person], password, "127.0.0.1")
    finally:
        accounts.close()


def usable(found: counts.Counts, measure: str) -> dict[tuple[str, str], int]:
    return {(one.school, one.profile): number for one, number in found.items() if one.measure == measure and number}


async def test_accounts_by_school_and_profile(database: Database) -> None:
    await activate(database, TEACHER)
    await activate(database, PUPIL, used=False)
    closed = Statement(update(account).values(state="suspended").where(account.c.account_id == HEAD))
    await database.write(lambda tx: tx.run(closed))
    found = await database.read(lambda tx: counts_now(tx, 202610))
    assert usable(found, ACTIVATED) == {(school, "teacher"): 1 for school in (ALL_SCHOOLS, FIRST, SECOND)}
    assert usable(found, ACCOUNTS) == {
        **{(school, "teacher"): 1 for school in (ALL_SCHOOLS, FIRST, SECOND)},
        **{(school, profile): 1 for school in (ALL_SCHOOLS, FIRST) for profile in ("pupil", "relative")},
        (ALL_SCHOOLS, "other"): 1,
    }


async def test_a_month_is_closed_once_by_whoever_is_first(database: Database) -> None:
    now = at("2026-10-15 12:00")
    nodes = [Upkeep(database, ZONE, months=36, clock=lambda: now) for _ in range(2)]
    await asyncio.gather(*(node.run() for node in nodes))
    assert await database.read(lambda tx: counts.read(tx, 202001, 203001)) == {}  # what was before is not known
    await activate(database, TEACHER)
    now = at("2026-11-01 00:30")
    await asyncio.gather(*(node.run() for node in nodes))
    await activate(database, PUPIL)
    await nodes[0].run()
    found = await database.read(lambda tx: counts.read(tx, 202001, 203001))
    assert usable(found, ACTIVATED) == {(school, "teacher"): 1 for school in (ALL_SCHOOLS, FIRST, SECOND)}
    assert {one.month for one in found} == {202610}


async def test_old_months_are_forgotten(database: Database) -> None:
    def key(month: int) -> Key:
        return Key(month, ALL_SCHOOLS, "pupil", counts.MESSAGES, "person")

    await database.write(lambda tx: counts.add(tx, Counter(key(month) for month in months.span(202309, 202610))))
    await Upkeep(database, ZONE, months=36, clock=lambda: at("2026-10-15 12:00")).run()
    assert set(await database.read(lambda tx: counts.read(tx, 0, 300000))) == set(map(key, months.span(202310, 202610)))


@given(st.integers(2000, 2099), st.integers(1, 12), st.integers(-500, 500))
def test_months_are_counted_as_people_count_them(year: int, month: int, by: int) -> None:
    number = year * 100 + month
    assert months.parse(months.shown(number)) == number
    assert months.shift(months.shift(number, by), -by) == number
    assert len(list(months.span(number, months.shift(number, abs(by))))) == abs(by) + 1
    assert months.month_of(datetime(year, month, 1, tzinfo=ZONE).timestamp(), ZONE) == number


@given(st.text(max_size=8))
def test_what_is_no_month(text: str) -> None:
    try:
        assert months.shown(months.parse(text)) == text
    except ValueError:
        with pytest.raises(ValueError, match="is no month"):
            months.parse(text)
