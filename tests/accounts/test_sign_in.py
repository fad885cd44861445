"""A right password signs in; everything else gets one answer, after the same work."""

from __future__ import annotations

import logging

import pytest

from mailgate.accounts import Accounts, Identity, SignInRefused, SignInUnavailable
from mailgate.accounts.app_passwords import generate
from mailgate.accounts.chosen_passwords import ChosenPasswords
from mailgate.accounts.throttle import NETWORK, PAIR
from mailgate.database import Database, DatabaseUnavailable, async_engine
from mailgate.store.provisioning import set_state
from tests.accounts.clocks import FakeClock
from tests.accounts.conftest import ALICE, BOB, CAROL, NOBODY, PEER

CHOSEN = "correct horse battery"


async def refuse(accounts: Accounts, username: str, password: str, peer: str = PEER) -> str:
    with pytest.raises(SignInRefused) as caught:
        await accounts.verify(username, password, peer)
    return str(caught.value)


async def test_an_app_password_signs_in_by_any_spelling(accounts: Accounts, people: dict[str, int]) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    for username in (ALICE, ALICE.upper()):
        for password in (made, made.upper(), made.replace("-", " "), made.replace("-", "")):
            assert await accounts.verify(username, password, PEER) == Identity(people[ALICE], ALICE)


async def test_a_chosen_password_signs_in_as_it_was_typed(accounts: Accounts, people: dict[str, int]) -> None:
    await accounts.set_password(people[ALICE], "mot de passe \u00e9t\u00e9")
    assert await accounts.verify(ALICE, "mot de passe e\N{COMBINING ACUTE ACCENT}t\u00e9", PEER) == Identity(
        people[ALICE], ALICE
    )
    await refuse(accounts, ALICE, "Mot de passe \u00e9t\u00e9")


async def test_a_password_opens_one_account_only(accounts: Accounts, people: dict[str, int]) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    await accounts.create_app_password(people[BOB], "Phone")
    await accounts.set_password(people[ALICE], CHOSEN)
    await refuse(accounts, BOB, made)
    await refuse(accounts, BOB, CHOSEN)


async def test_unknown_suspended_and_wrong_have_one_answer(accounts: Accounts, people: dict[str, int]) -> None:
    made = await accounts.create_app_password(people[CAROL], "Phone")
    await accounts.set_password(people[CAROL], CHOSEN)
    answers = {
        await refuse(accounts, username, password)
        for username in (ALICE, CAROL, NOBODY, "", "two words", "x" * 400, "a\0b")
        for password in (made, generate(), CHOSEN, "wrong horse battery", "", "\0", "x" * 5000)
    }
    assert len(answers) == 1


@pytest.mark.parametrize("username", [ALICE, BOB, CAROL, NOBODY])
async def test_the_work_depends_on_the_form_of_the_password_alone(
    accounts: Accounts, people: dict[str, int], chosen: ChosenPasswords, username: str
) -> None:
    await accounts.set_password(people[BOB], CHOSEN)
    await refuse(accounts, username, "wrong horse battery")
    assert chosen.verifications == 1
    await refuse(accounts, username, generate())
    assert chosen.verifications == 1


async def test_an_account_that_is_suspended_is_out_at_once(
    accounts: Accounts, people: dict[str, int], database_url: str
) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    await accounts.set_password(people[ALICE], CHOSEN)
    for password in (made, CHOSEN):
        await accounts.verify(ALICE, password, PEER)
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: set_state(sync, [people[ALICE]], "suspended"))
    await engine.dispose()
    for password in (made, CHOSEN):
        await refuse(accounts, ALICE, password)


async def test_a_changed_password_is_out_at_once(accounts: Accounts, people: dict[str, int]) -> None:
    await accounts.set_password(people[ALICE], CHOSEN)
    await accounts.verify(ALICE, CHOSEN, PEER)
    await accounts.set_password(people[ALICE], "another horse battery")
    await refuse(accounts, ALICE, CHOSEN)
    await accounts.verify(ALICE, "another horse battery", PEER)


async def test_guesses_are_slowed_and_the_answer_is_to_come_back_later(
    accounts: Accounts, people: dict[str, int], clock: FakeClock, chosen: ChosenPasswords
) -> None:
    await accounts.set_password(people[ALICE], CHOSEN)
    for username in (ALICE, NOBODY):
        for number in range(PAIR.free):
            await refuse(accounts, username, f"wrong password {number}")
        verifications = chosen.verifications
        with pytest.raises(SignInUnavailable):
            await accounts.verify(username, CHOSEN, PEER)
        assert chosen.verifications == verifications
    clock.now += PAIR.cap
    await accounts.verify(ALICE, CHOSEN, PEER)


async def test_an_app_password_signs_in_whatever_others_do(accounts: Accounts, people: dict[str, int]) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    for number in range(PAIR.free):
        await refuse(accounts, ALICE, f"wrong password {number}")
    with pytest.raises(SignInUnavailable):
        await accounts.verify(ALICE, CHOSEN, PEER)
    assert await accounts.verify(ALICE, made, PEER)


async def test_a_network_that_tries_many_accounts_is_slowed(
    accounts: Accounts, chosen: ChosenPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(*_: object) -> bool:
        return False

    monkeypatch.setattr(chosen, "verify", wrong)
    for number in range(NETWORK.free):
        await refuse(accounts, f"guess{number}@ent.example.org", CHOSEN, f"2001:db8:1:2::{number:x}")
    with pytest.raises(SignInUnavailable):
        await accounts.verify(BOB, CHOSEN, "2001:db8:1:2:ffff::1")
    await refuse(accounts, BOB, CHOSEN, "2001:db8:1:3::1")


async def test_without_a_database_the_answer_is_to_come_back_later(
    accounts: Accounts, people: dict[str, int], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")

    async def unreachable(_: object) -> None:
        raise DatabaseUnavailable("the server is gone")

    monkeypatch.setattr(database, "write", unreachable)
    await accounts.verify(ALICE, made, PEER)  # the date of the last use is not worth a refusal
    monkeypatch.setattr(database, "read", unreachable)
    with pytest.raises(SignInUnavailable):
        await accounts.verify(ALICE, made, PEER)


async def test_no_secret_and_no_local_part_in_the_log(
    accounts: Accounts, people: dict[str, int], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await accounts.create_app_password(people[ALICE], "Phone")
    await accounts.set_password(people[ALICE], CHOSEN)
    await accounts.verify(ALICE, made, PEER)
    await accounts.verify(ALICE, CHOSEN, PEER)
    for _ in range(PAIR.free):
        await refuse(accounts, ALICE, "wrong horse battery")
    with pytest.raises(SignInUnavailable):
        await accounts.verify(ALICE, CHOSEN, PEER)
    await refuse(accounts, NOBODY, generate())
    captured = capsys.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert "sign_in_refused" in logged
    assert "sign_in_throttled" in logged
    for secret in (made, made.replace("-", ""), "horse", "alice", "nobody"):
        assert secret not in logged
