"""A search reads only what it needs, for those messages only that are still in doubt, and yields to the loop."""

from __future__ import annotations

import asyncio
import random
import re
import time
from array import array
from collections.abc import Callable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from imap import flags
from tests.imap_search.mailbox import Mailbox


def many(count: int, *, size: int = 10) -> Mailbox:
    mailbox = Mailbox()
    for n in range(1, count + 1):
        mailbox.add(
            f"From: p{n % 7}@example.org\nSubject: message {n}\nX-Class: 6a\n\n{'x' * size} body {n} end\n",
            flags=flags.SEEN * (n % 10 != 0),
            modseq=n,
            date=n * 86_400,
        )
    return mailbox


async def test_flags_and_numbers_need_no_reading() -> None:
    mailbox = many(50)
    assert len(await mailbox.search("UNSEEN 1:* UID 1:40 MODSEQ 1 NOT KEYWORD x")) == 4
    assert mailbox.asked == []


async def test_dates_and_sizes_need_entries_only() -> None:
    mailbox = many(50)
    assert await mailbox.search("LARGER 1 SINCE 11-Jan-1970 UNSEEN") == [10, 20, 30, 40, 50]
    assert mailbox.asked == [("entries", 5)]


async def test_costly_keys_see_what_cheap_ones_leave() -> None:
    mailbox = many(50)
    assert await mailbox.search("BODY end SUBJECT 0 BEFORE 30-Jan-1970 UNSEEN") == [10, 20]
    assert mailbox.asked == [
        ("entries", 5),
        ("entries", 2),
        ("entries", 2),
        ("LISTING", 2),
        ("entries", 2),
        ("LISTING", 2),
        ("read_whole", 2),
    ]


async def test_a_costly_key_is_not_read_where_or_is_decided() -> None:
    mailbox = many(50)
    assert len(await mailbox.search("OR BODY nothing SEEN")) == 45
    assert mailbox.asked == [("entries", 5), ("entries", 5), ("read_whole", 5)]
    assert len(await mailbox.search("OR BODY nothing (OR SEEN BODY nothing)")) == 45
    assert len(await mailbox.search("NOT (BODY nothing UNSEEN)")) == 50
    assert mailbox.asked == [("entries", 5), ("entries", 5), ("read_whole", 5)]


async def test_fields_that_are_not_listed_come_from_the_header() -> None:
    mailbox = many(10)
    assert len(await mailbox.search("HEADER X-Class 6A FROM p1")) == 2
    assert mailbox.asked == [("entries", 10), ("entries", 10), ("HEADER", 10)]


async def test_two_header_keys_read_the_header_once() -> None:
    mailbox = many(10)
    assert await mailbox.search('OR SUBJECT "message 3" FROM p1') == [1, 3, 8]
    assert mailbox.asked == [("entries", 10), ("entries", 10), ("LISTING", 10)]


async def test_batches_are_bounded() -> None:
    mailbox = many(1_200, size=3_000)
    assert await mailbox.search('SUBJECT "message 1200"') == [1200]
    assert max(count for name, count in mailbox.asked if name == "LISTING") <= 500
    assert await mailbox.search('BODY "body 1200 end"') == [1200]
    assert max(count for name, count in mailbox.asked if name == "read_whole") <= 200
    big = many(20, size=200_000)
    assert await big.search('BODY "body 20 end"') == [20]
    assert max(count for name, count in big.asked if name == "read_whole") <= 5


async def test_the_loop_runs_on_during_a_search() -> None:
    mailbox = many(300, size=100_000)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)
    assert await mailbox.search('BODY "body 300 END"') == [300]
    heart.cancel()
    assert longest < 0.5


async def test_a_hundred_thousand_messages_by_flags() -> None:
    mailbox = Mailbox(
        uids=list(range(1, 100_001)),
        flags=array("q", [flags.SEEN * (n % 10 != 0) for n in range(1, 100_001)]),
        modseqs=[1] * 100_000,
    )
    start = time.process_time()
    assert await mailbox.search("UNSEEN UNDELETED") == list(range(10, 100_001, 10))
    assert time.process_time() - start < 0.5


