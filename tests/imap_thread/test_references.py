"""THREAD=REFERENCES: chains, loops, dummies, subjects, and mailboxes made to hurt (RFC 5256 section 3)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.errors import CommandRefused
from imap.message import ThreadKeys
from imap.thread import References, forest, thread_response
from tests.imap_thread.by_the_book import Message, references


def message(own: str, chain: str = "", subject: str = "", date: int = 0, *, reply: bool = False) -> Message:
    return Message(date, subject, ThreadKeys(own, tuple(chain.split()), is_reply=reply))


def threaded(messages: Iterable[Message]) -> str:
    threader = References()
    count = 0
    for each in messages:
        threader.add(*each)
        count += 1
    response = thread_response(threader.threads(), range(1, count + 1)).decode()
    assert response.startswith("* THREAD")
    assert response.endswith("\r\n")
    return response[len("* THREAD ") : -2]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], ""),
        ([message("a")], "(1)"),
        ([message("a"), message("b", "a"), message("c", "a b")], "(1 2 3)"),
        ([message("c", "a b"), message("b", "a"), message("a")], "(3 2 1)"),
        ([message("a"), message("b", "a"), message("c", "a")], "(1 (2)(3))"),
        ([message("a"), message("c", "a", date=2), message("b", "a", date=1)], "(1 (3)(2))"),
        # a parent that is not there
        ([message("b", "a"), message("c", "a")], "((1)(2))"),
        ([message("b", "a")], "(1)"),
        ([message("b", "x a"), message("c", "x a")], "((1)(2))"),
        ([message("b", "x a"), message("c", "x"), message("d", "x a")], "((1)(2)(3))"),
        ([message("r"), message("b", "r x a"), message("c", "r x")], "(1 (2)(3))"),
        # a truncated chain, put right when the message itself comes
        ([message("c", "a b"), message("a"), message("b", "x")], "(2)(3 1)"),
        ([message("a"), message("c", "a b"), message("b")], "(1)(3 2)"),
        # loops
        ([message("a", "a")], "(1)"),
        ([message("a", "b"), message("b", "a")], "(2 1)"),
        ([message("a", "c"), message("b", "a"), message("c", "b")], "(3 1 2)"),
        ([message("a", "b a b a"), message("b", "a b a b")], "(1)(2)"),
        # ids that are missing or stand twice
        ([message(""), message("", "a"), message("a")], "(1)(3 2)"),
        ([message("a"), message("a"), message("b", "a")], "(1 3)(2)"),
        ([message("a"), message("a", "a")], "(1 2)"),
        # subjects
        ([message("a", subject="S"), message("b", subject="S", reply=True)], "(1 2)"),
        ([message("b", subject="S", reply=True), message("a", subject="S", date=1)], "(2 1)"),
        ([message("a", subject="S"), message("b", subject="S")], "((1)(2))"),
        ([message("a", subject="S"), message("b", subject="S"), message("c", subject="S", reply=True)], "((1)(2)(3))"),
        ([message("a", subject=""), message("b", subject="", reply=True)], "(1)(2)"),
        ([message("a", "x", "S"), message("b", "x", "T"), message("c", "", "S")], "((1)(2)(3))"),
        ([message("a", "x", "S"), message("b", "x"), message("c", "y", "S"), message("d", "y")], "((1)(2)(3)(4))"),
        # the order of threads
        ([message("a", date=3), message("b", date=1), message("c", date=2)], "(2)(3)(1)"),
        ([message("a", "x", date=9), message("b", "x", date=1), message("c", date=2)], "((2)(1))(3)"),
    ],
)
def test_threads(messages: list[Message], expected: str) -> None:
    assert threaded(messages) == expected
    assert references(messages) == expected


IDS = st.sampled_from(["", "a", "b", "c", "d", "e", "f", "g"])
CHAINS = st.lists(st.sampled_from("abcdefgxyz"), max_size=6).map(" ".join)
MESSAGES = st.builds(message, IDS, CHAINS, st.sampled_from(["", "S", "T"]), st.integers(0, 4), reply=st.booleans())


@given(st.lists(MESSAGES, max_size=14))
@settings(max_examples=300)
def test_any_mailbox_is_threaded_by_the_book(messages: Sequence[Message]) -> None:
    assert threaded(messages) == references(messages)


def chain(count: int, ids: Iterable[int]) -> Iterable[Message]:
    """Messages that name up to 20 of those before them, in the order of `ids`."""
    for number in ids:
        yield message(str(number), " ".join(map(str, range(max(number - 20, 0), number))), f"S{number % 7}", number)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_thread_as_deep_as_the_mailbox(backwards: bool) -> None:  # noqa: FBT001
    count = 10_000
    ids = reversed(range(count)) if backwards else range(count)
    start = time.process_time()
    response = threaded(chain(count, ids))
    assert time.process_time() - start < 2
    numbers = range(count, 0, -1) if backwards else range(1, count + 1)
    assert response == f"({' '.join(map(str, numbers))})"


def test_ten_thousand_messages_without_a_link() -> None:
    start = time.process_time()
    response = threaded(message(str(number), subject="S") for number in range(10_000))
    assert time.process_time() - start < 2
    assert response.startswith("((1)(2)(3)")


def test_links_that_would_be_loops_cost_little() -> None:
    deep = [message(str(number), str(number - 1)) for number in range(1, 5_000)]
    loops = [message(f"x{n}", " ".join(f"{4_999 - n % 900 - k} 0" for k in range(50))) for n in range(2_000)]
    start = time.process_time()
    threaded([*deep, *loops])
    assert time.process_time() - start < 4


def test_what_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest, "_MOST_STEPS", 10_000)
    tangled = [message(f"x{n}", f"{n} {n + 1}") for n in range(3_000)]
    tangled += [message(str(n), f"{n + 5} {n + 9}") for n in range(3_000)]
    with pytest.raises(CommandRefused) as refused:
        threaded(tangled)
    assert refused.value.code == "LIMIT"
