"""A delivery in one statement, which PostgreSQL has: as exact as a transaction; on SQLite the same outcome."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import pytest
from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, literal_column, select, table
from sqlalchemy.sql.dml import ReturningInsert

from imap.backend import Account
from imap.flags import SEEN
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.store import AccountNotFound, Dispatch, Gate, MailStore, Parcel, appends, delivery
from mailgate.store.appends import Arrival
from mailgate.store.contents import prepare
from mailgate.store.counters import lock_mailbox
from mailgate.store.dispatches import copies_of
from mailgate.store.provisioning import SENT_ID
from mailgate.store.schema import account, subscription
from mailgate.store.search.queue import queue_length
from tests.store.messages import message, own, status, whole

OWNER = 500
LOOK = select(account.c.account_id).where(account.c.account_id == bindparam("stopped", type_=BigInteger))
OPEN, SHUT = Gate(LOOK, {"stopped": 0}), Gate(LOOK, {"stopped": 1})
_WAITING = Statement(
    select(literal_column("1"))
    .select_from(table("pg_stat_activity"))
    .where(
        literal_column("datname") == literal_column("current_database()"), literal_column("wait_event_type = 'Lock'")
    )
)
_COUNTED = Statement(select(subscription.c.name).where(subscription.c.account_id == OWNER))


def counting(condition: ColumnElement[bool]) -> ReturningInsert[tuple[int]]:
    """Something that is written with the delivery, once."""
    row = select(literal_column(str(OWNER), BigInteger), bindparam("name", type_=Text)).where(condition)
    new = insert(subscription).from_select(["account_id", "name"], row)
    return new.on_conflict_do_nothing().returning(subscription.c.account_id)


class LongWay(Exception):
    """The work that comes first was done."""


async def long_way(tx: Tx) -> None:
    raise LongWay


@pytest.fixture
def transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The deliveries that were more than one statement."""
    found: list[object] = []
    deliver = delivery.deliver

    async def noted(*arguments: object) -> object:
        found.append(arguments)
        return await deliver(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery, "deliver", noted)
    return found


async def arrived(reader: Account) -> int:
    """The messages in INBOX, all unseen."""
    found = await status(reader, "INBOX")
    assert found.unseen == found.messages
    return found.messages


async def send(store: MailStore, text: str, gate: Gate, *to: int, keeps: int | None = 1) -> None:
    sent = Dispatch(f"id-{text}", 1, 1, "alice@example.org", f"<{text}@example.org>", 1_800_000_000)
    await store.deliver_all([Parcel(message(text), frozenset(to), keeps)], dispatch=sent, gate=gate)


async def test_it_is_one_statement_for_most_messages(
    database: Database, store: MailStore, alice: Account, bob: Account, transactions: list[object]
) -> None:
    for number, text in enumerate(("one", "two", "two"), start=1):
        await send(store, text, OPEN, 1, 2)
        assert len(await whole(bob, own(bob))) == number
    if database.engine == "postgresql":
        assert len(transactions) == 1  # the gateway itself had put "two" into Sent before
    assert await arrived(bob) == 3
    assert (await alice.mailbox("Sent")).unseen == 0
    assert list((await whole(alice, own(alice, SENT_ID))).values()) == [message("one"), message("two")]
    assert await database.read(queue_length) == 2
    [copy] = await database.read(lambda tx: copies_of(tx, "id-one"))
    assert copy.account_ids == {1, 2}


async def test_what_the_gate_finds_sends_it_the_long_way(database: Database, store: MailStore, bob: Account) -> None:
    with pytest.raises(LongWay):
        await store.deliver_all(
            [Parcel(message(), frozenset({2}), 1)], first=long_way, dispatch=Dispatch("id", 1, 1, "a", "", 0), gate=SHUT
        )
    assert await arrived(bob) == 0
    assert await database.read(lambda tx: copies_of(tx, "id")) == []
    assert await database.read(queue_length) == 0


async def test_an_account_that_is_not_there(database: Database, store: MailStore, bob: Account) -> None:
    gate = Gate(LOOK, {"stopped": 0, "name": "one"}, counting)
    with pytest.raises(AccountNotFound) as raised:
        await send(store, "one", gate, 2, 4711)
    assert raised.value.account_ids == {4711}
    assert await arrived(bob) == 0
    assert await database.read(lambda tx: tx.all(_COUNTED)) == []


async def test_what_is_counted_is_counted_with_it(database: Database, store: MailStore, bob: Account) -> None:
    """And when it cannot be, the work that comes first decides."""
    if database.engine == "sqlite":
        return
    sent = Dispatch("id", 1, 1, "a", "", 0)
    gate = Gate(LOOK, {"stopped": 0, "name": "one"}, counting)
    for attempt in range(2):
        try:
            await store.deliver_all([Parcel(message(), frozenset({2}), 1)], first=long_way, dispatch=sent, gate=gate)
        except LongWay:
            assert attempt == 1
    assert len(await database.read(lambda tx: tx.all(_COUNTED))) == 1
    assert await arrived(bob) == 1


async def test_the_program_files_its_copy_while_it_waits(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    """The statement does not see the copy that came after it began: it delivers nothing, and looks again."""
    if database.engine == "sqlite":
        return
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def file(tx: Tx) -> None:
        await lock_mailbox(tx, 1, SENT_ID)
        locked.set()
        await go_on.wait()
        with ExitStack() as stack:
            content = await prepare(message("trip"), stack)
            await appends.append(tx, 1, "Sent", [Arrival(content, SEEN, (), 1_800_000_000)], int(time.time()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(database.write(file))
        await locked.wait()
        sending = tasks.create_task(send(store, "trip", OPEN, 2))
        while not await database.read(lambda tx: tx.all(_WAITING)):
            pass
        go_on.set()
        await sending
    assert await arrived(bob) == 1
    assert len(await whole(alice, own(alice, SENT_ID))) == 1
