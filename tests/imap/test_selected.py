"""What sessions on the same mailbox tell their clients, and when (RFC 9051 sections 5.2, 5.5, 7.4, 7.5)."""

from __future__ import annotations

import asyncio
import time

from imap.backend import Changes, MailboxRef
from tests.imap.conftest import Gateway, Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


def fill(account: MemoryAccount, count: int) -> None:
    for number in range(1, count + 1):
        account.deliver(message(f"m{number}"))


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


async def test_idle_pushes_what_others_do(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 3)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        A: a2 IDLE
        A< + idling
        B: b2 STORE 2 +FLAGS (\\Deleted $label1)
        B< * FLAGS (\\Seen … $label1)
        B< * OK [PERMANENTFLAGS (… $label1 \\*)] …
        B< * 2 FETCH (FLAGS (\\Deleted $label1))
        B< b2 OK STORE completed
        A< * FLAGS (… $label1)
        A< * OK [PERMANENTFLAGS (…)] …
        A< * 2 FETCH (FLAGS (\\Recent \\Deleted $label1))
        """
    )
    await talk(
        """
        B: b3 EXPUNGE
        B< * 2 EXPUNGE
        B< b3 OK EXPUNGE completed
        A< * 2 EXPUNGE
        """
    )
    account.deliver(message("new"))
    await talk(
        """
        A< * 3 EXISTS
        A< * 3 RECENT
        A: DONE
        A< a2 OK IDLE completed
        B: b4 NOOP
        B< * 3 EXISTS
        B< * 0 RECENT
        B< b4 OK NOOP completed
        """
    )


async def test_idle_with_nothing_selected_as_outlook_does(talk: Talk, account: MemoryAccount) -> None:
    await talk("A: a1 IDLE\nA< + idling")
    account.deliver(message())
    await talk(
        "A: done\nA< a1 OK IDLE completed\nA: a2 IDLE\nA< + idling\nA: NOOP\nA< a2 BAD …\nA: a3 NOOP\nA< a3 OK …"
    )


async def test_push_takes_milliseconds(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    await client.send(b"i IDLE\r\n")
    await client.line()
    delays = []
    for number in range(21):
        start = time.perf_counter()
        account.deliver(message(f"m{number}"))
        assert (await client.line()).endswith(b"EXISTS")
        delays.append(time.perf_counter() - start)
        await client.line()
    assert sorted(delays)[10] < 0.02


async def test_expunges_wait_for_a_command_that_may_tell_them(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 4)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 STORE 2 +FLAGS.SILENT \\Deleted
        B< b2 OK …
        B: b3 EXPUNGE
        B< * 2 EXPUNGE
        B< b3 OK …
        B: b4 STORE 3 +FLAGS (\\Flagged)
        B< * 3 FETCH (FLAGS (\\Flagged))
        B< b4 OK …
        A: a2 FETCH 1:4 (UID)
        A< * 1 FETCH (UID 1)
        A< * 3 FETCH (UID 3)
        A< * 4 FETCH (UID 4)
        A< * 4 FETCH (FLAGS (\\Recent \\Flagged))
        A< a2 NO [EXPUNGEISSUED] …
        A: a3 SEARCH ALL
        A* a3 OK …
        A: a4 STORE 2 +FLAGS (\\Seen)
        A< a4 NO [EXPUNGEISSUED] …
        A: a5 STORE 3 +FLAGS (\\Seen)
        A< * 3 FETCH (FLAGS (\\Recent \\Seen))
        A< a5 OK …
        A: a6 COPY 2 Trash
        A< * 2 EXPUNGE
        A< a6 NO [EXPUNGEISSUED] …
        A: a7 FETCH 2:3 (UID)
        A< * 2 FETCH (UID 3)
        A< * 3 FETCH (UID 4)
        A< a7 OK …
        """
    )


