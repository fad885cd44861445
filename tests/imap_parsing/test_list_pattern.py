"""LIST patterns match as the standard says, and no pattern is expensive."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imap.list_pattern import ListPattern


@pytest.mark.parametrize(
    ("reference", "pattern", "name", "expected"),
    [
        ("", "*", "a/b", True),
        ("", "%", "a", True),
        ("", "%", "a/b", False),
        ("", "%/%", "a/b", True),
        ("", "a%", "ab", True),
        ("", "a%", "a", True),
        ("a/", "%", "a/b", True),
        ("a/", "%", "a", False),
        ("", "*b", "a/b", True),
        ("", "%b", "a/b", False),
        ("", "*%", "a/b", True),
        ("", "", "a", False),
        ("", "a", "A", False),
        ("", "inbox", "INBOX", True),
        ("", "i%X", "INBOX", True),
        ("", "inb%/é*", "INBOX/été", True),
        ("", "inbox/A", "INBOX/a", False),
        ("", "inbox/a", "INBOX/A", False),
        ("", "inboxe", "INBOXE", False),
        ("", "*&*", "R&D", True),
    ],
)
def test_patterns(reference: str, pattern: str, name: str, expected: bool) -> None:  # noqa: FBT001
    assert ListPattern(reference, pattern).matches(name) is expected


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
@example("%*a", "/a")
@example("*%/", "a/")
def test_patterns_as_a_regular_expression_sees_them(pattern: str, name: str) -> None:
    expression = "".join({"*": ".*", "%": "[^/]*"}.get(letter, letter) for letter in pattern)
    assert ListPattern("", pattern).matches(name) is (re.fullmatch(expression, name) is not None)


@pytest.mark.parametrize("wildcards", ["%*" * 5_000, "*a" * 5_000, "%a*a" * 2_500, "%" * 30_000])
def test_no_pattern_is_expensive(wildcards: str) -> None:
    pattern = ListPattern("", wildcards + "b")
    start = time.process_time()
    for name in ("a" * 1_000, "a/" * 500, "/" * 1_000):
        assert not pattern.matches(name)
    assert time.process_time() - start < 1
