"""What a SELECT asks of the store: where the mailbox is, the whole of it at once, who has its recent messages."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account, FlagAction, Located, MailboxRef
from imap.errors import MailboxNotFound, NotPermitted
from imap.flags import DELETED, FLAGGED, SEEN
from mailgate.database import Database, Row, Statement, Tx
from mailgate.store import MailStore, snapshots
from mailgate.store.access import owner
from tests.store.messages import message, new_message, own, rows
from tests.store.shares import grant, person


class Counted:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx) -> None:
        self.engine = tx.engine
        self._tx = tx
        self.statements = 0

    async def one(self, statement: Statement, **parameters: object) -> Row | None:
        self.statements += 1
        return await self._tx.one(statement, **parameters)


async def fill(account: Account, number: int) -> None:
    await account.append("INBOX", [new_message(f"{index}") for index in range(number)])


async def test_whatever_happens_in_a_mailbox_shows_in_where_it_is(store: MailStore, alice: Account) -> None:
    last = Located(own(alice), 0, 0)

    async def moved() -> bool:
        nonlocal last
        before, last = last, await alice.locate("INBOX")
        assert (last.ref, last.modseq) == (own(alice), (await alice.mailbox("INBOX")).highestmodseq)
        return last != before

    assert await moved()
    assert not await moved()
    await fill(alice, 3)
    assert await moved()
    await store.deliver(message("delivered"), [1])
    assert await moved()
    await alice.store(own(alice), [1, 2], FlagAction.ADD, SEEN | DELETED, [])
    assert await moved()
    await alice.expunge(own(alice), [1])
    assert await moved()
    await alice.move(own(alice), [2], "Trash")
    assert await moved()
    await alice.claim_recent(own(alice), 5)
    assert not await moved()


async def test_the_mailboxes_of_others_are_found_by_those_who_may_read(
    database: Database, alice: Account, bob: Account
) -> None:
    await person(database, 1, "alice@example.org")
    name = "Other Users/alice@example.org/INBOX"
    with pytest.raises(MailboxNotFound):
        await bob.locate(name)
    await grant(database, own(alice), 2, "l")
    with pytest.raises(NotPermitted):
        await bob.locate(name)
    await grant(database, own(alice), 2, "lr")
    assert await bob.locate(name) == await alice.locate("INBOX")
    for missing in ("Nowhere", "Other Users/nobody@example.org/INBOX"):
        with pytest.raises(MailboxNotFound):
            await bob.locate(missing)


async def test_the_whole_mailbox_and_its_log_are_one_statement(alice: Account, database: Database) -> None:
    async def look(tx: Tx) -> tuple[int, list[tuple[int, int, int]]]:
        counted = Counted(tx)
        found = await snapshots.snapshot(counted, owner(1), own(alice))  # type: ignore[arg-type]  # what it uses of one
        return counted.statements, rows(found)

    assert await database.read(look) == (1, [])
    await fill(alice, 4)
    await alice.store(own(alice), [2, 3], FlagAction.ADD, SEEN, [])
    await alice.store(own(alice), [3, 4], FlagAction.ADD, FLAGGED, [])
    await alice.expunge(own(alice), [2])
    statements, found = await database.read(look)
    assert statements == 1
    assert [(uid, flags) for uid, flags, _ in found] == [(1, 0), (2, SEEN), (3, SEEN | FLAGGED), (4, FLAGGED)]
    assert rows(await alice.snapshot(own(alice))) == found
    with pytest.raises(MailboxNotFound):
        await alice.snapshot(MailboxRef(1, 99))


async def test_recent_messages_are_of_one_session_however_many_ask(store: MailStore, alice: Account) -> None:
    everybody = [store.account(1, f"{number}") for number in range(8)]
    taken: list[int] = []
    for turn in range(1, 6):
        await alice.append("INBOX", [new_message(f"{turn}")])
        firsts = await asyncio.gather(*(one.claim_recent(own(alice), turn + 1) for one in everybody))
        taken += [first for first in firsts if first <= turn]
        assert sorted(firsts)[1:] == [turn + 1] * 7
    assert taken == [1, 2, 3, 4, 5]
    assert await alice.claim_recent(own(alice), 3) == 6, "what is taken stays taken"
    assert (await alice.mailbox("INBOX")).recent == 0
    with pytest.raises(MailboxNotFound):
        await alice.claim_recent(MailboxRef(1, 99), 2)
