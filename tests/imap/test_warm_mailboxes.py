"""What a process keeps of a mailbox: entries read once, columns kept when the last session has left."""

from __future__ import annotations

import pytest

from imap.backend import Entries, Entry, Located, MailboxRef
from imap.flags import DELETED, SEEN
from imap.selected.entries import EntryColumns
from imap.selected.mailbox import SharedMailbox
from imap.selected.warm import WarmMailboxes
from tests.imap.conftest import Gateway
from tests.imap.memory_backend import MemoryAccount, Message
from tests.imap.wire import Client

SIZES = "UID FETCH 1:* (UID RFC822.SIZE)"


def fill(account: MemoryAccount, count: int) -> None:
    for number in range(count):
        account.deliver(b"Subject: %d\r\n\r\n" % number + b"x" * number)


def entry(uid: int) -> Entry:
    return Entry(uid, b"%08d" % uid, 1000 + uid, 10 * uid, 5000 + uid)


async def test_the_next_select_asks_only_what_changed(gateway: Gateway, account: MemoryAccount) -> None:
    fill(account, 600)
    client = await gateway.client()
    await client.ok("SELECT INBOX")
    before = await client.ok(SIZES)
    await client.ok("LOGOUT")
    box = account.find("INBOX")
    del box.messages[3]
    box.highestmodseq += 1
    box.expunged.append((box.highestmodseq, 3))
    box.messages[5].flags, box.messages[5].modseq = SEEN, box.highestmodseq
    box.stamp += 1
    account.deliver(b"Subject: new\r\n\r\n")
    account.calls.clear()

    client = await gateway.client()
    lines = await client.ok("SELECT INBOX")
    assert b"* 600 EXISTS" in lines
    after = await client.ok(SIZES)
    assert [line.split(b"(")[1] for line in after] == [
        line.split(b"(")[1] for line in [*before[:2], *before[3:], b"(UID 601 RFC822.SIZE 16)"]
    ]
    assert await client.ok("FETCH 4 (UID FLAGS)") == [b"* 4 FETCH (UID 5 FLAGS (\\Seen))"]
    assert account.calls.get("snapshot", 0) == 0
    assert account.calls["entries"] == 1, "only the new message's"


async def test_a_mailbox_in_which_nothing_happened_is_not_asked_for_changes(
    gateway: Gateway, account: MemoryAccount
) -> None:
    fill(account, 3)
    client = await gateway.client()
    await client.ok("ENABLE QRESYNC")
    await client.ok("EXAMINE INBOX")
    lines = await client.ok("SELECT INBOX")
    known = f"{account.find('INBOX').uidvalidity} {account.find('INBOX').highestmodseq}"
    for command in ("SELECT INBOX", f"SELECT INBOX (QRESYNC ({known}))"):
        account.calls.clear()
        again = await client.ok(command)
        assert [line for line in again if b"RECENT" not in line] == [line for line in lines if b"RECENT" not in line]
        assert "changes" not in account.calls


async def test_what_happens_while_the_mailbox_is_looked_up_is_not_missed(
    gateway: Gateway, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(account, 3)
    client = await gateway.client()
    await client.ok("SELECT INBOX")
    await client.ok("UNSELECT")
    look = account.locate

    async def look_and_deliver(name: str) -> Located:
        located = await look(name)
        account.deliver(b"Subject: just now\r\n\r\n")
        return located

    monkeypatch.setattr(account, "locate", look_and_deliver)
    assert b"* 4 EXISTS" in await client.ok("SELECT INBOX")


async def test_what_changed_of_late_is_told_from_memory(gateway: Gateway, account: MemoryAccount) -> None:
    fill(account, 50)
    one, other = await gateway.client(), await gateway.client()
    await one.ok("ENABLE QRESYNC")
    await one.ok("SELECT INBOX")
    box = account.find("INBOX")
    known = f"{box.uidvalidity} {box.highestmodseq}"
    await one.ok("UNSELECT")
    await other.ok("SELECT INBOX")
    await other.ok("UID STORE 3:5 +FLAGS (\\Flagged)")
    await other.ok("UID STORE 8:9 +FLAGS (\\Deleted)")
    await other.ok("UID EXPUNGE 8:9")
    account.deliver(b"Subject: new\r\n\r\n")
    await other.ok("NOOP")
    for _ in range(2):
        account.calls.clear()
        lines = await one.ok(f"SELECT INBOX (QRESYNC ({known}))")
        await one.ok("UNSELECT")
        assert [line for line in lines if b"VANISHED" in line] == [b"* VANISHED (EARLIER) 8:9"]
        assert [line.split()[1] for line in lines if b" FETCH " in line] == [b"3", b"4", b"5", b"49"]
        assert not {"snapshot", "changes", "vanished"} & account.calls.keys()
    lines = await one.ok(f"SELECT INBOX (QRESYNC ({known} 1:3,8,60))")
    assert [line for line in lines if b"VANISHED" in line] == [b"* VANISHED (EARLIER) 8"]
    assert [line.split()[1] for line in lines if b" FETCH " in line] == [b"3"]
    account.calls.clear()
    lines = await one.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {known.split()[1]} VANISHED)")
    assert [line for line in lines if b"VANISHED" in line] == [b"* VANISHED (EARLIER) 8:9"]
    assert "vanished" not in account.calls


