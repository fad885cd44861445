"""PARTIAL: pages of search results and of messages (RFC 5267 section 4.4, RFC 9394)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.parsing.partial import PartialRange
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    for number in range(1, 11):
        account.deliver(message(f"number {number}"), mask=number % 2)
    account.find("INBOX").remove([2, 3])


async def test_a_part_of_the_results(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID SEARCH RETURN (PARTIAL 1:3) ALL
        A< * ESEARCH (TAG "a2") UID PARTIAL (1:3 1,4:5)
        A< a2 OK …
        A: a3 UID SEARCH RETURN (PARTIAL -1:-3) ALL
        A< * ESEARCH (TAG "a3") UID PARTIAL (-1:-3 8:10)
        A< a3 OK …
        A: a4 SEARCH RETURN (COUNT PARTIAL 3:2 MIN MAX) SEEN
        A< * ESEARCH (TAG "a4") COUNT 4 MIN 1 MAX 7 PARTIAL (3:2 3,5)
        A< a4 OK …
        A: a5 SEARCH RETURN (partial 4:100) SEEN
        A< * ESEARCH (TAG "a5") PARTIAL (4:100 7)
        A< a5 OK …
        A: a6 SEARCH RETURN (PARTIAL 5:100) SEEN
        A< * ESEARCH (TAG "a6") PARTIAL (5:100 NIL)
        A< a6 OK …
        A: a7 SEARCH RETURN (PARTIAL -100:-5) SEEN
        A< * ESEARCH (TAG "a7") PARTIAL (-100:-5 NIL)
        A< a7 OK …
        A: a8 SEARCH RETURN (PARTIAL -1:-1) SUBJECT nothing
        A< * ESEARCH (TAG "a8") PARTIAL (-1:-1 NIL)
        A< a8 OK …
        """
    )


async def test_the_part_is_what_is_saved(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID SEARCH RETURN (SAVE PARTIAL 2:3) ALL
        A< * ESEARCH (TAG "a2") UID PARTIAL (2:3 4:5)
        A< a2 OK …
        A: a3 UID SEARCH $
        A< * SEARCH 4 5
        A< a3 OK …
        A: a4 UID SEARCH RETURN (SAVE PARTIAL 2:3 MAX MIN) ALL
        A< * ESEARCH (TAG "a4") UID MIN 1 MAX 10 PARTIAL (2:3 4:5)
        A< a4 OK …
        A: a5 UID SEARCH $
        A< * SEARCH 1 4 5 10
        A< a5 OK …
        A: a6 UID SEARCH RETURN (SAVE PARTIAL 2:3 COUNT) ALL
        A< * ESEARCH (TAG "a6") UID COUNT 8 PARTIAL (2:3 4:5)
        A< a6 OK …
        A: a7 SEARCH $
        A< * SEARCH 1 2 3 4 5 6 7 8
        A< a7 OK …
        A: a8 UID SEARCH RETURN (SAVE PARTIAL 20:30) ALL
        A< * ESEARCH (TAG "a8") UID PARTIAL (20:30 NIL)
        A< a8 OK …
        A: a9 SEARCH $
        A< * SEARCH
        A< a9 OK …
        A: b1 UID SEARCH RETURN (PARTIAL 2:3) MODSEQ 1
        A< * OK [HIGHESTMODSEQ …
        A< * ESEARCH (TAG "b1") UID PARTIAL (2:3 4:5) MODSEQ 6
        A< b1 OK …
        """
    )


async def test_fetch_of_a_part(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 UID FETCH 1:* (UID) (PARTIAL -1:-2)
        A< * 7 FETCH (UID 9)
        A< * 8 FETCH (UID 10)
        A< a2 OK …
        A: a3 UID FETCH 10,4:6,1 (UID) (PARTIAL 4:2)
        A< * 2 FETCH (UID 4)
        A< * 3 FETCH (UID 5)
        A< * 4 FETCH (UID 6)
        A< a3 OK …
        A: a4 UID FETCH 1:* UID (PARTIAL 9:10)
        A< a4 OK …
        A: a5 UID FETCH 1:* (UID) (PARTIAL -1:-3 CHANGEDSINCE 9)
        A< * OK [HIGHESTMODSEQ …
        A< * 7 FETCH (UID 9 MODSEQ (10))
        A< * 8 FETCH (UID 10 MODSEQ (11))
        A< a5 OK …
        A: a6 FETCH 1:* (UID) (PARTIAL 1:2)
        A< a6 BAD …
        A: a7 UID FETCH 1:* (UID) (PARTIAL 1:2 PARTIAL 1:3)
        A< a7 BAD …
        """
    )


@pytest.mark.parametrize(
    "written", ["1", "0:1", "1:0", "*:1", "1:*", "-1:2", "1:-2", "-1", "-0:-1", "01:2", "1:4294967296", "$", "1:2,3"]
)
async def test_malformed(client: Client, written: str) -> None:
    await client.ok("SELECT INBOX")
    assert (await client.command(f"SEARCH RETURN (PARTIAL {written}) ALL"))[-1].split()[1] == b"BAD"
    assert (await client.command(f"UID FETCH 1:* UID (PARTIAL {written})"))[-1].split()[1] == b"BAD"


@pytest.mark.parametrize("options", ["ALL PARTIAL 1:2", "PARTIAL 1:2 ALL", "PARTIAL 1:2 PARTIAL 3:4", "PARTIAL"])
async def test_one_part_or_all(client: Client, options: str) -> None:
    await client.ok("SELECT INBOX")
    assert (await client.command(f"SEARCH RETURN ({options}) ALL"))[-1].split()[1] == b"BAD"


@given(st.integers(0, 12), st.integers(1, 14), st.integers(1, 14))
def test_any_range(count: int, one: int, other: int) -> None:
    results = list(range(1, count + 1))
    low, high = sorted((one, other))
    assert PartialRange(one, other).of(results) == [n for n in results if low <= n <= high]
    assert PartialRange(-one, -other).of(results) == [n for n in results if low <= count - n + 1 <= high]
