"""IDLE: what others do is pushed (RFC 2177)."""

from __future__ import annotations

import time

from tests.imap.conftest import Talk, fill, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


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
    assert sorted(delays)[10] < 0.2


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
