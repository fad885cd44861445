"""Any sequence of commands leaves what a plain model of a mailbox says, and its log brings any older reader forward."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imap.backend import Account, FlagAction, Known
from imap.flags import DELETED, FLAGGED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, maintenance
from tests.store.messages import known, message, new_message, own, rows

BOXES = {"INBOX": 1, "Archive": 6}
_uids = st.lists(st.integers(1, 12), max_size=6, unique=True).map(sorted)
_flags = st.sampled_from([0, SEEN, DELETED, FLAGGED, SEEN | DELETED])
_names = st.lists(st.sampled_from(["a", "B", "c"]), max_size=2, unique=True)
_box = st.sampled_from(list(BOXES))
_commands = st.one_of(
    st.tuples(st.just("deliver")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("append"), _box, _flags, _names),
    st.tuples(st.just("store"), _box, _uids, st.sampled_from(FlagAction), _flags, _names, st.booleans()),
    st.tuples(st.just("expunge"), _box, st.none() | _uids),
    st.tuples(st.just("copy"), _box, _uids, _box),
    st.tuples(st.just("move"), _box, _uids, _box),
)
_account_ids = itertools.count(1000)


@dataclass
class Box:
    """A mailbox as a person would describe it."""

    messages: dict[int, frozenset[str]] = field(default_factory=dict)
    uidnext: int = 1

    def add(self, flags: frozenset[str]) -> None:
        self.messages[self.uidnext] = flags
        self.uidnext += 1


SYSTEM = {SEEN: "\\Seen", DELETED: "\\Deleted", FLAGGED: "\\Flagged"}


def named(mask: int, names: list[str]) -> frozenset[str]:
    return frozenset([name for bit, name in SYSTEM.items() if mask & bit] + [name.lower() for name in names])


def model(boxes: dict[str, Box], command: tuple[object, ...], conflicts: frozenset[int]) -> None:
    """Do to the model what a command does to the store."""
    match command:
        case ("deliver",):
            boxes["INBOX"].add(frozenset())
        case ("append", str(box), int(mask), list(names)):
            boxes[box].add(named(mask, names))
        case ("store", str(box), list(uids), FlagAction() as action, int(mask), list(names), _):
            model_store(boxes[box], set(uids) - conflicts, action, named(mask, names))
        case ("expunge", str(box), uids):
            marked = {uid for uid, flags in boxes[box].messages.items() if "\\Deleted" in flags}
            for uid in marked & set(uids) if isinstance(uids, list) else marked:
                del boxes[box].messages[uid]
        case ("copy" | "move", str(box), list(uids), str(target)):
            found = [uid for uid in uids if uid in boxes[box].messages]
            for uid in found:
                boxes[target].add(boxes[box].messages[uid])
            for uid in found if command[0] == "move" else ():
                del boxes[box].messages[uid]


def model_store(box: Box, uids: set[int], action: FlagAction, change: frozenset[str]) -> None:
    for uid in box.messages.keys() & uids:
        old = box.messages[uid]
        results = {FlagAction.ADD: old | change, FlagAction.REMOVE: old - change, FlagAction.REPLACE: change}
        box.messages[uid] = results[action]


async def run(store: MailStore, database: Database, account: Account, command: tuple[object, ...]) -> frozenset[int]:
    """Do a command; give the conflicts of a conditional STORE."""
    match command:
        case ("settle",):
            await maintenance.settle_flags(database)
        case ("deliver",):
            await store.deliver(message(), [account.account_id])
        case ("append", str(box), int(mask), list(names)):
            await account.append(box, [new_message(flags=mask, keywords=tuple(names))])
        case ("store", str(box), list(uids), FlagAction() as action, int(mask), list(names), bool(conditional)):
            since = (await account.mailbox(box)).highestmodseq - 1 if conditional else None
            stored = await account.store(own(account, BOXES[box]), uids, action, mask, names, since)
            return frozenset(stored.conflicts)
        case ("expunge", str(box), uids):
            await account.expunge(own(account, BOXES[box]), uids if isinstance(uids, list) else None)
        case ("copy", str(box), list(uids), str(target)):
            await account.copy(own(account, BOXES[box]), uids, target)
        case ("move", str(box), list(uids), str(target)):
            await account.move(own(account, BOXES[box]), uids, target)
    return frozenset()


async def seen(account: Account, box: str) -> tuple[Known, dict[int, frozenset[str]]]:
    """How far a mailbox is known, and its flags by name, from a snapshot."""
    snapshot = await account.snapshot(own(account, BOXES[box]))
    return known(snapshot), flags_by_name(snapshot.keywords, rows(snapshot))


def flags_by_name(keywords: tuple[str, ...], found: list[tuple[int, int, int]]) -> dict[int, frozenset[str]]:
    return {
        uid: named(mask, [keyword for index, keyword in enumerate(keywords) if mask >> (5 + index) & 1])
        for uid, mask, _ in found
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(_commands, max_size=12))
async def test_the_store_is_its_model(store: MailStore, database: Database, commands: list[tuple[object, ...]]) -> None:
    account_id = next(_account_ids)
    await store.create_accounts([(account_id, 0)])
    account = store.account(account_id, "")
    boxes = {name: Box() for name in BOXES}
    history = {name: [await seen(account, name)] for name in BOXES}
    for command in commands:
        model(boxes, command, await run(store, database, account, command))
        for name, box in boxes.items():
            now = await seen(account, name)
            assert (now[0].uidnext, now[1]) == (box.uidnext, box.messages)
            status = await account.mailbox(name)
            assert status.messages == len(box.messages)
            assert status.unseen == sum("\\Seen" not in flags for flags in box.messages.values())
            assert status.deleted == sum("\\Deleted" in flags for flags in box.messages.values())
            before = history[name][-1]
            assert (now[0].modseq > before[0].modseq) == (now[0].uidnext > before[0].uidnext or now[1] != before[1])
            history[name].append(now)
    for name, states in history.items():
        for then, messages in states:
            changes = await account.changes(own(account, BOXES[name]), then)
            assert list((await account.vanished(own(account, BOXES[name]), then.modseq)).uids) == changes.vanished
            if not changes.complete:
                assert ("settle",) in commands
                continue
            gone_before = set(range(1, then.uidnext)) - messages.keys()
            gone_now = set(range(1, changes.uidnext)) - boxes[name].messages.keys()
            assert set(changes.vanished) == gone_now - gone_before
            assert list(changes.vanished) == sorted(changes.vanished)
            assert [change.uid for change in changes.changed] == sorted(change.uid for change in changes.changed)
            changed = flags_by_name(changes.keywords, list(changes.changed))
            brought = {uid: flags for uid, flags in messages.items() if uid not in changes.vanished} | changed
            assert (brought, changes.uidnext) == (boxes[name].messages, boxes[name].uidnext)
            assert all(uid >= then.uidnext or uid in messages for uid in changed)


async def test_the_counters_agree_with_the_entries_in_the_end(store: MailStore, database: Database) -> None:
    for number in range(5):
        await store.deliver(message(str(number)), range(1, 11), sent_copy_for=3)
    account = store.account(3, "")
    await account.store(own(account, 1), [1, 2], FlagAction.ADD, DELETED | SEEN, [])
    await account.expunge(own(account, 1), [1])
    await account.move(own(account, 1), [3], "Trash")
    assert await maintenance.check_counters(database) == []
