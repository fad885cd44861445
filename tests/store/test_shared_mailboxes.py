"""Mailboxes of others: who sees them, who may do what, and each reader's own ``\\Seen``."""

from __future__ import annotations

import pytest

from imap.backend import EVERYTHING, Account, Change, FlagAction, MailboxRef
from imap.errors import (
    CommandRefused,
    InvalidMailboxName,
    MailboxExists,
    MailboxIsPermanent,
    MailboxNotFound,
    NotPermitted,
)
from imap.flags import ANSWERED, DELETED, FLAGGED, KEYWORD_SHIFT, SEEN
from imap.rights import Rights, parse_rights
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.maintenance import check_counters
from tests.store.messages import Hints, known, message, new_message, rows
from tests.store.shares import OFFICE, a_list, grant, office, person

ADD, REMOVE, REPLACE = FlagAction.ADD, FlagAction.REMOVE, FlagAction.REPLACE
INBOX, SENT, ARCHIVE = (MailboxRef(OFFICE, number) for number in (1, 2, 6))
ALICES, BOBS = MailboxRef(1, 1), MailboxRef(2, 1)
WORK = "lrswikxte"


async def unseen(account: Account, name: str = "Shared/Office") -> int:
    return (await account.mailbox(name)).unseen


async def flags(account: Account, ref: MailboxRef = INBOX) -> list[int]:
    return [mask for _, mask, _ in rows(await account.snapshot(ref))]


async def consistent(database: Database, *accounts: Account) -> None:
    """Counters say what snapshots show."""
    assert await check_counters(database) == []
    for account in accounts:
        for status in await account.mailboxes():
            shown = await flags(account, status.ref)
            assert (status.messages, status.unseen) == (len(shown), sum(not mask & SEEN for mask in shown)), status


async def test_who_has_no_share_sees_nothing(database: Database, store: MailStore, alice: Account) -> None:
    await office(database, {2: WORK})
    await person(database, 2, "bob@example.org")
    assert [status.name for status in await alice.mailboxes()][:1] == ["INBOX"]
    assert len(await alice.mailboxes()) == 6
    for name in (
        "Shared/Office",
        "Shared/Office/Sent",
        "Shared/Nowhere",
        "Other Users/bob@example.org/INBOX",
        "Shared/",
    ):
        with pytest.raises(MailboxNotFound):
            await alice.mailbox(name)
        with pytest.raises(MailboxNotFound):
            await alice.my_rights(name)
        with pytest.raises(MailboxNotFound):
            await alice.acl(name)
        with pytest.raises(MailboxNotFound):
            await alice.append(name, [new_message()])
        with pytest.raises(MailboxNotFound):
            await alice.delete(name)
        with pytest.raises(NotPermitted):
            await alice.create(f"{name.rstrip('/')}/More")
    for attempt in (
        alice.snapshot(INBOX),
        alice.changes(INBOX, EVERYTHING),
        alice.vanished(INBOX, 0),
        alice.entries(INBOX, [1]),
        alice.store(INBOX, [1], ADD, SEEN, []),
        alice.expunge(INBOX, None),
        alice.copy(INBOX, [1], "Archive"),
        alice.move(INBOX, [1], "Archive"),
        alice.claim_recent(INBOX, 5),
    ):
        with pytest.raises(MailboxNotFound):
            await attempt


async def test_names_of_a_shared_account_and_of_a_person(database: Database, store: MailStore, bob: Account) -> None:
    await office(database, {2: "lr"})
    await person(database, 1, "alice@example.org")
    await grant(database, ALICES, 2, "lr")
    await grant(database, MailboxRef(1, 4), 2, "lrs")
    assert [(status.name, status.special_use) for status in await bob.mailboxes()][6:] == [
        ("Other Users/alice@example.org/INBOX", None),
        ("Other Users/alice@example.org/Trash", None),
        ("Shared/Office", None),
        ("Shared/Office/Archive", None),
        ("Shared/Office/Drafts", None),
        ("Shared/Office/Junk", None),
        ("Shared/Office/Sent", None),
        ("Shared/Office/Trash", None),
    ]
    assert (await bob.mailbox("Shared/Office")).ref == INBOX
    assert (await bob.mailbox("Other Users/Alice@example.org/inbox")).ref == ALICES
    assert await bob.my_rights("Other Users/alice@example.org/Trash") == parse_rights("lrs")
    for name in ("Shared/Office/INBOX", "Other Users/alice@example.org", "Other Users/alice@example.org/Sent"):
        with pytest.raises(MailboxNotFound):
            await bob.mailbox(name)


