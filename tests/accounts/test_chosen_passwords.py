"""Chosen passwords are checked off the event loop, within bounds, and once for many connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from mailgate.accounts.app_passwords import generate
from mailgate.accounts.chosen_passwords import ChosenPasswords, check_policy
from mailgate.accounts.errors import PasswordRejected, SignInUnavailable
from tests.accounts.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def chosen(clock: FakeClock) -> AsyncIterator[ChosenPasswords]:
    passwords = ChosenPasswords(clock, remembered=3, remember_seconds=300.0)
    yield passwords
    passwords.close()


async def test_the_password_is_good_and_another_is_not(chosen: ChosenPasswords) -> None:
    stored = await chosen.hash("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await chosen.verify("#1", stored, "correct horse battery")
    assert not await chosen.verify("#1", stored, "correct horse battery ")


async def test_a_good_answer_is_remembered_for_a_while(chosen: ChosenPasswords, clock: FakeClock) -> None:
    stored = await chosen.hash("correct horse battery")
    for _ in range(5):
        assert await chosen.verify("#1", stored, "correct horse battery")
    assert chosen.verifications == 1
    clock.now += 301
    assert await chosen.verify("#1", stored, "correct horse battery")
    assert chosen.verifications == 2


async def test_a_bad_answer_is_not_remembered(chosen: ChosenPasswords) -> None:
    stored = await chosen.hash("correct horse battery")
    for _ in range(2):
        assert not await chosen.verify("#1", stored, "wrong horse battery")
    assert chosen.verifications == 2


async def test_a_new_password_forgets_the_old_one_at_once(chosen: ChosenPasswords) -> None:
    old = await chosen.hash("correct horse battery")
    assert await chosen.verify("#1", old, "correct horse battery")
    new = await chosen.hash("another horse battery")
    assert not await chosen.verify("#1", new, "correct horse battery")


async def test_without_a_stored_hash_the_work_is_the_same(chosen: ChosenPasswords) -> None:
    assert not await chosen.verify("nobody@ent.example.org", None, "correct horse battery")
    assert chosen.verifications == 1


async def test_equal_checks_at_the_same_time_are_one(chosen: ChosenPasswords) -> None:
    stored = await chosen.hash("correct horse battery")
    answers = await asyncio.gather(*(chosen.verify("#1", stored, "correct horse battery") for _ in range(5)))
    assert answers == [True] * 5
    assert chosen.verifications == 1


async def test_the_memory_is_bounded(chosen: ChosenPasswords) -> None:
    stored = await chosen.hash("correct horse battery")
    for number in range(5):
        assert await chosen.verify(f"#{number}", stored, "correct horse battery")
    assert len(chosen) == 3


async def test_more_checks_than_can_wait_are_refused_at_once(clock: FakeClock) -> None:
    passwords = ChosenPasswords(clock, workers=1, waiting=1)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait(30)

    try:
        passwords._pool.submit(hold)
        await asyncio.to_thread(held.wait, 30)
        waiting = [asyncio.create_task(passwords.verify(f"#{number}", None, "some password")) for number in range(2)]
        await asyncio.sleep(0)  # both tasks start
        await asyncio.sleep(0)  # and the checks that they started
        with pytest.raises(SignInUnavailable):
            await passwords.verify("#3", None, "some password")
        release.set()
        assert await asyncio.gather(*waiting) == [False, False]
    finally:
        release.set()
        passwords.close()


async def test_a_client_that_hangs_up_does_not_end_the_check_of_another(chosen: ChosenPasswords) -> None:
    stored = await chosen.hash("correct horse battery")
    first = asyncio.create_task(chosen.verify("#1", stored, "correct horse battery"))
    second = asyncio.create_task(chosen.verify("#1", stored, "correct horse battery"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert chosen.verifications == 1


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "too short"),
        ("eleven char", "too short"),
        ("my ALICE.MARTIN password", "name in the address"),
        ("tab\tin the middle", "control character"),
        ("x" * 2000, "too long"),
        ("", "too short"),
    ],
)
def test_the_policy_says_why(password: str, why: str) -> None:
    with pytest.raises(PasswordRejected, match=why):
        check_policy(password, ["alice.martin@ent.example.org", "am@ent.example.org"])


def test_a_chosen_password_must_not_look_like_one_of_the_machine() -> None:
    with pytest.raises(PasswordRejected, match="form of an app password"):
        check_policy(generate(), [])


def test_the_policy_gives_the_prepared_password() -> None:
    assert check_policy("mot\N{NO-BREAK SPACE}de passe e\N{COMBINING ACUTE ACCENT}te", []) == "mot de passe \u00e9te"
