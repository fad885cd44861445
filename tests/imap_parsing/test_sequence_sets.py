"""Sets of numbers: what they name, and that they cost no more than their ranges."""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from imap.parsing.sequence import STAR, SequenceSet
from imap.parsing.store import Copy
from tests.imap_parsing.framing import parse

SMALL = st.integers(0, 30)  # 0 is "*"
SETS = st.lists(st.tuples(SMALL, SMALL), min_size=1).map(lambda ranges: SequenceSet(tuple(ranges)))


def naive(messages: SequenceSet, largest: int) -> set[int]:
    found: set[int] = set()
    for first, last in messages.ranges:
        ends = sorted((largest if first == STAR else first, largest if last == STAR else last))
        found.update(range(ends[0], ends[1] + 1))
    return found


@given(SETS, st.integers(1, 40))
def test_bounds_are_the_numbers_in_order(messages: SequenceSet, largest: int) -> None:
    bounds = messages.bounds(largest)
    assert [n for first, last in bounds for n in range(first, last + 1)] == sorted(naive(messages, largest))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(bounds))


@given(SETS, st.sets(st.integers(1, 40)).map(sorted))
def test_uid_positions(messages: SequenceSet, uids: list[int]) -> None:
    wanted = naive(messages, uids[-1]) if uids else set()
    found = [position for span in messages.uid_positions(uids) for position in span]
    assert found == [bisect_left(uids, uid) for uid in uids if uid in wanted]


@given(SETS, st.integers(0, 40))
def test_number_positions(messages: SequenceSet, count: int) -> None:
    wanted = naive(messages, count)
    found = [position for span in messages.number_positions(count) for position in span]
    assert found == [position for position in range(count) if position + 1 in wanted]
    if count:
        assert messages.exceeds(count) == (max(wanted) > count or 0 in wanted)


@given(SETS, st.integers(1, 40), st.integers(1, 40))
def test_contains(messages: SequenceSet, number: int, largest: int) -> None:
    assert messages.contains(number, largest) == (number in naive(messages, largest))


@given(SETS, st.booleans())
def test_what_is_written_is_read(messages: SequenceSet, saved: bool) -> None:  # noqa: FBT001
    messages = SequenceSet(messages.ranges, saved)
    command = parse(f"A COPY {messages} x".encode())
    assert isinstance(command, Copy)
    assert command.messages == messages


def test_star_names_the_last_message_even_below_the_range() -> None:
    assert SequenceSet(((3291, STAR),)).uid_positions([5, 9]) == [range(1, 2)]


def test_an_empty_mailbox_has_no_number() -> None:
    assert SequenceSet(((1, STAR),)).exceeds(0)
    assert SequenceSet(((STAR, STAR),)).exceeds(0)
    assert not SequenceSet((), saved=True).exceeds(0)
    assert SequenceSet(((1, STAR),)).uid_positions([]) == []


def test_the_whole_range_is_never_written_out() -> None:
    everything = SequenceSet(((1, 4294967295),) * 1000)
    start = time.process_time()
    for _ in range(20):
        assert everything.bounds(4294967295) == [(1, 4294967295)]
        assert everything.uid_positions(range(1, 100_000)) == [range(99_999)]
        assert everything.number_positions(7) == [range(7)]
    assert time.process_time() - start < 0.5
