"""Two deliveries for one sender at once, one of them in one statement: on PostgreSQL they lock in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Text, bindparam, literal_column, select, table

from mailgate.database import Database, Statement, Tx
from mailgate.policy.allowance import Window, with_message
from mailgate.policy.schema import sending
from mailgate.policy.sending import TURN, counting, held_window, keep
from mailgate.store import Dispatch, Gate, MailStore, Parcel, delivery_at_once
from mailgate.store.schema import account
from tests.store.conftest import TABLES
from tests.store.messages import message
from tests.support.templates import Fill, filled_by

SENDER = 1
NOW = 1_800_000_000
LOOK = select(account.c.account_id).where(account.c.account_id == 0)
_SENT = Statement(select(sending.c.sent).where(sending.c.account_id == SENDER))
_WAITING = Statement(
    select(literal_column("1"))
    .select_from(table("pg_stat_activity"))
    .where(
        literal_column("datname") == literal_column("current_database()"),
        literal_column("wait_event_type = 'Lock'"),
        literal_column("query").like(bindparam("like", type_=Text)),
    )
)
_SENDING = filled_by(sending.create)


def _fill(url: str) -> None:
    TABLES(url)
    _SENDING(url)


@pytest.fixture
def database_content() -> Fill:
    """The store's tables, and what was sent."""
    return _fill


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that were to deliver: one that PostgreSQL has begin anew is there twice."""
    found: list[object] = []
    deliver = delivery_at_once.deliver

    async def noted(*arguments: object) -> object:
        found.append(arguments)
        return await deliver(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery_at_once, "deliver", noted)
    return found


async def count(tx: Tx, then: Callable[[], object] = bool) -> Window:
    """Count one message, as the work does that comes first."""
    window = with_message(await held_window(tx, SENDER, NOW), NOW, 1)
    await keep(tx, SENDER, window)
    then()
    return window


def gate(before: str) -> Gate:
    """What may stand for `count`."""
    parameters = {"sender": SENDER, "now": NOW, "before": before, "counted": "[[30000000,1,1]]"}
    return Gate(LOOK, parameters, counting, TURN)


@pytest.mark.parametrize("has_sent", [False, True])
async def test_who_counts_first_locks_its_mailboxes_first(
    database: Database, store: MailStore, attempts: list[object], *, has_sent: bool
) -> None:
    """The delivery of several statements has counted, and comes to the mailboxes while the other waits its turn."""
    if database.engine == "sqlite":
        return
    if has_sent:
        await database.write(count)
    counted, go_on = asyncio.Event(), asyncio.Event()

    async def first(tx: Tx) -> None:
        await count(tx, counted.set)
        await go_on.wait()

    def send(name: str, **how: object) -> asyncio.Task[None]:
        sent = Dispatch(name, SENDER, SENDER, "alice@example.org", f"<{name}@example.org>", NOW)
        parcel = Parcel(message(name), frozenset({2}), SENDER)
        return tasks.create_task(store.deliver_all([parcel], dispatch=sent, **how))  # type: ignore[arg-type]

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        send("slow", first=first)
        await counted.wait()
        before = "[[30000000,1,1]]" if has_sent else "[]"
        send("quick", first=partial(count), gate=gate(before))
        while not await database.read(lambda tx: tx.all(_WAITING, like="%turn%")):
            pass
        go_on.set()
    assert len(attempts) == 1
    [[sent]] = await database.read(lambda tx: tx.all(_SENT))
    assert sent == f"[[30000000,{2 + has_sent},{2 + has_sent}]]"
    found = await store.account(2, "bob@example.org").mailbox("INBOX")
    assert found.messages == 2
