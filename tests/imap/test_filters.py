"""Named searches: FILTER in SEARCH, SORT and THREAD (RFC 5466)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.errors import BadCommand
from imap.parsing.search import criteria
from tests.imap.conftest import Talk, message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

VALUES = "/private/filters/values/"


@pytest.fixture
def inbox(account: MemoryAccount) -> MemoryAccount:
    account.deliver(message("Été", "petit"))
    account.deliver(message("Boss", "x" * 6000, sender="boss@example.com"))
    account.deliver(message("Other", "x" * 6000))
    return account


def keep(account: MemoryAccount, **filters: str) -> None:
    account.annotations |= {VALUES + name: value.encode() for name, value in filters.items()}


async def test_a_filter_stands_for_its_keys(talk: Talk, inbox: MemoryAccount) -> None:
    await talk(r"""
        A: 1 SETMETADATA "" ("/private/filters/values/On-The-Road" "OR SMALLER 5000 FROM \"boss@example.com\"")
        A< 1 OK …
        A: 2 SELECT INBOX
        A* 2 OK …
        A: 3 SEARCH FILTER on-the-road
        A< * SEARCH 1 2
        A< 3 OK …
        A: 4 UID SEARCH RETURN (ALL) 2:3 NOT FILTER ON-THE-ROAD CHARSET
        A< 4 BAD …
        A: 5 UID SEARCH RETURN (ALL) CHARSET UTF-8 2:3 NOT FILTER ON-THE-ROAD
        A< * ESEARCH (TAG "5") UID ALL 3
        A< 5 OK …
        A: 6 SORT (REVERSE SIZE) UTF-8 FILTER on-the-road
        A< * SORT 2 1
        A< 6 OK …
        A: 7 THREAD ORDEREDSUBJECT UTF-8 FILTER on-the-road
        A< * THREAD …
        A< 7 OK …
    """)


async def test_the_private_filter_goes_before_the_shared_one(talk: Talk, inbox: MemoryAccount) -> None:
    inbox.annotations |= {"/shared/filters/values/a": b"1", "/shared/filters/values/b": b"2", VALUES + "a": b"3"}
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 SEARCH FILTER a
        A< * SEARCH 3
        A< 2 OK …
        A: 3 SEARCH FILTER b
        A< * SEARCH 2
        A< 3 OK …
    """)


async def test_filters_within_filters(talk: Talk, inbox: MemoryAccount) -> None:
    keep(
        inbox,
        a="FILTER b FILTER b",
        b="OR FILTER c UID 1",
        c="NOT (FILTER d ALL)",
        d="LARGER 5000",
        loop="FILTER a FILTER one",
        one="NOT FILTER loop",
    )
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 SEARCH FILTER a
        A< * SEARCH 1
        A< 2 OK …
        A: 3 SEARCH RETURN (SAVE) ALL
        A< 3 OK …
        A: 4 SEARCH RETURN (SAVE) FILTER loop
        A< 4 NO [UNDEFINED-FILTER loop] …
        A: 5 FETCH $ (UID)
        A< 5 OK …
    """)


async def test_deep_and_large_filters(client: Client, inbox: MemoryAccount) -> None:
    keep(inbox, **{f"f{depth}": f"FILTER f{depth + 1}" for depth in range(20)})
    keep(
        inbox,
        **{f"g{depth}": f"FILTER g{depth + 1} FILTER g{depth + 1} FILTER g{depth + 1}" for depth in range(9)},
        g9="ALL",
    )
    keep(inbox, f20="ALL", h="NOT " * 90 + "ALL", i="NOT " * 90 + "FILTER h")
    await client.ok("SELECT INBOX")
    assert (await client.ok("SEARCH FILTER f12"))[-1] == b"* SEARCH 1 2 3"
    for name, code in (("f0", b"UNDEFINED-FILTER f10"), ("g0", b"LIMIT"), ("i", b"LIMIT")):
        assert (await client.command(f"SEARCH FILTER {name}"))[-1].split(b" ", 1)[1].startswith(b"NO [%b]" % code), name


async def test_filters_that_are_not_there_or_no_searches(talk: Talk, inbox: MemoryAccount) -> None:
    keep(inbox, bad="OR SMALLER", worse="SMALLER 1)", literal="SUBJECT {4}\r\nBoss LARGER 1", cut="SUBJECT {9}\r\nBoss")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 SEARCH FILTER nothing
        A< 2 NO [UNDEFINED-FILTER nothing] …
        A: 3 SEARCH FILTER bad
        A< 3 NO [UNDEFINED-FILTER bad] …
        A: 4 SEARCH FILTER worse
        A< 4 NO [UNDEFINED-FILTER worse] …
        A: 5 SEARCH FILTER literal
        A< * SEARCH 2
        A< 5 OK …
        A: 6 SEARCH FILTER cut
        A< 6 NO [UNDEFINED-FILTER cut] …
        A: 7 SEARCH FILTER a/b
        A< 7 BAD …
        A: 8 SEARCH FILTER
        A< 8 BAD …
        A: 9 SEARCH CHARSET KOI8-R FILTER bad
        A< 9 BAD [BADCHARSET (US-ASCII UTF-8)] …
        A: 10 SEARCH CHARSET KOI8-R ALL
        A< 10 NO [BADCHARSET (US-ASCII UTF-8)] …
    """)


async def test_modseq_within_a_filter(talk: Talk, inbox: MemoryAccount) -> None:
    keep(inbox, new="MODSEQ 4")
    await talk("""
        A: 1 SELECT INBOX
        A* 1 OK …
        A: 2 SEARCH FILTER new
        A< * OK [HIGHESTMODSEQ …
        A< * SEARCH 3 (MODSEQ 4)
        A< 2 OK …
    """)


@pytest.mark.parametrize("value", ["OR SMALLER", "", "ALL ALL)", "NONSENSE", "SUBJECT"])
async def test_what_is_no_search_is_not_kept(client: Client, account: MemoryAccount, value: str) -> None:
    for name in ("x", "a/b") if value == "OR SMALLER" else ("x",):
        assert b" NO " in (await client.command(f'SETMETADATA "" ({VALUES}{name} "{value}")'))[-1]
    await client.ok(f'SETMETADATA "" (/private/filters/descriptions/x "{value}" {VALUES}x NIL)')
    assert account.annotations.keys() == {"/private/filters/descriptions/x"}


@given(
    st.binary()
    | st.lists(st.sampled_from([b"OR", b"NOT", b"(", b")", b"ALL", b"{2}\r\nab", b"FILTER", b"x"])).map(b" ".join)
)
def test_any_value(value: bytes) -> None:
    try:
        criteria(value)
    except BadCommand:
        return