async def test_uid_commands_may_tell_expunges(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 3)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 MOVE 1 Trash
        B< * OK [COPYUID 1700000004 1 1] Moved
        B< * 1 EXPUNGE
        B< b2 OK MOVE completed
        A: a2 UID FETCH 1:3 FLAGS
        A< * 2 FETCH (UID 2 FLAGS (\\Recent))
        A< * 3 FETCH (UID 3 FLAGS (\\Recent))
        A< * 1 EXPUNGE
        A< a2 OK FETCH completed
        """
    )


async def test_new_messages_wait_behind_expunges(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 2)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 UID MOVE 1 Trash
        B* b2 OK …
        """
    )
    account.deliver(message("new"))
    await talk(
        """
        B: b3 NOOP
        B< * 2 EXISTS
        B* b3 OK …
        A: a2 FETCH 2 FLAGS
        A< * 2 FETCH (FLAGS (…))
        A< a2 OK …
        A: a3 NOOP
        A< * 1 EXPUNGE
        A< * 2 EXISTS
        A< * … RECENT
        A< a3 OK …
        """
    )


async def test_append_to_the_selected_mailbox_is_told_at_once(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 APPEND INBOX (\\Seen $x) {5+}
        A: a: b
        A< * 1 EXISTS
        A< * 1 RECENT
        A< * FLAGS …
        A< * OK [PERMANENTFLAGS …
        A< a2 OK [APPENDUID 1700000001 1] APPEND completed
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


async def test_a_store_that_changes_nothing_hides_no_delivery(talk: Talk, account: MemoryAccount) -> None:
    """Its modification sequence is the delivery's, which this process has not heard of yet."""
    fill(account, 1)
    await talk("A: a1 SELECT INBOX\nA* a1 OK …")
    account.find("INBOX").add(message("quiet"), 0, (), 0, account.key(message("quiet")))
    await talk(
        """
        A: a2 UID STORE 1 -FLAGS.SILENT (\\Seen)
        A< * 2 EXISTS
        A< * 2 RECENT
        A< a2 OK …
        """
    )


async def test_an_answer_that_was_overtaken_brings_nothing_back(
    gateway: Gateway, account: MemoryAccount, talk: Talk
) -> None:
    """One look at the changes is slow: what it saw is expunged before it answers."""
    fill(account, 1)
    await talk("A: a1 SELECT INBOX\nA* a1 OK …\nB: b1 SELECT INBOX\nB* b1 OK …")
    box, changes = account.find("INBOX"), account.changes
    looked, release = asyncio.Event(), asyncio.Event()

    async def slow(mailbox: MailboxRef, since: int) -> Changes:
        seen = await changes(mailbox, since)
        account.changes = changes  # type: ignore[method-assign]
        looked.set()
        await release.wait()
        return seen

    account.changes = slow  # type: ignore[method-assign]
    passing = box.add(message("passing"), 0, (), 0, account.key(message("passing")))
    await talk("A: a2 NOOP")
    await looked.wait()
    box.remove([passing])
    other = await gateway.client()
    await talk("B: b2 NOOP")
    await other.ok("NOOP")
    release.set()
    await talk("A* a2 OK …\nB* b2 OK …\nA: a3 NOOP\nA* a3 OK …\nA: a4 UID SEARCH ALL\nA< * SEARCH 1\nA< a4 OK …")
    await talk("B: b3 NOOP\nB* b3 OK …\nB: b4 UID SEARCH ALL\nB< * SEARCH 1\nB< b4 OK …")


async def test_new_messages_wait_for_the_idle_after_a_fetch(talk: Talk, account: MemoryAccount) -> None:
    """Thunderbird overlooks EXISTS in the answer to a FETCH, and would show the message at its next poll only."""
    fill(account, 1)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        """
    )
    account.deliver(message("m2"))
    await talk(
        """
        A: a2 UID FETCH 1 (UID)
        A< * 1 FETCH (UID 1)
        A< a2 OK …
        A: a3 IDLE
        A< + idling
        A< * 2 EXISTS
        A< * 2 RECENT
        A: DONE
        A< a3 OK …
        """
    )


async def test_a_fetch_up_to_the_last_message_sees_new_ones(talk: Talk, account: MemoryAccount) -> None:
    fill(account, 1)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        """
    )
    account.deliver(message("m2"))
    await talk(
        """
        A: a2 UID FETCH 2:* (UID)
        A< * 2 EXISTS
        A< * 2 RECENT
        A< * 2 FETCH (UID 2)
        A< a2 OK …
        """
    )
