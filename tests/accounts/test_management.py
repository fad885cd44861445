"""App passwords are made, listed and revoked; a chosen password obeys the policy."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from mailgate.accounts import (
    Accounts,
    AppPasswordInfo,
    LabelRejected,
    PasswordRejected,
    SignInRefused,
    TooManyPasswords,
    UnknownAccount,
)
from mailgate.accounts.management import MAX_APP_PASSWORDS
from mailgate.accounts.schema import app_password, chosen_password
from mailgate.database import Database, Statement, Tx
from tests.accounts.clocks import FakeClock
from tests.accounts.conftest import ALICE, BOB, PEER


async def test_several_app_passwords_each_with_its_label_and_last_use(
    accounts: Accounts, people: dict[str, int], clock: FakeClock
) -> None:
    start = int(clock.now)
    await accounts.create_app_password(people[ALICE], "  Phone ")
    laptop = await accounts.create_app_password(people[ALICE], "Laptop")
    clock.now += 10
    await accounts.verify(ALICE, laptop, PEER)
    assert await accounts.list_app_passwords(people[ALICE]) == [
        AppPasswordInfo(1, "Phone", start, None, None),
        AppPasswordInfo(2, "Laptop", start, start + 10, None),
    ]
    assert await accounts.list_app_passwords(people[BOB]) == []


async def test_the_last_use_is_written_once_an_hour(
    accounts: Accounts, people: dict[str, int], clock: FakeClock
) -> None:
    start = int(clock.now)
    made = await accounts.create_app_password(people[ALICE], "Phone")
    seen = []
    for pause in (0, 1800, 1799, 1):
        clock.now += pause
        await accounts.verify(ALICE, made, PEER)
        seen.append((await accounts.list_app_passwords(people[ALICE]))[0].last_used_at)
    assert seen == [start, start, start, start + 3600]


async def test_a_sign_in_writes_nothing_while_the_last_use_is_fresh(
    accounts: Accounts, people: dict[str, int], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    await accounts.verify(ALICE, made, PEER)

    async def no_writing(_: object) -> None:
        pytest.fail("a sign-in wrote to the database")

    monkeypatch.setattr(database, "write", no_writing)
    await accounts.verify(ALICE, made, PEER)


async def test_a_revoked_app_password_is_out_and_its_number_is_not_given_again(
    accounts: Accounts, people: dict[str, int], clock: FakeClock
) -> None:
    phone = await accounts.create_app_password(people[ALICE], "Phone")
    laptop = await accounts.create_app_password(people[ALICE], "Laptop")
    await accounts.verify(ALICE, laptop, PEER)
    assert await accounts.revoke_app_password(people[ALICE], 2)
    assert not await accounts.revoke_app_password(people[ALICE], 2)
    assert not await accounts.revoke_app_password(people[ALICE], 9)
    assert not await accounts.revoke_app_password(people[BOB], 1)
    with pytest.raises(SignInRefused):
        await accounts.verify(ALICE, laptop, PEER)
    await accounts.verify(ALICE, phone, PEER)
    await accounts.create_app_password(people[ALICE], "New laptop")
    assert [(one.password_id, one.revoked_at) for one in await accounts.list_app_passwords(people[ALICE])] == [
        (1, None),
        (2, int(clock.now)),
        (3, None),
    ]


async def test_many_are_made_at_once_or_none(accounts: Accounts, people: dict[str, int]) -> None:
    wanted = [(people[ALICE], "One"), (people[BOB], "Two"), (people[ALICE], "Three")]
    made = await accounts.create_app_passwords(wanted)
    for (account_id, _), password in zip(wanted, made, strict=True):
        address = ALICE if account_id == people[ALICE] else BOB
        assert (await accounts.verify(address, password, PEER)).account_id == account_id
    with pytest.raises(UnknownAccount):
        await accounts.create_app_passwords([(people[BOB], "Four"), (12345, "Five")])
    assert len(await accounts.list_app_passwords(people[BOB])) == 1
    assert await accounts.create_app_passwords([]) == []


async def test_an_account_has_a_limit(accounts: Accounts, people: dict[str, int]) -> None:
    await accounts.create_app_passwords([(people[ALICE], "x")] * MAX_APP_PASSWORDS)
    with pytest.raises(TooManyPasswords):
        await accounts.create_app_password(people[ALICE], "one more")
    await accounts.revoke_app_password(people[ALICE], 1)
    await accounts.create_app_password(people[ALICE], "one more")


@pytest.mark.parametrize("label", ["", "   ", "a\nb", "x" * 101])
async def test_a_label_is_one_short_line(accounts: Accounts, people: dict[str, int], label: str) -> None:
    with pytest.raises(LabelRejected):
        await accounts.create_app_password(people[ALICE], label)


async def test_a_chosen_password_does_not_hold_any_address_of_the_person(
    accounts: Accounts, people: dict[str, int]
) -> None:
    with pytest.raises(PasswordRejected, match="name in the address"):
        await accounts.set_password(people[ALICE], "Alice.Martin 2026!")
    with pytest.raises(UnknownAccount):
        await accounts.set_password(12345, "correct horse battery")


async def test_what_is_stored_does_not_hold_the_password(
    accounts: Accounts, people: dict[str, int], database: Database
) -> None:
    made = await accounts.create_app_password(people[ALICE], "Phone")
    await accounts.set_password(people[ALICE], "correct horse battery")

    async def read(tx: Tx) -> bytes:
        rows = [await tx.all(Statement(select(table))) for table in (app_password, chosen_password)]
        return repr([[bytes(c) if isinstance(c, memoryview) else c for c in row] for row in rows[0] + rows[1]]).encode()

    stored = await database.read(read)
    assert made.replace("-", "").encode() not in stored
    assert b"horse" not in stored
