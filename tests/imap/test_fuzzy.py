"""FUZZY and RELEVANCY on the wire (RFC 6203)."""

from __future__ import annotations

import pytest

from tests.imap.conftest import Talk
from tests.imap.memory_backend import MemoryAccount

MAILBOX = (
    ("Réunion des parents", "Ordre du jour."),
    ("Réunions", "Les parents viendront."),
    ("Cantine", "La réunion des parents."),
    ("Sortie", "Pas de parents, plusieurs réunions."),
    ("Notes", "Rien."),
)


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    for subject, body in MAILBOX:
        account.deliver(f"From: anne@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode())


async def test_words_are_matched_without_accents_and_inflections(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH FUZZY SUBJECT reunion
        A< * SEARCH 1 2
        A< a2 OK …
        A: a3 SEARCH SUBJECT reunions FUZZY TEXT parent
        A< * SEARCH
        A< a3 OK …
        A: a4 SEARCH FUZZY (SUBJECT reunions TEXT "parent jour")
        A< * SEARCH 1
        A< a4 OK …
        A: a5 SEARCH FUZZY NOT TEXT "reunion parent"
        A< * SEARCH 5
        A< a5 OK …
        A: a6 SEARCH FUZZY TEXT ", "
        A< * SEARCH 4
        A< a6 OK …
        A: a7 SEARCH FUZZY OR BODY reunion FUZZY (LARGER 1000000)
        A< * SEARCH 3 4
        A< a7 OK …
        """
    )


async def test_relevancy(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "reunion parents"
        A< * ESEARCH (TAG "a2") ALL 1:4 RELEVANCY (84 50 18 18)
        A< a2 OK …
        A: a3 UID SEARCH RETURN (RELEVANCY PARTIAL 2:3 COUNT) FUZZY TEXT "reunion parents"
        A< * ESEARCH (TAG "a3") UID COUNT 4 PARTIAL (2:3 2:3) RELEVANCY (50 18)
        A< a3 OK …
        A: a4 SEARCH RETURN (RELEVANCY) FUZZY BODY chorale
        A< * ESEARCH (TAG "a4") RELEVANCY ()
        A< a4 OK …
        A: a5 SEARCH RETURN (ALL RELEVANCY) OR FUZZY SUBJECT notes FUZZY BODY rien
        A< * ESEARCH (TAG "a5") ALL 5 RELEVANCY (50)
        A< a5 OK …
        A: a6 SEARCH RETURN (ALL RELEVANCY) FUZZY UNDELETED
        A< * ESEARCH (TAG "a6") ALL 1:5 RELEVANCY (100 100 100 100 100)
        A< a6 OK …
        A: a8 ESEARCH IN (mailboxes INBOX) RETURN (RELEVANCY ALL) FUZZY TEXT "reunion parents"
        A< * ESEARCH (TAG "a8" MAILBOX INBOX UIDVALIDITY …
        A< a8 OK …
        A: a7 SEARCH RETURN (RELEVANCY) TEXT reunion
        A< a7 BAD …
        """
    )


async def test_the_most_relevant_first(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SORT (RELEVANCY REVERSE SUBJECT) UTF-8 FUZZY TEXT "reunion parents"
        A< * SORT 1 2 4 3
        A< a2 OK …
        A: a3 SORT RETURN (RELEVANCY ALL) (REVERSE RELEVANCY REVERSE SUBJECT) UTF-8 FUZZY TEXT "reunion parents"
        A< * ESEARCH (TAG "a3") ALL 4,3,2,1 RELEVANCY (18 18 50 84)
        A< a3 OK …
        A: a4 SORT RETURN (PARTIAL 1:1) (RELEVANCY) UTF-8 FUZZY SUBJECT "parents"
        A< * ESEARCH (TAG "a4") PARTIAL (1:1 1)
        A< a4 OK …
        A: a5 SORT (RELEVANCY) UTF-8 FUZZY ALL
        A< * SORT 1 2 3 4 5
        A< a5 OK …
        A: b5 SORT RETURN (UPDATE COUNT) (RELEVANCY) UTF-8 FUZZY SUBJECT "parents"
        A< * ESEARCH (TAG "b5") COUNT 1
        A< * NO [NOUPDATE "b5"] …
        A< b5 OK …
        A: a6 SORT (RELEVANCY) UTF-8 TEXT reunion
        A< a6 BAD …
        """
    )
