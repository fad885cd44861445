"""Messages are counted by audience after they were sent, each once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, bindparam, insert

from mailgate.database import Database, Statement, Tx, open_database
from mailgate.moderation.schema import held_message
from mailgate.queue.schema import queued_message
from mailgate.statistics import counts, messages
from mailgate.statistics.counts import ALL_SCHOOLS, MESSAGES, Counts, Key
from mailgate.statistics.messages import LAG, ListFacts, Sent, audience_of, counts_of, fold
from mailgate.statistics.people import STRANGER, Standing
from mailgate.store import Dispatch, MailStore, Parcel
from mailgate.store.schema import dispatch, dispatch_copy
from tests.directory.academy import ROOT
from tests.statistics.conftest import (
    CHOIR,
    FIRST,
    HEAD,
    OTHER_PARENTS,
    PARENTS,
    PUPIL,
    PUPILS,
    RELATIVE,
    SECOND,
    TEACHER,
    UNKNOWN,
    ZONE,
    at,
)
from tests.store.messages import message

NOW = at("2026-10-20 12:00")
OCTOBER = 202610


async def counted(database: Database, first: int = OCTOBER, last: int = OCTOBER) -> Counts:
    return await database.read(lambda tx: counts.read(tx, first, last))


async def sent(database: Database, name: str, sender: int, to: dict[int, set[int]], when: int = NOW) -> None:
    """As a submission does it: `to` has who gets it by list, 0 for people named."""
    store = MailStore(database)
    parcels = [Parcel(message(f"{name} {one}"), frozenset(who), list_id=one) for one, who in to.items()]
    await store.deliver_all(parcels, dispatch=Dispatch(name, sender, sender, "x@example.org", f"<{name}@x>", when))


async def put(database: Database, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    statement = Statement(insert(table).values({name: bindparam(name) for name in rows[0]}))
    await database.write(lambda tx: tx.run_many(statement, rows))


async def queued(database: Database, name: str, verp: int) -> None:
    numbers = dict.fromkeys(("size", "eightbit", "utf8", "require_tls", "created_at", "expires_at", "done_at"), 0)
    row = {"queue_id": random.getrandbits(60), "content_id": b"", "mail_from": "", "dispatch_id": name, "verp": verp}
    await put(database, queued_message, [row | numbers])


async def held(database: Database, name: str, kind: str, target: int) -> None:
    texts = dict.fromkeys(
        ("state", "reason", "language", "writer", "target", "label", "subject", "message_ref", "direct"), ""
    )
    numbers = dict.fromkeys(("content_id", "sender_id", "size", "header_size", "reach", "created_at", "expires_at"), 0)
    row = {"held_id": random.getrandbits(60), "kind": kind, "target_id": target, "dispatch_id": name}
    await put(database, held_message, [row | texts | numbers])


def key(profile: str, kind: str, school: str = ALL_SCHOOLS, month: int = OCTOBER) -> Key:
    return Key(month, school, profile, MESSAGES, kind)


async def test_each_audience(database: Database) -> None:
    await sent(database, "a1", TEACHER, {0: {PUPIL, RELATIVE}})
    await sent(database, "a2", TEACHER, {PARENTS: {RELATIVE}, OTHER_PARENTS: set()})
    await sent(database, "a3", HEAD, {PARENTS: {RELATIVE}, 0: {PUPIL}})
    await sent(database, "a4", PUPIL, {CHOIR: {HEAD}})
    await sent(database, "a5", HEAD, {0: set()})
    await queued(database, "a5", verp=0)
    await sent(database, "a6", RELATIVE, {0: {TEACHER}})
    await queued(database, "a6", verp=1)  # for a relative who has copies sent elsewhere
    await sent(database, "a7", PUPIL, {0: set()})
    await held(database, "a7", "list", PUPILS)
    await sent(database, "a8", HEAD, {0: set()})  # its time never came
    await held(database, "a8", "postponed", 0)
    await sent(database, "a9", UNKNOWN, {0: {PUPIL}})
    assert await fold(database, ZONE, NOW + LAG + 1) == 9
    assert await counted(database) == {
        key("teacher", "person"): 1, key("teacher", "person", FIRST): 1, key("teacher", "person", SECOND): 1,
        key("teacher", "parents"): 1, key("teacher", "parents", FIRST): 1, key("teacher", "parents", SECOND): 1,
        key("management", "several"): 1, key("management", "several", SECOND): 1,
        key("pupil", "manual"): 1, key("pupil", "manual", FIRST): 1,
        key("management", "outside"): 1, key("management", "outside", SECOND): 1,
        key("relative", "person"): 1, key("relative", "person", FIRST): 1,
        key("pupil", "eleves"): 1, key("pupil", "eleves", FIRST): 1,
        key("other", "person"): 1,
    }  # fmt: skip


async def test_what_comes_from_outside_counts_where_it_arrives(database: Database) -> None:
    await sent(database, "b1", 0, {0: {PUPIL, RELATIVE}})
    await sent(database, "b2", 0, {OTHER_PARENTS: {RELATIVE}})
    await sent(database, "b3", 0, {0: {TEACHER, PUPIL}, CHOIR: {HEAD}})
    await fold(database, ZONE, NOW + LAG + 1)
    assert await counted(database) == {
        key("outside", "from-outside"): 3,
        key("outside", "from-outside", FIRST): 2,
        key("outside", "from-outside", SECOND): 2,
    }


async def test_months_are_those_of_the_time_zone_and_the_last_hour_waits(database: Database) -> None:
    await sent(database, "c1", PUPIL, {0: {RELATIVE}}, at("2026-10-31 23:59"))
    await sent(database, "c2", PUPIL, {0: {RELATIVE}}, at("2026-11-01 00:00"))
    assert await fold(database, ZONE, at("2026-11-01 01:00")) == 1
    assert await fold(database, ZONE, at("2026-11-01 01:01")) == 1
    found = await counted(database, OCTOBER, 202611)
    assert found[key("pupil", "person")] == found[key("pupil", "person", month=202611)] == 1


async def many(database: Database, number: int) -> None:
    rows = [
        {"dispatch_id": f"{n:08}", "sender_id": 1 + n % 5, "author_id": 1, "author": "", "internet_id": "",
         "at": NOW + n // 150}
        for n in range(number)
    ]  # fmt: skip
    copies = [
        {"dispatch_id": f"{n:08}", "list_id": (PARENTS, PUPILS, CHOIR)[n % 3], "message_id": b"x", "accounts": b""}
        for n in range(number)
    ]
    await put(database, dispatch, rows)
    await put(database, dispatch_copy, copies)


def total(found: Counts) -> int:
    return sum(number for one, number in found.items() if one.school == ALL_SCHOOLS)


async def test_two_nodes_at_once_count_nothing_twice(database: Database, database_url: str) -> None:
    number = messages.PIECE * 3 + 7
    await many(database, number)
    other = await open_database(database_url, pool_size=2)
    try:
        for _ in range(4):
            await asyncio.gather(*(fold(one, ZONE, NOW + 2 * LAG) for one in (database, other, database)))
    finally:
        await other.close()
    assert total(await counted(database)) == number


async def test_what_ends_between_the_mark_and_the_counts_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(database, 30)

    async def die(_tx: Tx, _counts: Counts) -> None:
        raise KeyboardInterrupt

    async def work(tx: Tx) -> None:
        await messages._put(tx, counts.START, counts.Mark(NOW, "00000009"), Counter({key("pupil", "person"): 9}))

    with monkeypatch.context() as patch:
        patch.setattr(messages, "add", die)
        with pytest.raises(KeyboardInterrupt):
            await database.write(work)
    assert await counted(database) == {}
    assert await fold(database, ZONE, NOW + 2 * LAG) == 30
    assert await fold(database, ZONE, NOW + 2 * LAG) == 0
    assert total(await counted(database)) == 30


_KILLED = """
import asyncio, os, signal, sys
from mailgate.database import open_database
from mailgate.statistics import messages
from tests.statistics.conftest import ZONE