async def test_each_keyword_has_its_bit() -> None:
    names = [f"k{index}" for index in range(flags.MAX_KEYWORDS)]
    mailbox = Mailbox(keywords=names)
    mailbox.add("", flags=flags.SYSTEM_MASK)
    for index in range(flags.MAX_KEYWORDS):
        mailbox.add("", flags=1 << flags.KEYWORD_SHIFT + index)
    for uid, name in enumerate(names, 2):
        assert await mailbox.search(f"KEYWORD {name}") == [uid]
        assert await mailbox.search(f"UNKEYWORD {name}") == [other for other in mailbox.uids if other != uid]
        assert await mailbox.search(f"2:* KEYWORD {name}") == [uid]


LEAVES: dict[str, Callable[[Mailbox, int], bool]] = {
    "ALL": lambda _, uid: True,
    "SEEN": lambda mailbox, uid: bool(mailbox.flags[mailbox.uids.index(uid)] & flags.SEEN),
    "{UNKEYWORD devoirs}": lambda mailbox, uid: not mailbox.flags[mailbox.uids.index(uid)] & 1 << 6,
    "FLAGGED": lambda mailbox, uid: bool(mailbox.flags[mailbox.uids.index(uid)] & flags.FLAGGED),
    "RECENT": lambda mailbox, uid: uid in mailbox.recent,
    "2": lambda mailbox, uid: mailbox.uids.index(uid) == 1,
    "4:*": lambda mailbox, uid: mailbox.uids.index(uid) >= 3 or uid == mailbox.uids[-1],
    "{UID 4:*}": lambda mailbox, uid: uid >= 4 or uid == mailbox.uids[-1],
    "{ON 2-Jan-1970}": lambda mailbox, uid: mailbox.dates[uid] == 86_400,
    "{LARGER 60}": lambda mailbox, uid: len(mailbox.contents[uid]) > 60,
    "{SUBJECT a}": lambda mailbox, uid: mailbox.contents[uid].startswith(b"Subject: a"),
    "{BODY b}": lambda mailbox, uid: mailbox.contents[uid].endswith(b"b"),
}
KEYS = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda keys: (
        keys.map("NOT {}".format)
        | st.tuples(keys, keys).map(lambda pair: "OR {} {}".format(*pair))
        | st.lists(keys, min_size=1, max_size=4).map(lambda some: f"( {' '.join(some)} )")
    ),
    max_leaves=12,
)
WORDS = re.compile(r"\{.*?\}|\S+")


def fits(words: Iterator[str], mailbox: Mailbox, uid: int) -> bool | None:
    """One message, one word after the other; None at the end of a list."""
    match next(words):
        case "NOT":
            return not fits(words, mailbox, uid)
        case "OR":
            return any([fits(words, mailbox, uid), fits(words, mailbox, uid)])
        case "(":
            return all(list(iter(lambda: fits(words, mailbox, uid), None)))
        case ")":
            return None
        case leaf:
            return LEAVES[leaf](mailbox, uid)


@given(st.lists(KEYS, min_size=1, max_size=3).map(" ".join), st.integers(0, 1_000_000))
@settings(max_examples=300)
def test_any_tree_finds_what_each_message_alone_says(program: str, seed: int) -> None:
    chance = random.Random(seed)
    mailbox = Mailbox()
    for uid in sorted(chance.sample(range(1, 9), chance.randint(0, 6))):
        mailbox.add(
            f"Subject: {chance.choice('abc')}\n\n{chance.choice(['b', 'c', 'c' * 60])}",
            uid=uid,
            flags=chance.choice([0, flags.SEEN, flags.FLAGGED]) | chance.choice([0, 1 << 6]),
            date=chance.choice([0, 86_400, 172_800]),
        )
        mailbox.recent |= chance.choice([set(), {uid}])
    words = WORDS.findall(f"( {program} )")
    expected = [uid for uid in mailbox.uids if fits(iter(words), mailbox, uid)]
    written = program.replace("{", "").replace("}", "").replace("( ", "(").replace(" )", ")")
    assert asyncio.run(mailbox.search(written)) == expected