async def test_rights_add_up_and_negative_ones_take_away(database: Database, store: MailStore, bob: Account) -> None:
    await office(database, {2: "lr"})
    for number in (2, 3):
        await person(database, number, f"person{number}@example.org")
    await a_list(database, 7, [2, 3])
    await a_list(database, 8, [3])
    await grant(database, INBOX, 7, "swi", kind="list")
    await grant(database, INBOX, 8, "te", kind="list")
    assert await bob.my_rights("Shared/Office") == parse_rights("lrswi")
    await grant(database, INBOX, 7, "w", kind="list", negative=1)
    assert await bob.my_rights("Shared/Office") == parse_rights("lrsi")
    await grant(database, INBOX, 2, "l", negative=1)
    assert INBOX not in [status.ref for status in await bob.mailboxes()]
    assert await bob.my_rights("Shared/Office") == parse_rights("rsi")


async def test_seen_is_each_readers_own(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: WORK})
    for number in range(3):
        await store.deliver(message(str(number)), [OFFICE])
    stored = await alice.store(INBOX, [1, 2], ADD, SEEN | FLAGGED, [])
    assert list(stored.changed) == [Change(uid, SEEN | FLAGGED, stored.modseq) for uid in (1, 2)]
    assert await flags(alice) == [SEEN | FLAGGED, SEEN | FLAGGED, 0]
    assert await flags(bob) == [FLAGGED, FLAGGED, 0]
    assert (await unseen(alice), await unseen(bob)) == (1, 3)
    await bob.store(INBOX, [2, 3], REPLACE, SEEN | ANSWERED, [])
    assert await flags(alice) == [SEEN | FLAGGED, SEEN | ANSWERED, ANSWERED]
    assert await flags(bob) == [FLAGGED, SEEN | ANSWERED, SEEN | ANSWERED]
    await alice.store(INBOX, [1, 2, 3], REMOVE, SEEN, [])
    assert (await unseen(alice), await unseen(bob)) == (3, 1)
    await consistent(database, alice, bob)


async def test_another_reading_is_no_change(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: WORK})
    await store.deliver(message(), [OFFICE])
    start = known(await bob.snapshot(INBOX))
    seen = await alice.store(INBOX, [1], ADD, SEEN, [])
    assert list((await bob.changes(INBOX, start)).changed) == []
    assert list((await alice.changes(INBOX, start)).changed) == [Change(1, SEEN, seen.modseq)]
    read = known(await alice.snapshot(INBOX))
    flagged = await bob.store(INBOX, [1], ADD, FLAGGED, [])
    assert list((await alice.changes(INBOX, read)).changed) == [Change(1, SEEN | FLAGGED, flagged.modseq)]
    assert (await alice.store(INBOX, [1], REMOVE, SEEN, [], unchanged_since=seen.modseq)).conflicts == [1]
    read = known(await alice.snapshot(INBOX))
    cleared = await alice.store(INBOX, [1], REMOVE, SEEN, [], unchanged_since=flagged.modseq)
    assert list((await alice.changes(INBOX, read)).changed) == [Change(1, FLAGGED, cleared.modseq)]
    nothing = await alice.store(INBOX, [1], REMOVE, SEEN, [])
    assert (nothing.modseq, list(nothing.changed)) == (cleared.modseq, [])


async def test_the_owner_reads_alone(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await person(database, 1, "alice@example.org")
    await grant(database, ALICES, 2, "lrs")
    name = "Other Users/alice@example.org/INBOX"
    await store.deliver(message("1"), [1])
    await store.deliver(message("2"), [1])
    await alice.store(ALICES, [1], ADD, SEEN, [])
    assert await flags(bob, ALICES) == [0, 0]
    assert await unseen(bob, name) == 2
    await bob.store(ALICES, [1, 2], ADD, SEEN, [])
    assert await flags(alice, ALICES) == [SEEN, 0]
    assert (await unseen(alice, "INBOX"), await unseen(bob, name)) == (1, 0)
    await alice.store(ALICES, [1], ADD, DELETED, [])
    await alice.expunge(ALICES, None)
    await consistent(database, alice, bob)


async def test_marks_go_with_their_messages(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: WORK})
    for number in range(4):
        await store.deliver(message(str(number)), [OFFICE])
    await alice.store(INBOX, [1, 2, 3], ADD, SEEN, [])
    await bob.store(INBOX, [2], ADD, SEEN | DELETED, [])
    await bob.store(INBOX, [1], ADD, DELETED, [])
    _, gone = await bob.expunge(INBOX, None)
    assert list(gone) == [1, 2]
    assert (await unseen(alice), await unseen(bob)) == (1, 2)
    await consistent(database, alice, bob)


