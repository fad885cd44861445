"""CONDSTORE and QRESYNC, after the examples of RFC 7162."""

from __future__ import annotations

import pytest

from imap import flags
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    """Five messages, UIDs 1 to 5, with modification sequences 2 to 6."""
    for number in range(5):
        account.deliver(message(f"m{number}"))
    account.find("INBOX").recent_from = 6


def change(account: MemoryAccount, uid: int) -> None:
    """Another program flags a message, and nobody is told."""
    box = account.find("INBOX")
    box.highestmodseq += 1
    box.messages[uid].flags |= flags.FLAGGED
    box.messages[uid].modseq = box.highestmodseq
    box.stamp += 1


async def test_unchangedsince(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX (CONDSTORE)
        A* * OK [HIGHESTMODSEQ 6] …
        A< * OK [MAILBOXID (M1-1)] …
        A< a1 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 STORE 2 +FLAGS (\\Flagged)
        B< * 2 FETCH (FLAGS (\\Flagged))
        B< b2 OK …
        A: a2 UID STORE 1:3 (UNCHANGEDSINCE 6) +FLAGS.SILENT (\\Deleted)
        A< * 1 FETCH (UID 1 MODSEQ (8))
        A< * 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (7))
        A< * 3 FETCH (UID 3 MODSEQ (8))
        A< a2 OK [MODIFIED 2] STORE completed
        A: a3 STORE 1 (UNCHANGEDSINCE 0) +FLAGS ($MDNSent)
        A* a3 OK [MODIFIED 1] STORE completed
        A: a4 STORE 3 +FLAGS.SILENT (\\Seen)
        A< * 3 FETCH (UID 3 MODSEQ (9))
        A< a4 OK …
        A: a5 STORE 3 +FLAGS.SILENT (\\Seen)
        A< a5 OK …
        """
    )


async def test_the_first_condstore_command_tells_where_the_mailbox_stands(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 STORE 5 (UNCHANGEDSINCE 6) -FLAGS.SILENT (\\Seen)
        A< * OK [HIGHESTMODSEQ 6] …
        A< a2 OK …
        A: a3 FETCH 1:2 (MODSEQ)
        A< * 1 FETCH (MODSEQ (2))
        A< * 2 FETCH (MODSEQ (3))
        A< a3 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 STORE 1 +FLAGS (\\Seen)
        B* b2 OK …
        A: a4 NOOP
        A< * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (7))
        A< a4 OK …
        """
    )


async def test_changedsince(talk: Talk, account: MemoryAccount) -> None:
    change(account, 4)
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5)
        A< * OK [HIGHESTMODSEQ 7] …
        A< * 4 FETCH (UID 4 FLAGS (\\Flagged) MODSEQ (7))
        A< * 5 FETCH (UID 5 FLAGS () MODSEQ (6))
        A< a2 OK …
        A: a3 FETCH 1:* (FLAGS) (CHANGEDSINCE 7)
        A< a3 OK …
        A: a4 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5 VANISHED)
        A< a4 BAD …
        """
    )


async def test_search_modseq(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH MODSEQ 5
        A< * OK [HIGHESTMODSEQ 6] …
        A< * SEARCH 4 5 (MODSEQ 6)
        A< a2 OK …
        A: a3 SEARCH MODSEQ "/flags/\\\\draft" all 100
        A< * SEARCH
        A< a3 OK …
        A: a4 UID SEARCH RETURN (MIN) MODSEQ 3
        A< * ESEARCH (TAG "a4") UID MIN 2 MODSEQ 3
        A< a4 OK …
        """
    )


