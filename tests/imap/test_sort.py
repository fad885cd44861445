"""SORT, UID SORT and ESORT on the wire (RFC 5256, RFC 5957, RFC 5267 section 3)."""

from __future__ import annotations

import asyncio
import functools
from array import array
from collections.abc import Collection, Mapping, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.backend import Entry, MailboxRef, Rendered, Rendering, TextHits, TextKey
from imap.message import SortKeys
from imap.parsing.sort import SortCriterion, SortKey
from imap.selected.mailbox import SharedMailbox
from imap.sort import columns
from imap.sort.order import sort_positions
from tests.imap.conftest import Talk
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client

MAILBOX = (
    ("Zoé <z@example.org>", "a@example.org", "Re: banana", "Mon, 7 Sep 2026 08:30:00 +0200"),
    ("alice@example.org", "Bob <b@example.org>", "Apple", "Mon, 7 Sep 2026 08:00:00 +0200"),
    ("Élodie <zz@example.org>", "c@example.org", "[list] banana (fwd)", "Mon, 7 Sep 2026 09:00:00 +0200"),
    ("bob@example.org", "", "été", "nonsense"),
    ("Bob@example.org", "Amy <z@example.org>", "", "Mon, 7 Sep 2026 03:00:00 -0500"),
)
ARRIVED = 1_788_772_500  # 7 Sep 2026 08:15:00 +0000


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    for number, (sender, to, subject, date) in enumerate(MAILBOX):
        header = f"From: {sender}\r\nTo: {to}\r\nCc: {to}\r\nSubject: {subject}\r\nDate: {date}\r\n\r\n"
        uid = account.deliver(header.encode() + b"x" * (100 - 10 * number), mask=number % 2)
        account.find("INBOX").messages[uid].date = ARRIVED - number
    account.find("INBOX").uidnext = 11
    account.deliver(b"Subject: gone\r\n\r\n")
    account.find("INBOX").remove([11])


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("ARRIVAL", "5 4 3 2 1"),
        ("REVERSE ARRIVAL", "1 2 3 4 5"),
        ("DATE", "2 1 3 5 4"),
        ("REVERSE DATE", "4 5 3 1 2"),
        ("SUBJECT", "5 2 1 3 4"),
        ("REVERSE SUBJECT", "4 1 3 2 5"),
        ("REVERSE SUBJECT REVERSE DATE", "4 3 1 2 5"),
        ("FROM", "2 4 5 1 3"),
        ("REVERSE FROM", "3 1 4 5 2"),
        ("DISPLAYFROM", "2 4 5 3 1"),
        ("TO", "4 1 2 3 5"),
        ("CC", "4 1 2 3 5"),
        ("DISPLAYTO", "4 1 5 2 3"),
        ("reverse displayto", "3 2 5 1 4"),
        ("SUBJECT SIZE", "5 2 3 1 4"),
    ],
)
async def test_criteria(client: Client, criteria: str, expected: str) -> None:
    await client.ok("SELECT INBOX")
    for _ in range(2):
        assert await client.ok(f"SORT ({criteria}) UTF-8 ALL") == [f"* SORT {expected}".encode()]


