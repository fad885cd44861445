"""Codes are used once, before they end, by whom they were made for; guesses are few."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, select

from mailgate.accounts import Accounts, SignInRefused, SignInUnavailable
from mailgate.accounts import activation_making as making
from mailgate.accounts.activation import Activations
from mailgate.accounts.activation_codes import generate
from mailgate.accounts.chosen_passwords import ChosenPasswords
from mailgate.accounts.errors import ActivationRefused, PasswordRejected, TooManyAttempts
from mailgate.accounts.rolls import Member, somebody
from mailgate.accounts.schema import activation_code
from mailgate.accounts.throttle import NETWORK, PAIR
from mailgate.database import Database, DatabaseUnavailable, async_engine
from mailgate.policy.audit import audit
from mailgate.store.provisioning import set_state
from tests.accounts.clocks import FakeClock
from tests.accounts.conftest import ALICE, BOB, CAROL, NOBODY, PEER

PASSWORD = "quatre mots à la suite"
DAYS = 60


class Codes:
    """Batch work on the codes of people, by address."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.url = url
        self.clock = clock

    async def batch(self, work: object) -> object:
        engine = async_engine(self.url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)  # type: ignore[arg-type]
        finally:
            await engine.dispose()

    async def make(self, address: str, *, again: bool = False) -> str:
        def work(connection: Connection) -> str:
            people = [self._member(connection, address)]
            fresh = making.prepare(people, now=int(self.clock()), days=DAYS, again=again)
            making.keep(connection, fresh, "activation new")
            return next(iter(fresh.codes.values()), "")

        return str(await self.batch(work))

    async def revoke(self, address: str) -> None:
        await self.batch(lambda connection: making.revoke(connection, [self._member(connection, address)], now=1))

    async def suspend(self, address: str) -> None:
        def work(connection: Connection) -> None:
            set_state(connection, [self._member(connection, address).account_id], "suspended")

        await self.batch(work)

    async def audited(self) -> list[tuple[str, str, str]]:
        def work(connection: Connection) -> list[tuple[str, str, str]]:
            rows = connection.execute(select(audit.c.action, audit.c.subject, audit.c.detail).order_by(audit.c.at))
            return [(row.action, row.subject, row.detail) for row in rows]

        found = await self.batch(work)
        assert isinstance(found, list)
        return found

    def _member(self, connection: Connection, address: str) -> Member:
        return somebody(connection, address, self.clock())


@pytest.fixture
def codes(people: dict[str, int], database_url: str, clock: FakeClock) -> Codes:
    assert people
    return Codes(database_url, clock)


@pytest.fixture
async def activations(database: Database, clock: FakeClock, chosen: ChosenPasswords) -> AsyncIterator[Activations]:
    opened = Activations(database, clock=clock, monotonic=clock, chosen=chosen)
    yield opened
    opened.close()


async def test_a_code_opens_an_account_once(
    activations: Activations, codes: Codes, accounts: Accounts, people: dict[str, int]
) -> None:
    code = await codes.make(ALICE)
    claim = await activations.claim(ALICE.upper() + " ", code.lower(), PEER)
    await activations.activate(claim, PASSWORD)
    assert (await accounts.verify(ALICE, PASSWORD, PEER)).account_id == people[ALICE]
    with pytest.raises(ActivationRefused):
        await activations.claim(ALICE, code, PEER)
    with pytest.raises(ActivationRefused):
        await activations.activate(claim, "une autre phrase")
    assert {one[:2] for one in await codes.audited()} == {("activation new", ALICE), ("activation", ALICE)}
    assert code not in str(await codes.audited())


async def test_of_many_at_once_one_chooses_the_password(
    activations: Activations, codes: Codes, accounts: Accounts
) -> None:
    code = await codes.make(ALICE)
    claims = await asyncio.gather(*(activations.claim(ALICE, code, PEER) for _ in range(8)))
    passwords = [f"la phrase numéro {number}" for number in range(8)]
    done = await asyncio.gather(
        *(activations.activate(claim, password) for claim, password in zip(claims, passwords, strict=True)),
        return_exceptions=True,
    )
    assert sum(one is None for one in done) == 1
    assert sum(isinstance(one, ActivationRefused) for one in done) == 7
    assert (await accounts.verify(ALICE, passwords[done.index(None)], PEER)).username == ALICE


async def test_what_was_not_made_for_this_address_is_refused(activations: Activations, codes: Codes) -> None:
    code = await codes.make(ALICE)
    for address, tried in [(BOB, code), (NOBODY, code), (ALICE, generate()), ("", code), (ALICE, ""), ("\0", code)]:
        with pytest.raises(ActivationRefused):
            await activations.claim(address, tried, PEER)
    assert (await activations.claim(ALICE, code, PEER)).name == ALICE


async def test_a_new_code_revokes_the_older(activations: Activations, codes: Codes) -> None:
    old, new = await codes.make(ALICE), await codes.make(ALICE)
    with pytest.raises(ActivationRefused):
        await activations.claim(ALICE, old, PEER)
    assert await activations.claim(ALICE, new, PEER)


