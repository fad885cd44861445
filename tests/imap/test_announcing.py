"""When a session tells its client of new and of expunged messages (RFC 9051 sections 5.2, 5.5, 7.4, 7.5)."""

from __future__ import annotations

import asyncio

from imap.backend import Changes, Known, MailboxRef
from tests.imap.conftest import Gateway, Talk, fill, message
from tests.imap.memory_backend import MemoryAccount


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

    async def slow(mailbox: MailboxRef, known: Known) -> Changes:
        seen = await changes(mailbox, known)
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


async def test_a_mailbox_that_changes_while_it_is_selected_is_told_as_it_is_then(
    gateway: Gateway, account: MemoryAccount
) -> None:
    """A client that goes before any news would else keep a message that HIGHESTMODSEQ says is gone (RFC 7162 3.1)."""
    fill(account, 3)
    other = await gateway.client()
    await other.ok("EXAMINE INBOX")
    claim, claiming, release = account.claim_recent, asyncio.Event(), asyncio.Event()

    async def slow(mailbox: MailboxRef, uidnext: int) -> int:
        claiming.set()
        await release.wait()
        return await claim(mailbox, uidnext)

    account.claim_recent = slow  # type: ignore[method-assign]
    client = await gateway.client()
    selecting = asyncio.create_task(client.ok("SELECT INBOX (CONDSTORE)"))
    await claiming.wait()
    account.find("INBOX").remove([2])
    await other.ok("NOOP")
    release.set()
    told = await selecting
    assert b"* 2 EXISTS" in told
    assert not any(b"EXPUNGE" in line for line in told)
    assert await client.ok("NOOP") == []
    assert await client.ok("UID SEARCH ALL") == [b"* SEARCH 1 3"]


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