async def test_what_happened_at_once_is_asked_of_the_store(gateway: Gateway, account: MemoryAccount) -> None:
    fill(account, 9)
    client = await gateway.client()
    await client.ok("ENABLE QRESYNC")
    await client.ok("SELECT INBOX")
    await client.ok("UNSELECT")
    box = account.find("INBOX")
    for uid in (3, 5):
        del box.messages[uid]
        box.highestmodseq += 1
        box.expunged.append((box.highestmodseq, uid))
    lines = await client.ok(f"SELECT INBOX (QRESYNC ({box.uidvalidity} {box.highestmodseq - 1}))")
    assert [line for line in lines if b"VANISHED" in line] == [b"* VANISHED (EARLIER) 5"]
    assert account.calls["vanished"] == 1


async def test_entries_are_asked_for_once(client: Client, account: MemoryAccount) -> None:
    fill(account, 700)
    await client.ok("SELECT INBOX")
    first = await client.ok(SIZES)
    account.calls.clear()
    assert await client.ok(SIZES) == first
    assert "entries" not in account.calls


async def test_entries_stay_right_through_expunges_and_arrivals(client: Client, account: MemoryAccount) -> None:
    fill(account, 700)
    await client.ok("SELECT INBOX")
    await client.ok(SIZES)
    await client.ok("STORE 1,17,300:310,700 +FLAGS.SILENT (\\Deleted)")
    await client.ok("EXPUNGE")
    account.deliver(b"Subject: new\r\n\r\n" + b"y" * 5_000)
    await client.ok("NOOP")
    box = account.find("INBOX")
    expected = [
        b"* %d FETCH (UID %d RFC822.SIZE %d)" % (number, uid, len(message.content))
        for number, (uid, message) in enumerate(box.messages.items(), 1)
    ]
    assert await client.ok(SIZES) == expected
    await client.ok("STORE 1:400 +FLAGS.SILENT (\\Deleted)")
    await client.ok("EXPUNGE")
    assert len(await client.ok(SIZES)) == len(box.messages) == 287


async def test_a_message_gone_from_the_store_is_left_out(client: Client, account: MemoryAccount) -> None:
    fill(account, 600)
    await client.ok("SELECT INBOX")
    gone: dict[int, Message] = {2: account.find("INBOX").messages.pop(2)}
    lines = await client.ok(SIZES)
    assert len(lines) == 599
    assert not any(line.startswith(b"* 2 ") for line in lines)
    assert gone[2].flags & DELETED == 0


def test_columns_are_filled_in_any_order() -> None:
    columns, uids = EntryColumns(5), [1, 2, 3, 4, 5]
    assert not columns.entries(uids, range(5))
    columns.set([3, 1], Entries.of([entry(4), entry(2)]))
    assert columns.unknown(range(5)) == [0, 2, 4]
    assert columns.unknown([1, 2, 3]) == [2]
    columns.set(range(4, 5), Entries.of([entry(5)]))
    assert list(columns.entries(uids, range(5))) == [entry(2), entry(4), entry(5)]
    assert list(columns.entries(uids, range(3, 5))) == [entry(4), entry(5)]
    assert list(columns.entries(uids, [1, 2, 4])) == [entry(2), entry(5)]
    columns.remove([0, 3])
    columns.append(1)
    uids = [2, 3, 5, 6]
    assert list(columns.entries(uids, range(4))) == [entry(2), entry(5)]
    assert columns.unknown(range(4)) == [1, 3]
    columns.set(range(3, 4), Entries.of([entry(6)]))
    assert list(columns.entries(uids, range(3, 4))) == [entry(6)]