async def test_a_move_among_shared_mailboxes_takes_all_marks(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    await office(database, {1: WORK, 2: WORK})
    for number in range(3):
        await store.deliver(message(str(number)), [OFFICE])
    await alice.store(INBOX, [1], ADD, SEEN, [])
    await bob.store(INBOX, [2], ADD, SEEN | FLAGGED, ["$Label1"])
    await bob.move(INBOX, [1, 2], "Shared/Office/Archive")
    assert await flags(alice, ARCHIVE) == [SEEN, FLAGGED | 1 << KEYWORD_SHIFT]
    assert await flags(bob, ARCHIVE) == [0, SEEN | FLAGGED | 1 << KEYWORD_SHIFT]
    await alice.copy(ARCHIVE, [1, 2], "Shared/Office")
    await bob.move(ARCHIVE, [1, 2], "Shared/Office/Archive")
    await consistent(database, alice, bob)


async def test_between_ones_own_and_others_mailboxes_ones_own_mark_comes_along(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    await office(database, {1: WORK, 2: WORK})
    await store.deliver(message("1"), [OFFICE])
    await store.deliver(message("2"), [OFFICE, 1])
    await alice.store(INBOX, [1], ADD, SEEN | FLAGGED, ["$Label1"])
    copied = await alice.copy(INBOX, [1, 2], "Archive")
    assert (copied.mailbox, list(copied.source), list(copied.target)) == (MailboxRef(1, 6), [1, 2], [1, 2])
    assert await flags(alice, MailboxRef(1, 6)) == [SEEN | FLAGGED | 1 << KEYWORD_SHIFT, 0]
    await bob.copy(INBOX, [1], "Archive")
    assert await flags(bob, MailboxRef(2, 6)) == [FLAGGED | 1 << KEYWORD_SHIFT]
    moved = await alice.move(MailboxRef(1, 6), [1, 2], "Shared/Office/Archive")
    assert moved.mailbox == ARCHIVE
    assert await flags(alice, ARCHIVE) == [SEEN | FLAGGED | 1 << KEYWORD_SHIFT, 0]
    assert await flags(bob, ARCHIVE) == [FLAGGED | 1 << KEYWORD_SHIFT, 0]
    assert await flags(alice, MailboxRef(1, 6)) == []
    appended = await bob.append("Shared/Office", [new_message(flags=SEEN | FLAGGED)])
    assert (appended.mailbox, await flags(alice), (await flags(bob))[-1]) == (
        INBOX,
        [SEEN | FLAGGED | 1 << KEYWORD_SHIFT, 0, FLAGGED],
        SEEN | FLAGGED,
    )
    await consistent(database, alice, bob)


async def test_a_message_in_a_shared_sent_mailbox_is_seen_to_all(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    await office(database, {1: WORK, 2: WORK})
    await store.deliver(message(), [3], sent_copy_for=OFFICE)
    assert await unseen(alice, "Shared/Office/Sent") == 0
    assert await flags(bob, SENT) == [SEEN]
    await bob.store(SENT, [1], REMOVE, SEEN, [])
    assert (await flags(alice, SENT), await flags(bob, SENT)) == ([SEEN], [0])
    await bob.move(SENT, [1], "Shared/Office/Archive")
    await consistent(database, alice, bob)


async def test_flags_by_right(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: "lrs"})
    await store.deliver(message(), [OFFICE])
    await alice.store(INBOX, [1], ADD, FLAGGED, [])
    await bob.store(INBOX, [1], REPLACE, SEEN | DELETED, ["$Label1"])
    assert await flags(bob) == [SEEN | FLAGGED]
    assert (await bob.snapshot(INBOX)).keywords == ()
    for attempt in (
        bob.store(INBOX, [1], ADD, DELETED, []),
        bob.store(INBOX, [1], ADD, 0, ["$Label1"]),
        bob.expunge(INBOX, None),
        bob.move(INBOX, [1], "Archive"),
        bob.append("Shared/Office", [new_message()]),
        bob.copy(BOBS, [1], "Shared/Office"),
        bob.create("Shared/Office/New"),
        bob.delete("Shared/Office/Archive"),
        bob.acl("Shared/Office"),
    ):
        with pytest.raises(NotPermitted):
            await attempt
    await bob.copy(INBOX, [1], "Archive")
    await grant(database, INBOX, 2, "lri")
    await bob.append("Shared/Office", [new_message(flags=SEEN | FLAGGED | DELETED, keywords=("x",))])
    assert await flags(bob) == [SEEN | FLAGGED, 0]
    with pytest.raises(NotPermitted):
        await bob.store(INBOX, [2], ADD, SEEN, [])
    await grant(database, INBOX, 2, "i")
    await bob.append("Shared/Office", [new_message()])
    with pytest.raises(MailboxNotFound):
        await bob.snapshot(INBOX)
    await consistent(database, alice)


async def test_rights_in_snapshots_lists(database: Database, store: MailStore, bob: Account, alice: Account) -> None:
    await office(database, {2: "lrs"})
    assert (await bob.snapshot(INBOX)).rights == (await bob.changes(INBOX, EVERYTHING)).rights == parse_rights("lrs")
    assert (await bob.statuses([INBOX, BOBS]))[1].name == "Shared/Office"
    assert {status.rights for status in await bob.mailboxes()} == {Rights.ALL, parse_rights("lrs")}
    assert await alice.statuses([INBOX]) == []


async def test_folders_of_a_shared_account(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: "lr"})
    created = await alice.create("Shared/Office/2026/Inscriptions")
    assert (created.name, created.rights) == ("Shared/Office/2026/Inscriptions", parse_rights(WORK))
    assert await bob.my_rights("Shared/Office/2026") == parse_rights("lr")
    assert "Shared/Office/2026" in await alice.subscriptions()
    await alice.append("Shared/Office/2026", [new_message(flags=SEEN)])
    await alice.rename("Shared/Office/2026", "Shared/Office/Dossiers")
    assert await alice.my_rights("Shared/Office/Dossiers/Inscriptions") == parse_rights(WORK)
    assert "Shared/Office/Dossiers/Inscriptions" in await alice.subscriptions()
    assert await unseen(alice, "Shared/Office/Dossiers") == 0
    for old, new, error in (
        ("Shared/Office", "Shared/Office/Old", MailboxIsPermanent),
        ("Shared/Office/Sent", "Shared/Office/Old", MailboxIsPermanent),
        ("Shared/Office/Dossiers", "Shared/Office", MailboxExists),
        ("Shared/Office/Dossiers", "Dossiers", CommandRefused),
        ("Archive", "Shared/Office/Archives", CommandRefused),
        ("Shared/Office/Dossiers", "Shared/Elsewhere/Dossiers", NotPermitted),
    ):
        with pytest.raises(error):
            await alice.rename(old, new)
    await alice.delete("Shared/Office/Dossiers/Inscriptions")
    await alice.delete("Shared/Office/Dossiers")
    with pytest.raises(MailboxNotFound):
        await alice.mailbox("Shared/Office/Dossiers")
    for name in ("Shared", "Other Users"):
        with pytest.raises(InvalidMailboxName):
            await alice.create(name)


async def test_shared_mailboxes_are_subscribed_until_one_leaves(
    database: Database, store: MailStore, alice: Account, bob: Account
) -> None:
    await office(database, {1: "lr"})
    await person(database, 2, "bob@example.org")
    await grant(database, BOBS, 1, "lr")
    assert {name for name in await alice.subscriptions() if "/" in name} == {
        "Shared/Office",
        *(f"Shared/Office/{name}" for name in ("Archive", "Drafts", "Junk", "Sent", "Trash")),
    }
    await alice.unsubscribe("Shared/Office/Junk")
    await alice.unsubscribe("Shared/Nowhere")
    assert "Shared/Office/Junk" not in await alice.subscriptions()
    await alice.subscribe("Shared/Office/Junk")
    assert "Shared/Office/Junk" in await alice.subscriptions()
    assert not any("/" in name for name in await bob.subscriptions())


async def test_watchers_hear_of_readers(database: Database, store: MailStore, alice: Account, bob: Account) -> None:
    await office(database, {1: WORK, 2: WORK})
    await store.deliver(message(), [OFFICE])
    hints = Hints(bob, OFFICE)
    await alice.store(INBOX, [1], ADD, SEEN, [])
    await hints.until(lambda hint: hint.mailbox_ids == frozenset({1}))
    hints.stop()