async def test_enabled_qresync_tells_vanished(talk: Talk, account: MemoryAccount) -> None:
    account.find("INBOX").messages[2].flags = flags.DELETED
    account.find("INBOX").messages[4].flags = flags.DELETED
    await talk(
        """
        A: a1 ENABLE QRESYNC
        A< * ENABLED QRESYNC
        A< a1 OK …
        A: a2 SELECT INBOX
        A* a2 OK …
        B: b1 ENABLE QRESYNC
        B* b1 OK …
        B: b2 SELECT INBOX
        B* b2 OK …
        B: b3 IDLE
        B< + idling
        A: a3 EXPUNGE
        A< * VANISHED 2,4
        A< a3 OK [HIGHESTMODSEQ 7] EXPUNGE completed
        B< * VANISHED 2,4
        B: DONE
        B< b3 OK …
        A: a4 UID MOVE 3 Trash
        A< * OK [COPYUID 1700000004 3 1] Moved
        A< * VANISHED 3
        A< a4 OK [HIGHESTMODSEQ 8] MOVE completed
        A: a5 STORE 1 +FLAGS (\\Deleted)
        A< * 1 FETCH (UID 1 FLAGS (\\Deleted) MODSEQ (9))
        A< a5 OK …
        A: a6 CLOSE
        A< a6 OK CLOSE completed
        """
    )


async def test_a_delayed_vanished_holds_the_highest_modseq_back(talk: Talk, account: MemoryAccount) -> None:
    account.find("INBOX").messages[5].flags = flags.DELETED
    await talk(
        """
        A: a1 ENABLE QRESYNC
        A* a1 OK …
        A: a2 SELECT INBOX
        A* a2 OK …
        B: b1 SELECT INBOX
        B* b1 OK …
        B: b2 EXPUNGE
        B* b2 OK …
        A: a3 STORE 1 +FLAGS.SILENT (\\Seen)
        A< * 1 FETCH (UID 1 MODSEQ (8))
        A< * OK [HIGHESTMODSEQ 6] …
        A< a3 OK …
        A: a4 NOOP
        A< * VANISHED 5
        A< a4 OK …
        """
    )


async def test_select_with_qresync(talk: Talk, account: MemoryAccount) -> None:
    change(account, 4)
    account.find("INBOX").remove([1, 2])
    await talk(
        """
        A: a0 SELECT INBOX (QRESYNC (1700000001 6))
        A< a0 BAD …
        A: a1 ENABLE QRESYNC
        A* a1 OK …
        A: a2 SELECT INBOX (QRESYNC (1700000001 6))
        A* * 3 EXISTS
        A* * OK [HIGHESTMODSEQ 8] …
        A< * OK [MAILBOXID (M1-1)] …
        A< * VANISHED (EARLIER) 1:2
        A< * 2 FETCH (UID 4 FLAGS (\\Flagged) MODSEQ (7))
        A< a2 OK [READ-WRITE] …
        A: a3 SELECT INBOX (QRESYNC (1700000001 7 2:5))
        A* * OK [HIGHESTMODSEQ 8] …
        A< * OK [MAILBOXID (M1-1)] …
        A< * VANISHED (EARLIER) 2
        A< a3 OK …
        A: a4 SELECT INBOX (QRESYNC (999 1))
        A* * OK [HIGHESTMODSEQ 8] …
        A< * OK [MAILBOXID (M1-1)] …
        A< a4 OK …
        A: a5 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 7 VANISHED)
        A< * VANISHED (EARLIER) 1:2
        A< a5 OK …
        """
    )


async def test_when_the_log_is_too_short_all_missing_uids_are_told(talk: Talk, account: MemoryAccount) -> None:
    box = account.find("INBOX")
    box.remove([1, 3])
    box.log_from, box.expunged = 100, []
    await talk(
        """
        A: a1 ENABLE QRESYNC
        A* a1 OK …
        A: a2 SELECT INBOX (QRESYNC (1700000001 1 1:9))
        A* * VANISHED (EARLIER) 1,3
        A* a2 OK …
        A: a3 SELECT INBOX (QRESYNC (1700000001 6 1:5 (1:2 2,4)))
        A* * OK [HIGHESTMODSEQ 7] …
        A< * OK [MAILBOXID (M1-1)] …
        A< a3 OK …
        """
    )


async def test_news_from_a_log_that_is_too_short(talk: Talk, account: MemoryAccount) -> None:
    await talk("A: a1 SELECT INBOX\nA* a1 OK …")
    box = account.find("INBOX")
    box.remove([1, 3])
    change(account, 4)
    box.log_from, box.expunged = 100, []
    await talk(
        """
        A: a2 NOOP
        A< * 3 EXPUNGE
        A< * 1 EXPUNGE
        A< * 2 FETCH (FLAGS (\\Flagged))
        A< a2 OK …
        """
    )
