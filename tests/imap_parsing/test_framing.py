"""What the connection learns from a line before the command is complete."""

from __future__ import annotations

import pytest

from imap.parsing import LiteralAnnouncement, announced_literal, peek_command


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"A LOGIN {5}", LiteralAnnouncement(5, synchronizing=True, binary=False, start=8)),
        (b"A LOGIN {5+}", LiteralAnnouncement(5, synchronizing=False, binary=False, start=8)),
        (b"A APPEND x ~{0}", LiteralAnnouncement(0, synchronizing=True, binary=True, start=11)),
        (b"A APPEND x UTF8 (~{310+}", LiteralAnnouncement(310, synchronizing=False, binary=True, start=17)),
        (b"{0007}", LiteralAnnouncement(7, synchronizing=True, binary=False, start=0)),
        (b"{%s7}" % (b"0" * 9000), LiteralAnnouncement(7, synchronizing=True, binary=False, start=0)),
        (b"x {4294967296}", LiteralAnnouncement(4294967296, synchronizing=True, binary=False, start=2)),
        (b"x {%s+}" % (b"9" * 9000), LiteralAnnouncement(2**63 - 1, synchronizing=False, binary=False, start=2)),
    ],
)
def test_a_literal_is_announced_at_the_end(line: bytes, expected: LiteralAnnouncement) -> None:
    assert announced_literal(line) == expected


@pytest.mark.parametrize(
    "line", [b"", b"A NOOP", b"A {5} x", b"A {}", b"A {+}", b"A {-1}", b"A {5-}", b"A {5++}", b"A {5}\n", b'A "{5}"']
)
def test_other_ends_announce_nothing(line: bytes) -> None:
    assert announced_literal(line) is None


@pytest.mark.parametrize(
    ("line", "tag", "verb"),
    [
        (b"a1 LOGIN {5+}", "a1", "LOGIN"),
        (b"a1 noop", "a1", "NOOP"),
        (b"a1 uid fetch 1 FLAGS", "a1", "UID FETCH"),
        (b"a1 uid", "a1", "UID"),
        (b"a1 ", "a1", None),
        (b"a1 (", "a1", None),
        (b"a1 NOOP\0", "a1", None),
        (b"a1", None, None),
        (b"+ NOOP", None, None),
        (b"a* NOOP", None, None),
        (b" NOOP", None, None),
        (b"\xff NOOP", None, None),
        (b"", None, None),
    ],
)
def test_tag_and_name_are_known_early(line: bytes, tag: str | None, verb: str | None) -> None:
    assert peek_command(line) == (tag, verb)