async def test_a_code_that_is_replaced_between_two_steps_is_over(activations: Activations, codes: Codes) -> None:
    claim = await activations.claim(ALICE, await codes.make(ALICE), PEER)
    await codes.make(ALICE)
    with pytest.raises(ActivationRefused):
        await activations.activate(claim, PASSWORD)


async def test_a_code_ends(activations: Activations, codes: Codes, clock: FakeClock) -> None:
    code = await codes.make(ALICE)
    claim = await activations.claim(ALICE, code, PEER)
    clock.now += DAYS * 86_400
    with pytest.raises(ActivationRefused):
        await activations.claim(ALICE, code, PEER)
    with pytest.raises(ActivationRefused):
        await activations.activate(claim, PASSWORD)


async def test_a_code_that_was_revoked_is_over(activations: Activations, codes: Codes) -> None:
    code = await codes.make(ALICE)
    await codes.revoke(ALICE)
    with pytest.raises(ActivationRefused):
        await activations.claim(ALICE, code, PEER)


async def test_a_suspended_account_is_not_opened(activations: Activations, codes: Codes) -> None:
    with pytest.raises(Exception, match="no address of somebody who may sign in"):
        await codes.make(CAROL)
    claim = await activations.claim(BOB, await codes.make(BOB), PEER)
    await codes.suspend(BOB)
    with pytest.raises(ActivationRefused):
        await activations.activate(claim, PASSWORD)


async def test_who_has_a_password_gets_a_code_only_when_asked(
    activations: Activations, codes: Codes, accounts: Accounts, people: dict[str, int]
) -> None:
    await accounts.set_password(people[ALICE], PASSWORD)
    assert await codes.make(ALICE) == ""
    claim = await activations.claim(ALICE, await codes.make(ALICE, again=True), PEER)
    await activations.activate(claim, "une phrase que je retiens")
    assert await accounts.verify(ALICE, "une phrase que je retiens", PEER)
    with pytest.raises(SignInRefused):
        await accounts.verify(ALICE, PASSWORD, PEER)


async def test_a_password_set_otherwise_ends_the_code(
    activations: Activations, codes: Codes, accounts: Accounts, people: dict[str, int]
) -> None:
    code = await codes.make(ALICE)
    await accounts.set_password(people[ALICE], PASSWORD)
    with pytest.raises(ActivationRefused):
        await activations.claim(ALICE, code, PEER)


async def test_a_password_that_will_not_do_leaves_the_code(activations: Activations, codes: Codes) -> None:
    claim = await activations.claim(ALICE, await codes.make(ALICE), PEER)
    with pytest.raises(PasswordRejected):
        await activations.activate(claim, "short")
    with pytest.raises(PasswordRejected):
        await activations.activate(claim, "je suis alice.martin")
    await activations.activate(claim, PASSWORD)


async def test_guesses_at_one_address_are_few(activations: Activations, codes: Codes, clock: FakeClock) -> None:
    code = await codes.make(ALICE)
    for _ in range(PAIR.free):
        with pytest.raises(ActivationRefused):
            await activations.claim(ALICE, generate(), PEER)
    with pytest.raises(TooManyAttempts):
        await activations.claim(ALICE, code, PEER)
    clock.now += PAIR.cap
    assert await activations.claim(ALICE, code, PEER)


async def test_guesses_from_one_network_are_few(activations: Activations, codes: Codes) -> None:
    code = await codes.make(ALICE)
    for number in range(NETWORK.free):
        with pytest.raises(ActivationRefused):
            await activations.claim(f"nobody{number}@ent.example.org", code, PEER)
    with pytest.raises(TooManyAttempts):
        await activations.claim(ALICE, code, PEER)
    assert await activations.claim(ALICE, code, "198.51.100.1")


async def test_guesses_here_keep_nobody_from_signing_in(
    activations: Activations, accounts: Accounts, people: dict[str, int], codes: Codes
) -> None:
    assert codes
    await accounts.set_password(people[ALICE], PASSWORD)
    for _ in range(PAIR.free + 1):
        with pytest.raises((ActivationRefused, TooManyAttempts)):
            await activations.claim(ALICE, generate(), PEER)
    assert await accounts.verify(ALICE, PASSWORD, PEER)


async def test_a_database_that_does_not_answer_is_no_wrong_code(
    activations: Activations, codes: Codes, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await codes.make(ALICE)
    claim = await activations.claim(ALICE, code, PEER)

    async def unreachable(_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(database, "read", unreachable)
    monkeypatch.setattr(database, "write", unreachable)
    with pytest.raises(SignInUnavailable):
        await activations.claim(ALICE, code, PEER)
    with pytest.raises(SignInUnavailable):
        await activations.activate(claim, PASSWORD)


async def test_no_code_is_kept(codes: Codes) -> None:
    code = await codes.make(ALICE)

    def work(connection: Connection) -> str:
        return str([tuple(row) for row in connection.execute(select(activation_code))])

    kept = await codes.batch(work)
    assert code not in str(kept)
    assert code.replace("-", "") not in str(kept)
