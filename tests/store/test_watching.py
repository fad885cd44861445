"""The engine's watch of an account over the real store: the change feed of each engine says where to look."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping

import pytest

from imap.backend import SERVER, Account, FlagAction, MailboxRef, MailboxStatus
from imap.flags import DELETED, SEEN
from imap.parsing.notify import Event
from imap.watching.changes import MessageChange, NameChange
from imap.watching.watch import AccountWatch, AccountWatches
from mailgate.database import Database
from mailgate.store import Content, MailStore
from tests.store.messages import message, new_message
from tests.store.shares import grant, person

Said = tuple[object, ...]


class Recorder:
    """A hearer that keeps what it is told."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Said] = asyncio.Queue()

    def messages_changed(self, mailbox: MailboxStatus, change: MessageChange) -> None:
        self.said.put_nowait((mailbox.name, change.events))

    def name_changed(self, name: str, change: NameChange) -> None:
        self.said.put_nowait((name, change.old_name))

    def access_changed(self, name: str, ref: MailboxRef) -> None:
        raise AssertionError

    def subscription_changed(self, name: str, ref: MailboxRef | None) -> None:
        self.said.put_nowait((name, "subscription"))

    def annotations_changed(self, name: str, ref: MailboxRef, entries: Mapping[str, int]) -> None:
        self.said.put_nowait((name, *sorted(entries)))

    def wake(self) -> None:
        pass

    async def next(self) -> Said:
        async with asyncio.timeout(10):
            return await self.said.get()


@pytest.fixture
async def recorder(store: MailStore, alice: Account) -> AsyncIterator[Recorder]:
    """Hears of Alice's mailboxes."""
    watches, hearer = AccountWatches(), Recorder()
    watch: AccountWatch = await watches.join(alice, hearer)
    assert next(iter(watch.tree.mailboxes)) == "INBOX"
    yield hearer
    watches.leave(watch, hearer)
    await watches.drain()


async def test_messages(recorder: Recorder, store: MailStore, alice: Account) -> None:
    content: Content = io.BytesIO(message())
    await store.deliver(content, [1])
    assert await recorder.next() == ("INBOX", Event.MESSAGE_NEW | Event.FLAG_CHANGE)
    inbox = (await alice.mailbox("INBOX")).ref
    await alice.store(inbox, [1], FlagAction.ADD, SEEN | DELETED, ())
    assert await recorder.next() == ("INBOX", Event.FLAG_CHANGE)
    await alice.expunge(inbox, None)
    assert await recorder.next() == ("INBOX", Event.MESSAGE_EXPUNGE)
    await alice.append("Sent", [new_message(flags=SEEN)])
    assert await recorder.next() == ("Sent", Event.MESSAGE_NEW)


async def test_names(recorder: Recorder, alice: Account) -> None:
    await alice.create("a/b")
    assert [await recorder.next() for _ in range(4)] == [
        ("a", None),
        ("a/b", None),
        ("a", "subscription"),
        ("a/b", "subscription"),
    ]
    await alice.rename("a", "c")
    assert await recorder.next() == ("c", "a")
    assert {await recorder.next() for _ in range(2)} == {("c", "subscription"), ("c/b", "subscription")}
    await alice.delete("c/b")
    assert [await recorder.next() for _ in range(2)] == [("c", None), ("c/b", None)]
    await alice.unsubscribe("c/b")
    assert await recorder.next() == ("c/b", "subscription")


async def test_annotations(recorder: Recorder, database: Database, alice: Account, bob: Account) -> None:
    sent = (await alice.mailbox("Sent")).ref
    await person(database, 1, "alice@example.org")
    await grant(database, sent, 2, "lr")
    await alice.annotate(sent, {"/private/comment": b"x", "/shared/comment": b"y"})
    assert await recorder.next() == ("Sent", "/private/comment", "/shared/comment")
    await bob.annotate(sent, {"/private/comment": b"bob's"})
    await alice.annotate(sent, {"/shared/comment": None})
    assert await recorder.next() == ("Sent", "/shared/comment")
    await alice.annotate(MailboxRef(1, SERVER), {"/private/x": b"1"})
    assert await recorder.next() == ("", "/private/x")


async def test_other_accounts_are_not_heard_of(recorder: Recorder, store: MailStore, bob: Account) -> None:
    await bob.create("Bob's")
    await store.deliver(io.BytesIO(message()), [2])
    await store.deliver(io.BytesIO(message()), [1])
    assert await recorder.next() == ("INBOX", Event.MESSAGE_NEW | Event.FLAG_CHANGE)


async def test_changes_through_another_store_on_the_same_database(
    recorder: Recorder, database: Database, alice: Account
) -> None:
    other = MailStore(database).account(1, "alice@example.org")
    await other.append("Junk", [new_message(flags=SEEN)])
    assert await recorder.next() == ("Junk", Event.MESSAGE_NEW)


async def test_mailboxes_that_others_share(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    sent = (await alice.mailbox("Sent")).ref
    await person(database, 1, "alice@example.org")
    await grant(database, sent, 2, "lr")
    watches, recorder = AccountWatches(), Recorder()
    watch = await watches.join(bob, recorder)
    (name,) = (name for name, mailbox in watch.tree.mailboxes.items() if mailbox.ref == sent)
    await alice.append("Sent", [new_message(flags=SEEN)])
    said = await recorder.next()
    assert said[0] == name
    assert isinstance(said[1], Event)
    assert Event.MESSAGE_NEW in said[1]
    await alice.annotate(sent, {"/private/comment": b"alice's", "/shared/comment": b"all's"})
    assert await recorder.next() == (name, "/shared/comment")
    watches.leave(watch, recorder)
    await watches.drain()
