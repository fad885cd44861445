"""SEARCH and ESEARCH on the wire; what the keys mean is tested with the search itself."""

from __future__ import annotations

import pytest

from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    for number, subject in enumerate(("apple", "banana", "apple pie", "cherry", "apple juice"), 1):
        account.deliver(message(subject), mask=number % 2)
    account.find("INBOX").remove([2])


async def test_search_and_uid_search(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH SUBJECT apple
        A< * SEARCH 1 2 4
        A< a2 OK SEARCH completed
        A: a3 UID SEARCH SUBJECT apple
        A< * SEARCH 1 3 5
        A< a3 OK …
        A: a4 SEARCH SUBJECT nothing
        A< * SEARCH
        A< a4 OK …
        A: a5 SEARCH CHARSET UTF-8 SUBJECT {5}
        A< + OK
        A: apple UNSEEN
        A< * SEARCH
        A< a5 OK …
        A: a6 SEARCH CHARSET KOI8-R ALL
        A< a6 NO [BADCHARSET …
        A: a7 UID SEARCH UID 3:*
        A< * SEARCH 3 4 5
        A< a7 OK …
        """
    )


async def test_extended_search(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID SEARCH RETURN (MIN MAX COUNT ALL) SUBJECT apple
        A< * ESEARCH (TAG "a2") UID COUNT 3 MIN 1 MAX 5 ALL 1,3,5
        A< a2 OK …
        A: a3 SEARCH RETURN () ALL
        A< * ESEARCH (TAG "a3") ALL 1:4
        A< a3 OK …
        A: a4 SEARCH RETURN (MIN COUNT) SUBJECT nothing
        A< * ESEARCH (TAG "a4") COUNT 0
        A< a4 OK …
        A: a5 ENABLE IMAP4rev2
        A< * ENABLED IMAP4rev2
        A< a5 OK …
        A: a6 UID SEARCH SEEN
        A< * ESEARCH (TAG "a6") UID ALL 1,3,5
        A< a6 OK …
        """
    )


async def test_saved_results(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 FETCH $ UID
        A< a2 OK …
        A: a3 SEARCH RETURN (SAVE) SUBJECT apple
        A< a3 OK …
        A: a4 UID FETCH $ (UID)
        A< * 1 FETCH (UID 1)
        A< * 2 FETCH (UID 3)
        A< * 4 FETCH (UID 5)
        A< a4 OK …
        A: a5 SEARCH RETURN (SAVE MIN MAX) ALL
        A< * ESEARCH (TAG "a5") MIN 1 MAX 4
        A< a5 OK …
        A: a6 SEARCH $
        A< * SEARCH 1 4
        A< a6 OK …
        A: a7 STORE $ +FLAGS.SILENT (\\Deleted)
        A< a7 OK …
        A: a8 EXPUNGE
        A< * 4 EXPUNGE
        A< * 1 EXPUNGE
        A< a8 OK …
        A: a9 COPY $ Archive
        A< a9 OK No messages to copy
        A: b0 SEARCH RETURN (SAVE) ALL
        A< b0 OK …
        A: b1 SEARCH RETURN (SAVE COUNT) CHARSET X ALL
        A< b1 NO [BADCHARSET …
        A: b1 SEARCH $
        A< * SEARCH
        A< b1 OK …
        A: b2 SEARCH RETURN (SAVE) ALL
        A< b2 OK …
        A: b3 SELECT INBOX
        A* b3 OK …
        A: b4 SEARCH $
        A< * SEARCH
        A< b4 OK …
        """
    )
