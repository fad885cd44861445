"""What was sent is found again by Message-ID, by id, by sender and time; and forgotten after a while."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from mailgate.database import Database, Statement, Tx
from mailgate.store import Dispatch, MailStore, Parcel, dispatches
from mailgate.store.contents import content_key, prepare
from mailgate.store.delivery import AccountNotFound
from mailgate.store.parcels import PreparedParcel
from tests.store.messages import message

NOW = 1_800_000_000
SENT = Dispatch("cafe01", 1, 1, "alice@example.org", "<one@example.org>", NOW)


async def found(database: Database, name: str) -> list[Dispatch]:
    return await database.read(lambda tx: dispatches.find(tx, name))


async def copies(database: Database, name: str) -> list[dispatches.DispatchCopy]:
    return await database.read(lambda tx: dispatches.copies_of(tx, name))


async def send(store: MailStore, sent: Dispatch = SENT) -> None:
    parcels = [
        Parcel(message("people"), frozenset({2, 3})),
        Parcel(message("list"), frozenset({4, 5, 6}), list_id=77),
        Parcel(message("notice"), frozenset({7}), list_id=None),
    ]
    await store.deliver_all(parcels, dispatch=sent)


async def test_by_message_id_and_by_id(store: MailStore, database: Database) -> None:
    await send(store)
    for name in ("<one@example.org>", "one@example.org", " cafe01 "):
        assert await found(database, name) == [SENT]
    for name in ("", "<>", "cafe", "one", "<two@example.org>"):
        assert await found(database, name) == []
    people, of_list = await copies(database, "cafe01")
    assert people == dispatches.DispatchCopy(0, content_key(message("people")), frozenset({2, 3}))
    assert of_list == dispatches.DispatchCopy(77, content_key(message("list")), frozenset({4, 5, 6}))


async def test_by_sender_and_time(store: MailStore, database: Database) -> None:
    await send(store)
    await send(store, Dispatch("cafe02", 2, 9, "office@example.org", "<two@example.org>", NOW + 10))

    async def sent_by(account_id: int, since: int, until: int) -> list[str]:
        rows = await database.read(lambda tx: dispatches.sent_by(tx, account_id, since, until))
        return [one.dispatch_id for one in rows]

    assert await sent_by(1, NOW, NOW) == ["cafe01"]
    assert await sent_by(2, NOW, NOW + 100) == await sent_by(9, NOW, NOW + 100) == ["cafe02"]
    assert await sent_by(1, NOW + 1, NOW + 100) == []


async def test_several_may_have_chosen_the_same_message_id(store: MailStore, database: Database) -> None:
    other = Dispatch("cafe02", 2, 2, "bob@example.org", SENT.internet_id, NOW + 1)
    await send(store)
    await send(store, other)
    assert await found(database, SENT.internet_id) == [SENT, other]


async def test_who_gets_it_later_is_added(store: MailStore, database: Database) -> None:
    first, later = frozenset({2, 2**61}), frozenset({3, 4})
    await store.create_accounts([(2**61, 0)])
    for accounts in (first, later):
        await store.deliver_all([Parcel(message("held"), accounts)], dispatch=SENT)
    assert [copy.account_ids for copy in await copies(database, "cafe01")] == [first | later]
    assert await found(database, "cafe01") == [SENT]


async def test_what_is_not_delivered_was_not_sent(store: MailStore, database: Database) -> None:
    with pytest.raises(AccountNotFound):
        await store.deliver_all([Parcel(message(), frozenset({999}))], dispatch=SENT)
    assert await found(database, "cafe01") == []
    assert await copies(database, "cafe01") == []


async def test_a_hostile_message_id_is_cut(store: MailStore, database: Database) -> None:
    hostile = "<\0" + "é" * 100_000 + ">"
    await send(store, Dispatch("cafe01", 1, 1, "a\0@example.org", hostile, NOW))
    [one] = await found(database, hostile)
    assert one.internet_id == "<" + "é" * 499
    assert one.author == "a@example.org"


async def test_old_ones_are_forgotten(store: MailStore, database: Database) -> None:
    await send(store)
    await send(store, Dispatch("cafe02", 2, 2, "bob@example.org", "<two@example.org>", NOW + 100))
    assert await dispatches.forget_old(database, 50, NOW + 120) == 1
    assert await found(database, "cafe01") == []
    assert await copies(database, "cafe01") == []
    assert len(await copies(database, "cafe02")) == 2


class Counted:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx) -> None:
        self.engine = tx.engine
        self._tx = tx
        self.statements = 0

    async def run(self, statement: Statement, **parameters: object) -> int:
        self.statements += 1
        return await self._tx.run(statement, **parameters)


async def test_one_statement_whatever_the_number_of_recipients(store: MailStore, database: Database) -> None:
    prepared = await prepared_for(range(1, 31))

    async def work(tx: Tx) -> int:
        counted = Counted(tx)
        await dispatches.record(counted, SENT, prepared)  # type: ignore[arg-type]  # what it uses of one
        return counted.statements

    assert await database.write(work) == (1 if database.engine == "postgresql" else 2)


async def prepared_for(accounts: range) -> list[PreparedParcel]:
    with ExitStack() as stack:
        return [PreparedParcel(await prepare(message(), stack), frozenset(accounts), None)]
