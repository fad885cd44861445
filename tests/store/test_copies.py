"""COPY and MOVE: flags, dates and keywords travel; two sessions never file one message twice."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account, FlagAction, MailboxRef
from imap.errors import MailboxNotFound, OverQuota
from imap.flags import DELETED, FLAGGED, KEYWORD_SHIFT, MAX_KEYWORDS, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, maintenance
from tests.store.messages import INBOX, Hints, known, message, new_message, own, rows, status, whole

ADD = FlagAction.ADD


async def test_a_copy_keeps_flags_date_and_content(alice: Account) -> None:
    await alice.append("INBOX", [new_message("1", flags=SEEN, date=1000), new_message("2", flags=FLAGGED, date=2000)])
    copied = await alice.copy(own(alice), [1, 2, 9], "Archive")
    archive = await status(alice, "Archive")
    assert (copied.uidvalidity, list(copied.source), list(copied.target)) == (archive.uidvalidity, [1, 2], [1, 2])
    assert [flags for _, flags, _ in rows(await alice.snapshot(archive.ref))] == [SEEN, FLAGGED]
    dates = [entry.internal_date for entry in await alice.entries(archive.ref, [1, 2])]
    assert dates == [1000, 2000]
    assert await whole(alice, archive.ref) == await whole(alice)
    assert (archive.messages, archive.unseen, archive.size) == (2, 1, 2 * len(message("1")))


async def test_keywords_go_by_name_not_by_bit(alice: Account) -> None:
    await alice.append("Archive", [new_message("0", keywords=("b",))])
    await alice.append("INBOX", [new_message("1", keywords=("a", "b")), new_message("2", keywords=("unused",))])
    await alice.copy(own(alice), [1], "Archive")
    snapshot = await alice.snapshot(own(alice, 6))
    assert snapshot.keywords == ("b", "a")
    assert list(snapshot.flags) == [1 << KEYWORD_SHIFT, 3 << KEYWORD_SHIFT]


async def test_a_full_keyword_table_does_not_stop_a_move(alice: Account) -> None:
    names = tuple(f"k{number}" for number in range(MAX_KEYWORDS))
    await alice.append("Trash", [new_message("0", keywords=names)])
    await alice.append("INBOX", [new_message("1", flags=SEEN, keywords=("k3", "other"))])
    await alice.move(own(alice), [1], "Trash")
    assert list((await alice.snapshot(own(alice, 4))).flags)[1] == SEEN | 1 << (KEYWORD_SHIFT + 3)


async def test_a_copy_within_the_mailbox_makes_new_messages(alice: Account) -> None:
    await alice.append("INBOX", [new_message("1", flags=DELETED)])
    copied = await alice.copy(own(alice), [1], "INBOX")
    assert list(copied.target) == [2]
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.deleted, inbox.uidnext) == (2, 2, 3)


async def test_move_takes_away_what_it_files(alice: Account) -> None:
    await alice.append("INBOX", [new_message(str(number)) for number in range(3)])
    before = known(await alice.snapshot(own(alice)))
    moved = await alice.move(own(alice), [1, 3, 8], "Archive")
    assert (list(moved.source), list(moved.target)) == ([1, 3], [1, 2])
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.highestmodseq) == (1, moved.modseq)
    assert list((await alice.changes(own(alice), before)).vanished) == [1, 3]
    assert await whole(alice, own(alice, 6)) == {1: message("0"), 2: message("2")}


async def test_a_move_within_the_mailbox_gives_new_uids(alice: Account, database: Database) -> None:
    await alice.append("INBOX", [new_message("1", flags=DELETED), new_message("2", flags=SEEN)])
    before = known(await alice.snapshot(own(alice)))
    moved = await alice.move(own(alice), [1, 2], "INBOX")
    assert list(moved.target) == [3, 4]
    assert [(uid, flags) for uid, flags, _ in rows(await alice.snapshot(own(alice)))] == [
        (3, DELETED),
        (4, SEEN),
    ]
    changes = await alice.changes(own(alice), before)
    assert (list(changes.vanished), [change.uid for change in changes.changed]) == ([1, 2], [3, 4])
    assert await maintenance.check_counters(database) == []


async def test_moving_what_is_gone_files_nothing(alice: Account) -> None:
    moved = await alice.move(own(alice), [1, 2], "Archive")
    assert (list(moved.source), list(moved.target)) == ([], [])
    with pytest.raises(MailboxNotFound):
        await alice.move(own(alice), [1], "Nowhere")
    with pytest.raises(MailboxNotFound):
        await alice.copy(own(alice, 99), [1], "Archive")


async def test_sessions_that_move_the_same_messages_file_each_once(
    store: MailStore, database: Database, alice: Account
) -> None:
    await alice.append("INBOX", [new_message(str(number)) for number in range(20)])
    targets = ["Archive", "Trash", "Junk", "Archive"]
    await asyncio.gather(*(store.account(1, "").move(MailboxRef(1, INBOX), range(1, 21), target) for target in targets))
    boxes = await alice.mailboxes()
    assert {box.name: box.messages for box in boxes}["INBOX"] == 0
    assert sum(box.messages for box in boxes) == 20
    assert await maintenance.check_counters(database) == []


async def test_crossed_moves_wait_and_do_not_deadlock(database: Database, alice: Account) -> None:
    await alice.append("INBOX", [new_message(f"a{number}") for number in range(10)])
    await alice.append("Archive", [new_message(f"b{number}") for number in range(10)])
    await asyncio.gather(
        *(alice.move(own(alice), [uid], "Archive") for uid in range(1, 11)),
        *(alice.move(own(alice, 6), [uid], "INBOX") for uid in range(1, 11)),
    )
    assert {*(await whole(alice)).values()} == {message(f"b{number}") for number in range(10)}
    assert await maintenance.check_counters(database) == []


async def test_a_copy_needs_room_and_a_move_does_not(store: MailStore) -> None:
    size = len(message("x"))
    await store.create_accounts([(100, int(2.5 * size))])
    account = store.account(100, "")
    await account.append("INBOX", [new_message("x"), new_message("y")])
    with pytest.raises(OverQuota):
        await account.copy(own(account), [1], "Archive")
    await account.move(own(account), [1], "Archive")
    assert (await account.quota()).used == 2 * size


async def test_watchers_hear_of_both_mailboxes(alice: Account) -> None:
    await alice.append("INBOX", [new_message("1")])
    hints = Hints(alice)
    await alice.move(own(alice), [1], "Archive")
    await alice.create("after")
    seen = await hints.until(lambda hint: hint.mailboxes_changed)
    assert {mailbox_id for hint in seen for mailbox_id in hint.mailbox_ids or ()} == {INBOX, 6}
    hints.stop()
