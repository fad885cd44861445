"""THREAD=ORDEREDSUBJECT (RFC 5256 section 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.message import ThreadKeys
from imap.thread import OrderedSubject, thread_response

NO_LINKS = ThreadKeys("", (), is_reply=False)


def threaded(messages: list[tuple[int, str]]) -> str:
    threader = OrderedSubject()
    for date, subject in messages:
        threader.add(date, subject, NO_LINKS)
    return thread_response(threader.threads(), range(1, len(messages) + 1)).decode()


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "* THREAD\r\n"),
        ([(1, "A"), (1, "B")], "* THREAD (1)(2)\r\n"),
        ([(1, "A"), (2, "A")], "* THREAD (1 2)\r\n"),
        ([(5, "A"), (2, "A"), (3, "A"), (1, "B")], "* THREAD (4)(2 (3)(1))\r\n"),
        ([(1, ""), (1, ""), (0, "A")], "* THREAD (3)(1 2)\r\n"),
    ],
)
def test_threads(messages: list[tuple[int, str]], expected: str) -> None:
    assert threaded(messages) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ABC")), max_size=12))
def test_any_mailbox(messages: list[tuple[int, str]]) -> None:
    ordered = sorted(range(len(messages)), key=lambda n: (messages[n][1], messages[n][0], n))
    threads: dict[str, list[int]] = {}
    for number in ordered:
        threads.setdefault(messages[number][1], []).append(number)
    shown = []
    for first, *others in sorted(threads.values(), key=lambda thread: (messages[thread[0]][0], thread[0])):
        more = f" {others[0] + 1}" if len(others) == 1 else f" {''.join(f'({n + 1})' for n in others)}" * bool(others)
        shown.append(f"({first + 1}{more})")
    assert threaded(messages) == f"* THREAD {''.join(shown)}".rstrip() + "\r\n"
