"""Many sessions and deliveries at once: nothing is lost, counted twice or out of order, and nothing deadlocks."""

from __future__ import annotations

import asyncio
import random

from sqlalchemy import update

from imap.backend import Account, FlagAction, MailboxRef
from imap.flags import DELETED, FLAGGED, SEEN
from mailgate.database import Database, Statement
from mailgate.store import MailStore, maintenance
from mailgate.store.schema import mailbox
from tests.store.messages import INBOX, Hints, known, message, new_message, own, rows

ACCOUNTS = list(range(1, 9))
MISCOUNT = Statement(update(mailbox).values(unseen=mailbox.c.unseen + 1).where(mailbox.c.account_id == 2))


async def deliveries(store: MailStore, worker: int, number: int) -> None:
    chance = random.Random(worker)
    for index in range(number):
        recipients = chance.sample(ACCOUNTS, chance.randint(1, len(ACCOUNTS)))
        same_for_all_workers = index % 3 == 0
        text = f"{index}" if same_for_all_workers else f"{worker}-{index}"
        await store.deliver(message(text), recipients, sent_copy_for=chance.choice([None, *ACCOUNTS]))


async def session(account: Account, seed: int, number: int) -> None:
    chance = random.Random(seed)
    for index in range(number):
        uids = sorted(chance.sample(range(1, 40), 8))
        match chance.randrange(6):
            case 0 | 1:
                action = chance.choice(list(FlagAction))
                await account.store(
                    own(account), uids, action, chance.choice([SEEN, FLAGGED, DELETED]), ["k", f"k{seed % 5}"]
                )
            case 2:
                await account.expunge(own(account), chance.choice([None, uids]))
            case 3:
                await account.copy(own(account), uids, chance.choice(["Archive", "INBOX"]))
            case 4:
                await account.move(
                    own(account, chance.choice([INBOX, 6])), uids, chance.choice(["Archive", "Trash", "INBOX"])
                )
            case _:
                batch = [new_message(f"{seed}-{index}-{part}") for part in range(3)]
                await account.append(chance.choice(["INBOX", "Archive"]), batch)


async def follow(account: Account, ended: asyncio.Event) -> dict[int, tuple[int, int]]:
    """Hold INBOX as the engine does: a snapshot, then only the log; give what is held once `ended`."""
    snapshot = await account.snapshot(own(account))
    held = {uid: (flags, modseq) for uid, flags, modseq in rows(snapshot)}
    before = known(snapshot)
    while True:
        last_round = ended.is_set()
        changes = await account.changes(own(account), before)
        assert changes.complete
        assert all(now >= then for now, then in zip(known(changes), before, strict=True))
        for uid in changes.vanished:
            held.pop(uid, None)  # it may have come and gone since the last look
        for change in changes.changed:
            assert before.modseq < change.modseq <= changes.highestmodseq
            assert change.uid in held or change.uid >= before.uidnext, "a UID came below one that was there"
            held[change.uid] = (change.flags, change.modseq)
        before = known(changes)
        if last_round:
            return held
        await asyncio.sleep(0)


async def test_a_storm_leaves_every_mailbox_consistent(store: MailStore, database: Database) -> None:
    ended = asyncio.Event()
    followers = [asyncio.create_task(follow(store.account(account_id, ""), ended)) for account_id in ACCOUNTS[:3]]
    async with asyncio.TaskGroup() as group:
        for worker in range(6):
            group.create_task(deliveries(store, worker, 15))
        for seed in range(24):
            group.create_task(session(store.account(ACCOUNTS[seed % len(ACCOUNTS)], ""), seed, 10))
    ended.set()
    assert await maintenance.check_counters(database) == []
    for account_id, follower in zip(ACCOUNTS[:3], followers, strict=True):
        snapshot = await store.account(account_id, "").snapshot(MailboxRef(account_id, INBOX))
        assert await follower == {uid: (flags, modseq) for uid, flags, modseq in rows(snapshot)}
        assert list(snapshot.uids) == sorted(set(snapshot.uids))
        assert max(snapshot.modseqs, default=0) <= snapshot.highestmodseq


async def test_every_delivery_is_there_once_and_announced(store: MailStore, alice: Account) -> None:
    hints = Hints(alice)
    await asyncio.gather(*(store.deliver(message(str(number)), ACCOUNTS) for number in range(40)))
    for account_id in ACCOUNTS:
        account = store.account(account_id, "")
        snapshot = await account.snapshot(own(account))
        entries = await account.entries(own(account), snapshot.uids)
        assert list(snapshot.uids) == list(range(1, 41))
        assert len({entry.message_id for entry in entries}) == 40
        assert list(snapshot.modseqs) == list(range(2, 42))
    await hints.until(lambda hint: INBOX in (hint.mailbox_ids or ()))
    hints.stop()


async def test_creates_of_the_same_name_make_one_mailbox(alice: Account) -> None:
    outcomes = await asyncio.gather(*(alice.create("A/B") for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sorted(box.ref.mailbox_id for box in await alice.mailboxes()) == list(range(1, 9))


async def test_a_miscount_is_found(store: MailStore, database: Database) -> None:
    await store.deliver(message(), [1, 2])
    await database.write(lambda tx: tx.run(MISCOUNT))
    found = await maintenance.check_counters(database)
    assert [(miscount.account_id, miscount.mailbox_id) for miscount in found] == [(2, number) for number in range(1, 7)]
    assert (found[0].counters[1], found[0].counted[1]) == (2, 1)
