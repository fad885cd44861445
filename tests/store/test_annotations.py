"""Annotations in the store: whose they are, how many, and what becomes of them with their mailbox (RFC 5464)."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import SERVER, Account, Hint, MailboxRef
from imap.errors import MailboxNotFound, OverQuota, TooManyAnnotations
from mailgate.database import Database
from mailgate.store import MailStore, annotating
from tests.store.shares import grant, person

ENTRY = "/private/comment"
SHARED = "/shared/comment"


async def ref(account: Account, name: str = "INBOX") -> MailboxRef:
    return (await account.mailbox(name)).ref


async def held(account: Account, where: MailboxRef) -> dict[str, bytes]:
    entries = await account.annotation_sizes(where)
    values = (await account.annotation_values([where], list(entries))).get(where, {})
    assert {entry: len(value) for entry, value in values.items()} == entries
    return dict(values)


async def test_values_are_kept_replaced_and_removed(alice: Account) -> None:
    inbox, sent = await ref(alice), await ref(alice, "Sent")
    await alice.annotate(inbox, {ENTRY: b"one", SHARED: b"\0\r\n\xff"})
    await alice.annotate(sent, {ENTRY: b""})
    assert await held(alice, inbox) == {ENTRY: b"one", SHARED: b"\0\r\n\xff"}
    await alice.annotate(inbox, {ENTRY: None, SHARED: b"two", "/shared/never": None})
    assert await held(alice, inbox) == {SHARED: b"two"}
    assert await alice.annotation_values([inbox, sent], [ENTRY, SHARED]) == {
        inbox: {SHARED: b"two"},
        sent: {ENTRY: b""},
    }


async def test_private_values_belong_to_the_reader(database: Database, alice: Account, bob: Account) -> None:
    inbox = await ref(alice)
    with pytest.raises(MailboxNotFound):
        await bob.annotate(inbox, {ENTRY: b"bob's"})
    await person(database, 1, "alice@example.org")
    await grant(database, inbox, 2, "lr")
    await alice.annotate(inbox, {ENTRY: b"alice's", SHARED: b"everybody's"})
    await bob.annotate(inbox, {ENTRY: b"bob's"})
    assert await held(alice, inbox) == {ENTRY: b"alice's", SHARED: b"everybody's"}
    assert await held(bob, inbox) == {ENTRY: b"bob's", SHARED: b"everybody's"}
    seen = await alice.annotation_changes(inbox.account_id, 0)
    await bob.annotate(inbox, {ENTRY: None})
    assert not (await alice.annotation_changes(inbox.account_id, seen.revision)).changed
    assert await held(alice, inbox) == {ENTRY: b"alice's", SHARED: b"everybody's"}


async def test_the_server_says_what_the_configuration_says(database: Database, store: MailStore) -> None:
    told = MailStore(database, server_annotations={SHARED: b"Hello"})
    account, other = told.account(1, "a@example.org"), told.account(2, "b@example.org")
    server = MailboxRef(1, SERVER)
    await account.annotate(server, {"/private/vendor/x/y": b"mine"})
    assert await held(account, server) == {SHARED: b"Hello", "/private/vendor/x/y": b"mine"}
    assert await held(other, MailboxRef(2, SERVER)) == {SHARED: b"Hello"}


async def test_changes_are_told_by_revision_removals_too(alice: Account) -> None:
    inbox, sent = await ref(alice), await ref(alice, "Sent")
    start = await alice.annotation_changes(1, 0)
    await alice.annotate(inbox, {ENTRY: b"1", SHARED: b"1"})
    await alice.annotate(sent, {ENTRY: b"1"})
    first = await alice.annotation_changes(1, start.revision)
    assert {(change.mailbox_id, change.entry) for change in first.changed} == {
        (inbox.mailbox_id, ENTRY),
        (inbox.mailbox_id, SHARED),
        (sent.mailbox_id, ENTRY),
    }
    await alice.annotate(inbox, {ENTRY: None, "/shared/never": None})
    second = await alice.annotation_changes(1, first.revision)
    assert second.changed == [(inbox.mailbox_id, ENTRY, second.revision)]
    assert second.revision > first.revision > start.revision
    assert not (await alice.annotation_changes(1, second.revision)).changed


async def test_old_removals_are_forgotten(alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "_KEPT_REMOVALS", 2)
    inbox = await ref(alice)
    for name in ("a", "b", "c"):
        await alice.annotate(inbox, {f"/private/{name}": b"1"})
        await alice.annotate(inbox, {f"/private/{name}": None})
    assert [change.entry for change in (await alice.annotation_changes(1, 0)).changed] == ["/private/c"]


async def test_no_more_than_the_bound(database: Database, alice: Account, bob: Account) -> None:
    inbox = await ref(alice)
    await person(database, 1, "alice@example.org")
    await grant(database, inbox, 2, "lr")
    many: dict[str, bytes | None] = {f"/private/{number}": b"x" for number in range(annotating.MAX_ENTRIES)}
    await alice.annotate(inbox, many)
    before = await alice.annotation_changes(1, 0)
    with pytest.raises(TooManyAnnotations):
        await alice.annotate(inbox, {"/private/0": b"other", ENTRY: b"x"})
    assert await held(alice, inbox) == many
    assert (await alice.annotation_changes(1, 0)).revision == before.revision
    await alice.annotate(inbox, {SHARED: b"x"})
    await bob.annotate(inbox, {ENTRY: b"x"})
    await alice.annotate(inbox, {"/private/0": None, ENTRY: b"x"})


async def test_no_more_octets_than_the_bound(alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "MAX_OCTETS", 10)
    await alice.annotate(await ref(alice), {ENTRY: b"1234567890"})
    with pytest.raises(OverQuota):
        await alice.annotate(await ref(alice, "Sent"), {ENTRY: b"1"})
    await alice.annotate(await ref(alice, "Sent"), {SHARED: b"1"})


async def test_annotations_follow_their_mailbox(alice: Account) -> None:
    box = (await alice.create("Old")).ref
    await alice.annotate(box, {ENTRY: b"x"})
    await alice.rename("Old", "New")
    assert await held(alice, await ref(alice, "New")) == {ENTRY: b"x"}
    await alice.delete("New")
    with pytest.raises(MailboxNotFound):
        await alice.annotate(box, {ENTRY: b"y"})
    assert await held(alice, box) == {}
    assert await held(alice, (await alice.create("New")).ref) == {}


async def test_renaming_inbox_copies_them(database: Database, alice: Account, bob: Account) -> None:
    inbox = await ref(alice)
    await person(database, 1, "alice@example.org")
    await grant(database, inbox, 2, "lr")
    await alice.annotate(inbox, {ENTRY: b"x", SHARED: b"y"})
    await bob.annotate(inbox, {ENTRY: b"bob"})
    await alice.rename("INBOX", "Moved")
    moved = await ref(alice, "Moved")
    await grant(database, moved, 2, "lr")
    assert await held(alice, inbox) == await held(alice, moved) == {ENTRY: b"x", SHARED: b"y"}
    assert (await held(bob, moved))[ENTRY] == b"bob"


async def test_who_watches_hears_of_it(store: MailStore, alice: Account) -> None:
    heard: asyncio.Queue[Hint] = asyncio.Queue()
    alice.watch(1, heard.put_nowait)
    await alice.annotate(await ref(alice), {ENTRY: b"x"})
    async with asyncio.timeout(10):
        assert await heard.get() == Hint(frozenset(), annotations_changed=True)


async def test_statuses_of_some_mailboxes(alice: Account) -> None:
    inbox, sent = await alice.mailbox("INBOX"), await alice.mailbox("Sent")
    found = await alice.statuses([sent.ref, inbox.ref, MailboxRef(1, 99), MailboxRef(2, 1)])
    assert {status.ref: status for status in found} == {inbox.ref: inbox, sent.ref: sent}
