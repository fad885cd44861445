"""SELECT, EXAMINE, CLOSE and UNSELECT, and a mailbox that several sessions have selected (RFC 9051 6.3.2, 6.4.1)."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import MailboxRef, Marking
from imap.flags import SEEN
from tests.imap.conftest import Gateway, Talk, fill, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_select_tells_everything(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 2)
    account.deliver(message("m3"), mask=1)
    await talk(
        """
        A: a1 SELECT inbox
        A< * FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)
        A< * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*)] …
        A< * 3 EXISTS
        A< * 3 RECENT
        A< * OK [UNSEEN 1] …
        A< * OK [UIDVALIDITY 1700000001] …
        A< * OK [UIDNEXT 4] …
        A< * OK [HIGHESTMODSEQ 4] …
        A< * OK [MAILBOXID (M1-1)] …
        A< a1 OK [READ-WRITE] SELECT completed
        B: b1 EXAMINE INBOX
        B< * FLAGS …
        B< * OK [PERMANENTFLAGS ()] …
        B< * 3 EXISTS
        B< * 0 RECENT
        B* b1 OK [READ-ONLY] EXAMINE completed
        C: c0 ENABLE IMAP4rev2
        C< * ENABLED IMAP4rev2
        C< c0 OK …
        C: c1 SELECT INBOX
        C< * FLAGS …
        C< * OK [PERMANENTFLAGS …
        C< * 3 EXISTS
        C< * OK [UIDVALIDITY …
        C< * OK [UIDNEXT 4] …
        C< * OK [HIGHESTMODSEQ 4] …
        C< * OK [MAILBOXID (M1-1)] …
        C< * LIST (\\HasNoChildren) "/" INBOX
        C< c1 OK [READ-WRITE] SELECT completed
        C: c2 SELECT Nowhere
        C< * OK [CLOSED] …
        C< c2 NO [NONEXISTENT] …
        C: c3 FETCH 1 FLAGS
        C< c3 BAD …
        """
    )


async def test_a_deleted_mailbox_is_an_empty_one_to_those_who_have_it_selected(talk: Talk) -> None:
    await talk(
        """
        A: a0 CREATE Projects
        A< a0 OK …
        A: a1 APPEND Projects {5+}
        A: a: bc
        A< a1 OK …
        A: a2 SELECT Projects
        A* a2 OK …
        A: a3 IDLE
        A< + idling
        B: b1 DELETE Projects
        B< b1 OK …
        A< * 1 EXPUNGE
        A: DONE
        A< a3 OK …
        A: a4 SEARCH ALL
        A< * SEARCH
        A< a4 OK …
        A: a5 EXPUNGE
        A< a5 NO [NONEXISTENT] …
        A: a6 NOOP
        A< a6 OK …
        A: a7 CLOSE
        A< a7 OK …
        """
    )


async def test_a_renamed_mailbox_stays_selected(talk: Talk) -> None:
    await talk(
        """
        A: a0 CREATE Old
        A< a0 OK …
        A: a2 SELECT Old
        A* a2 OK …
        B: b1 RENAME Old New
        B< b1 OK …
        B: b2 APPEND New {5+}
        B: a: bc
        B< b2 OK …
        A: a3 NOOP
        A< * 1 EXISTS
        A* a3 OK …
        A: a4 FETCH 1 (RFC822.SIZE)
        A< * 1 FETCH (RFC822.SIZE 5)
        A< a4 OK …
        """
    )


async def test_one_state_and_one_watch_serve_all_sessions(gateway: Gateway, account: MemoryAccount) -> None:
    fill(account, 5)
    clients = [await gateway.client() for _ in range(4)]
    for client in clients:
        await client.ok("SELECT INBOX")
    assert account.watchers == 1
    assert account.calls["snapshot"] == 1
    await asyncio.gather(*(client.ok("UID FETCH 1:* (FLAGS)") for client in clients))
    assert "entries" not in account.calls
    await asyncio.gather(*(client.ok("UNSELECT") for client in clients))
    assert account.watchers == 0


async def test_entries_are_read_with_their_neighbours(client: Client, account: MemoryAccount) -> None:
    fill(account, 150)
    await client.ok("SELECT INBOX")
    for number, looks in ((120, 1), (101, 1), (150, 1), (100, 2), (1, 2)):
        await client.ok(f"FETCH {number} (RFC822.SIZE)")
        assert account.calls["entries"] == looks


async def test_sessions_that_store_at_once_do_not_outrun_each_other(
    gateway: Gateway, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(account, 5)
    clients = [await gateway.client() for _ in range(5)]
    for client in clients:
        await client.ok("SELECT INBOX")
    mark = account.mark

    async def slow(mailbox: MailboxRef, marking: Marking) -> int | None:
        for _ in range(20):
            await asyncio.sleep(0)
        return await mark(mailbox, marking)

    monkeypatch.setattr(account, "mark", slow)
    stores = (client.ok(f"STORE {number} +FLAGS.SILENT (\\Seen)") for number, client in enumerate(clients, 1))
    await asyncio.gather(*stores)
    assert [one.flags for one in account.find("INBOX").messages.values()] == [SEEN] * 5
    assert account.calls["mark"] == 5
    assert "store" not in account.calls


async def test_recent_belongs_to_one_session(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 1)
    await talk(
        """
        B: b1 EXAMINE INBOX
        B* * 1 RECENT
        B* b1 OK …
        A: a1 SELECT INBOX
        A* * 1 RECENT
        A* a1 OK …
        A: a2 SEARCH RECENT
        A< * SEARCH 1
        A< a2 OK …
        A: a3 UNSELECT
        A< a3 OK …
        C: c1 SELECT INBOX
        C* * 0 RECENT
        C* c1 OK …
        """
    )


async def test_examine_changes_nothing(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message(), mask=8)
    await talk(
        """
        A: a1 EXAMINE INBOX
        A* a1 OK [READ-ONLY] …
        A: a2 STORE 1 +FLAGS (\\Seen)
        A< a2 NO [READ-ONLY] …
        A: a3 EXPUNGE
        A< a3 NO [READ-ONLY] …
        A: a4 UID EXPUNGE 1
        A< a4 NO [READ-ONLY] …
        A: a5 MOVE 1 Trash
        A< a5 NO [READ-ONLY] …
        A: a6 FETCH 1 (BODY[TEXT])
        A< * 1 FETCH (BODY[TEXT] {6}…
        A< a6 OK …
        A: a7 FETCH 1 (FLAGS)
        A< * 1 FETCH (FLAGS (\\Recent \\Deleted))
        A< a7 OK …
        A: a8 COPY 1 Trash
        A< a8 OK [COPYUID 1700000004 1 1] …
        A: a9 CLOSE
        A< a9 OK …
        """
    )
    assert account.find("INBOX").messages[1].flags == 8
    assert account.find("INBOX").recent_from == 1


async def test_close_expunges_silently_and_unselect_does_not(talk: Talk, account: MemoryAccount) -> None:
    account.deliver(message("one"), mask=8)
    await talk("A: a1 SELECT INBOX\nA* a1 OK …\nA: a2 UNSELECT\nA< a2 OK …")
    assert len(account.find("INBOX").messages) == 1
    await talk("A: a3 SELECT INBOX\nA* a3 OK …\nA: a4 CLOSE\nA< a4 OK …\nA: a5 CHECK\nA< a5 BAD …")
    assert not account.find("INBOX").messages


async def test_parallel_moves_never_double_a_message(gateway: Gateway, account: MemoryAccount) -> None:
    fill(account, 50)
    clients = [await gateway.client() for _ in range(4)]
    for client in clients:
        await client.ok("SELECT INBOX")
    await asyncio.gather(*(client.ok("UID MOVE 1:* Archive") for client in clients))
    assert len(account.find("Archive").messages) == 50
    assert not account.find("INBOX").messages
    for client in clients:
        assert (await client.ok("NOOP")) in ([], [b"* %d EXPUNGE" % n for n in range(50, 0, -1)])
        assert await client.ok("SEARCH ALL") == [b"* SEARCH"]