add, pieces = messages.add, []

async def killed(tx, counts):
    await add(tx, counts)
    pieces.append(counts)
    if len(pieces) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    messages.add = killed
    await messages.fold(await open_database(sys.argv[1], pool_size=2), ZONE, float(sys.argv[2]))

asyncio.run(main())
"""


async def test_a_fold_that_is_killed_loses_and_doubles_nothing(database: Database, database_url: str) -> None:
    number = messages.PIECE * 2 + 7
    await many(database, number)
    words = (sys.executable, "-c", _KILLED, database_url, str(NOW + 2 * LAG))
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT)
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    assert total(await counted(database)) == messages.PIECE
    assert await fold(database, ZONE, NOW + 2 * LAG) == number - messages.PIECE
    assert total(await counted(database)) == number


async def test_counts_are_those_of_the_raw_rows_however_they_are_folded(database: Database) -> None:
    chance = random.Random(6)
    expected: Counts = Counter()
    clock = NOW
    people = {
        TEACHER: Standing("teacher", (FIRST, SECOND)), PUPIL: Standing("pupil", (FIRST,)),
        RELATIVE: Standing("relative", (FIRST,)), HEAD: Standing("management", (SECOND,)), UNKNOWN: Standing("other"),
        0: STRANGER,
    }  # fmt: skip
    lists = {
        PARENTS: ListFacts("parents", FIRST), PUPILS: ListFacts("eleves", FIRST), CHOIR: ListFacts("manual", SECOND),
        OTHER_PARENTS: ListFacts("parents", SECOND),
    }  # fmt: skip
    for number in range(60):
        clock += chance.choice((0, 1, 3600, 86_400))
        who = frozenset(chance.sample([TEACHER, PUPIL, RELATIVE, HEAD, UNKNOWN], chance.randrange(3)))
        to = chance.sample(sorted(lists), chance.randrange(3))
        one = Sent(clock, chance.randrange(6), frozenset(to), who, chance.random() < 0.3)
        name = f"{chance.getrandbits(40):010x}"
        await sent(database, name, one.sender_id, {0: set(who), **{each: set() for each in to}}, clock)
        if one.outside:
            await queued(database, name, verp=0)
        expected.update(counts_of([one], lists, people, ZONE))
        if number % 7 == 0:
            await fold(database, ZONE, clock + chance.choice((0, LAG, 2 * LAG)))
            clock += 3 * LAG
    await fold(database, ZONE, clock + 2 * LAG)
    assert await counted(database, OCTOBER, 202701) == expected


LISTS = {number: ListFacts(audience, None) for number, audience in enumerate(("parents", "eleves", "parents"))}
SENT = st.builds(
    Sent,
    at=st.integers(NOW, NOW + 10**7),
    sender_id=st.integers(0, 4),
    lists=st.frozensets(st.integers(0, 4)),
    people=st.frozensets(st.integers(1, 4)),
    outside=st.booleans(),
)


@given(st.lists(SENT), st.data())
def test_the_parts_are_the_whole(found: list[Sent], data: st.DataObject) -> None:
    people = {number: Standing("pupil", (f"{number % 2}",)) for number in range(1, 5)}
    cut = data.draw(st.integers(0, len(found)))
    number = partial(counts_of, lists=LISTS, people=people, zone=ZONE)
    whole = number(found)
    assert number(found[:cut]) + number(found[cut:]) == whole
    assert total(whole) == len(list(_counted(found)))
    schools = {one.school for one in whole} - {ALL_SCHOOLS}
    assert all(sum(n for one, n in whole.items() if one.school == each) <= total(whole) for each in schools)


def _counted(found: Iterable[Sent]) -> Iterable[Sent]:
    return (one for one in found if one.sender_id == 0 or audience_of(one, LISTS))