async def test_size(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    messages = account.find("INBOX").messages
    expected = sorted(messages, key=lambda uid: len(messages[uid].content))
    assert await client.ok("UID SORT (SIZE) US-ASCII ALL") == [b"* SORT " + " ".join(map(str, expected)).encode()]


async def test_sort_and_its_results(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 SORT (SUBJECT) UTF-8 SEEN
        A< * SORT 2 4
        A< a2 OK SORT completed
        A: a3 SORT (SUBJECT) US-ASCII TEXT "not in mailbox"
        A< * SORT
        A< a3 OK …
        A: a4 SORT (SUBJECT) KOI8-R ALL
        A< a4 NO [BADCHARSET …
        A: a5 UID SORT RETURN () (REVERSE DATE) UTF-8 ALL
        A< * ESEARCH (TAG "a5") UID ALL 4:5,3,1:2
        A< a5 OK …
        A: a6 SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL
        A< * ESEARCH (TAG "a6") COUNT 5 MIN 2 MAX 4
        A< a6 OK …
        A: a7 SORT RETURN (PARTIAL 2:3) (DATE) UTF-8 ALL
        A< * ESEARCH (TAG "a7") PARTIAL (2:3 1,3)
        A< a7 OK …
        A: a8 SORT RETURN (PARTIAL -1:-2 COUNT) (DATE) UTF-8 ALL
        A< * ESEARCH (TAG "a8") COUNT 5 PARTIAL (-1:-2 5,4)
        A< a8 OK …
        A: a9 SORT RETURN (SAVE MIN) (REVERSE DATE) UTF-8 ALL
        A< * ESEARCH (TAG "a9") MIN 4
        A< a9 OK …
        A: b1 SEARCH $
        A< * SEARCH 4
        A< b1 OK …
        A: b2 SORT RETURN (SAVE) (DATE) KOI8-R ALL
        A< b2 NO [BADCHARSET …
        A: b3 SEARCH $
        A< * SEARCH
        A< b3 OK …
        A: b4 SORT (DATE) UTF-8 MODSEQ 4
        A< * OK [HIGHESTMODSEQ 8] …
        A< * SORT 3 5 4 (MODSEQ 6)
        A< b4 OK …
        A: b5 SORT RETURN (MIN) (REVERSE DATE) UTF-8 MODSEQ 1
        A< * ESEARCH (TAG "b5") MIN 4 MODSEQ 5
        A< b5 OK …
        A: b6 ENABLE IMAP4rev2
        A< * ENABLED IMAP4rev2
        A< b6 OK …
        A: b7 SORT (DATE) UTF-8 ALL
        A< * SORT 2 1 3 5 4
        A< b7 OK …
        """
    )


@pytest.mark.parametrize(
    "command",
    [
        "SORT",
        "SORT ()",
        "SORT () UTF-8 ALL",
        "SORT (DATE)",
        "SORT (DATE) UTF-8",
        "SORT (REVERSE) UTF-8 ALL",
        "SORT (REVERSE REVERSE DATE) UTF-8 ALL",
        "SORT (THREAD) UTF-8 ALL",
        "SORT DATE UTF-8 ALL",
        "SORT RETURN (DATE) UTF-8 ALL",
        "SORT RETURN (PARTIAL 1:2 ALL) (DATE) UTF-8 ALL",
        f"SORT ({' '.join(['DATE'] * 21)}) UTF-8 ALL",
    ],
)
async def test_malformed(client: Client, command: str) -> None:
    await client.ok("SELECT INBOX")
    assert (await client.command(command))[-1].split()[1] == b"BAD"


async def test_expunges_wait_for_a_sort_by_numbers(talk: Talk, account: MemoryAccount) -> None:
    await talk("A: a1 SELECT INBOX\nA* a1 OK …")
    account.find("INBOX").remove([2])
    account._tell("INBOX")
    await talk(
        """
        A: a2 NOOP
        A* a2 OK …
        A: a3 SORT (SUBJECT) UTF-8 ALL
        A< * SORT 4 1 2 3
        A< a3 OK …
        """
    )


async def test_a_new_message_takes_its_place(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"* SORT 5 2 1 3 4"]
    account.deliver(b"Subject: Aardvark\r\n\r\n")
    await client.ok("NOOP")
    assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"* SORT 5 6 2 1 3 4"]
    account.calls.clear()
    assert await client.ok("SORT (REVERSE SUBJECT) UTF-8 ALL") == [b"* SORT 4 1 3 2 6 5"]
    assert not account.calls.keys() & {"entries", "rendered"}, "the order is known"


async def test_keys_in_an_older_form_are_made_anew(
    client: Client, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(keys: SortKeys) -> bytes:
        return b"\x81\xa7subject\xa0"

    monkeypatch.setattr(SortKeys, "encode", broken)
    await client.ok("SELECT INBOX")
    assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"* SORT 5 2 1 3 4"]


class Source:
    """A mailbox of sort keys alone."""

    def __init__(self, keys: list[SortKeys], gone: set[int]) -> None:
        self.keys = keys
        self.gone = gone

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]:
        return [Entry(uid, b"%d" % uid, 7 * uid % 5, 3 * uid % 11, 0) for uid in uids if uid not in self.gone]

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        assert which is Rendering.SORT_KEYS
        return {key: Rendered(sort_keys=self.keys[int(key) - 1].encode()) for key in message_ids}

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        raise NotImplementedError

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        raise NotImplementedError

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        raise NotImplementedError

    def value(self, key: SortKey, uid: int) -> int | str:
        keys = self.keys[uid - 1]
        texts = {
            SortKey.SUBJECT: keys.subject,
            SortKey.FROM: keys.from_,
            SortKey.TO: keys.to,
            SortKey.CC: keys.cc,
            SortKey.DISPLAYFROM: keys.display_from,
            SortKey.DISPLAYTO: keys.display_to,
        }
        if key in texts:
            return texts[key]
        if key is SortKey.SIZE:
            return 3 * uid % 11
        return 7 * uid % 5 if key is SortKey.ARRIVAL or keys.sent_at is None else keys.sent_at


TEXT = st.sampled_from(["", "A", "B", "a", "Z", "É", "\U0001f600", "\uffee"])
KEYS = st.builds(SortKeys, st.none() | st.integers(-5, 5), TEXT, TEXT, TEXT, TEXT, TEXT, TEXT)
STORED = sorted(set(SortKey) - {SortKey.RELEVANCY}, key=lambda key: key.value)
CRITERIA = st.lists(st.builds(SortCriterion, st.sampled_from(STORED), st.booleans()), min_size=1, max_size=4)


@given(st.lists(KEYS, max_size=40), CRITERIA, st.integers(0, 2**40), st.sampled_from([1, 3, 20_000]))
@settings(max_examples=200)
def test_any_order_is_that_of_comparing_messages(
    keys: list[SortKeys], criteria: list[SortCriterion], chance: int, run: int
) -> None:
    found = [position for position in range(len(keys)) if chance >> position & 3]
    gone = {position + 1 for position in found if chance >> position & 15 == 15}
    source = Source(keys, gone)

    def compare(one: int, other: int) -> int:
        for key, reverse in criteria:
            a, b = source.value(key, one + 1), source.value(key, other + 1)
            if isinstance(a, str) and isinstance(b, str):
                a, b = a.encode(), b.encode()  # type: ignore[assignment]
            if a != b:
                return -1 if (a < b) is not reverse else 1  # type: ignore[operator]
        return one - other

    expected = sorted((p for p in found if p + 1 not in gone), key=functools.cmp_to_key(compare))
    mailbox = SharedMailbox(MemoryAccount(1, "ada", "secret"), MailboxRef(1, 1))
    uids = array("I", range(1, len(keys) + 1))
    with patch.object(columns, "_RUN", run):
        for _ in range(2):
            assert asyncio.run(sort_positions(criteria, uids, found, mailbox, source)) == expected