def test_ids_of_another_length_are_refused() -> None:
    columns = EntryColumns(2)
    columns.set(range(1), Entries.of([entry(1)]))
    short = entry(2)._replace(message_id=b"short")
    with pytest.raises(ValueError, match="one length"):
        columns.set(range(1, 2), Entries.of([short]))
    with pytest.raises(ValueError, match="one length"):
        Entries.of([entry(1), short])


def test_entries_by_columns_are_a_sequence_of_entries() -> None:
    rows = [entry(uid) for uid in range(1, 6)]
    entries = Entries.of(rows)
    assert list(entries) == rows
    assert [entries[index] for index in (0, 4, -1)] == [rows[0], rows[4], rows[4]]
    assert list(entries[1:4]) == rows[1:4]
    assert list(entries.only([0, 3])) == [rows[0], rows[3]]
    assert entries.message_ids == [row.message_id for row in rows]
    with pytest.raises(IndexError):
        entries[5]


async def test_the_oldest_mailboxes_go_first(account: MemoryAccount) -> None:
    fill(account, 10)
    refs = [box.ref for box in account.boxes.values()][:3]
    mailboxes = [SharedMailbox(account, ref) for ref in refs]
    for mailbox in mailboxes:
        await mailbox.load()
    warm = WarmMailboxes(limit=mailboxes[0].octets + mailboxes[1].octets)
    for mailbox in mailboxes:
        warm.keep(mailbox)
    assert warm.take(account.account_id, refs[0]) is None
    assert warm.take(account.account_id, refs[2]) is mailboxes[2]
    warm.keep(mailboxes[2])
    mailboxes[1].mark_deleted()
    assert warm.take(account.account_id, refs[1]) is mailboxes[1]
    warm.keep(mailboxes[1])
    assert warm.take(account.account_id, refs[1]) is None
    assert warm.take(7, MailboxRef(7, 1)) is None


async def test_dates_and_sizes_are_searched_in_memory(client: Client, account: MemoryAccount) -> None:
    fill(account, 700)
    await client.ok("SELECT INBOX")
    await client.ok(SIZES)
    account.calls.clear()
    sizes = [len(one.content) for one in account.find("INBOX").messages.values()]
    found = (await client.ok("SEARCH LARGER 100"))[0].split()[2:]
    assert len(found) == sum(size > 100 for size in sizes)
    assert await client.ok("SEARCH BEFORE 1-Jan-2001") == [b"* SEARCH"]
    assert account.calls == {}


async def test_days_of_date_fields_are_read_once(client: Client, account: MemoryAccount) -> None:
    for number in range(1, 9):
        account.deliver(b"Date: %d Nov 2026 23:59:00 +0100\r\n\r\n" % number)
    account.deliver(b"Date: none\r\n\r\n")
    await client.ok("SELECT INBOX")
    assert await client.ok("UID SEARCH SENTBEFORE 3-Nov-2026") == [b"* SEARCH 1 2"]
    account.calls.clear()
    assert await client.ok("UID SEARCH SENTON 5-Nov-2026") == [b"* SEARCH 5"]
    assert await client.ok("UID SEARCH NOT SENTSINCE 2-Nov-2026") == [b"* SEARCH 1 9"]
    assert "rendered" not in account.calls

    account.deliver(b"Date: 5 Nov 2026 00:00:00 +0000\r\n\r\n")
    await client.ok("NOOP")
    assert await client.ok("UID SEARCH SENTON 5-Nov-2026") == [b"* SEARCH 5 10"]
    assert account.calls["rendered"] == 1, "only the new message's"
    await client.ok("STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    await client.ok("EXPUNGE")
    assert await client.ok("SEARCH SENTON 5-Nov-2026") == [b"* SEARCH 3 8"]
    assert await client.ok("UID SEARCH OR SENTON 8-Nov-2026 LARGER 1000") == [b"* SEARCH 8"]
    assert account.calls["rendered"] == 1
