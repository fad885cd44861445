"""What responses are made of reads back as what went in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.parsing.append import Append
from imap.parsing.quota import GetQuota
from imap.parsing.wire import astring, internal_date, mailbox_name, nstring, quote_string, uid_set
from tests.imap_parsing.framing import parse


@pytest.mark.parametrize(
    ("value", "plain", "utf8"),
    [
        ("", b'""', b'""'),
        ("a b", b'"a b"', b'"a b"'),
        ('a"b\\', b'"a\\"b\\\\"', b'"a\\"b\\\\"'),
        ("é", b"{2}\r\n\xc3\xa9", b'"\xc3\xa9"'),
        (b"\xe9", b"{1}\r\n\xe9", b"{1}\r\n\xe9"),
        ("a\r\nb", b"{4}\r\na\r\nb", b"{4}\r\na\r\nb"),
        ("a\0b", b"{2}\r\nab", b"{2}\r\nab"),
    ],
)
def test_strings(value: str | bytes, plain: bytes, utf8: bytes) -> None:
    assert quote_string(value) == nstring(value) == plain
    assert quote_string(value, utf8=True) == nstring(value, utf8=True) == utf8


@pytest.mark.parametrize(
    ("value", "expected"),
    [("INBOX", b"INBOX"), ("a]", b"a]"), ("a b", b'"a b"'), ("nil", b'"nil"'), ("", b'""'), ("a*", b'"a*"')],
)
def test_atoms_where_they_are_legal(value: str, expected: bytes) -> None:
    assert astring(value) == expected


def test_nil_is_no_string() -> None:
    assert nstring(None) == b"NIL"


def test_mailbox_names_follow_the_session() -> None:
    assert mailbox_name("Élèves 6A", utf8=False) == b'"&AMk-l&AOg-ves 6A"'
    assert mailbox_name("Élèves 6A", utf8=True) == '"Élèves 6A"'.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans(), st.booleans())
def test_strings_come_back(value: str, utf8: bool, atoms: bool) -> None:  # noqa: FBT001
    wire = (astring if atoms else quote_string)(value, utf8=utf8)
    assert parse(b"A GETQUOTA " + wire, utf8=utf8) == GetQuota(value)


@given(st.lists(st.integers(1, 50)))
def test_sets_keep_their_order(numbers: list[int]) -> None:
    written: list[int] = []
    for piece in uid_set(numbers).decode().split(",") if numbers else []:
        first, _, last = piece.partition(":")
        written += range(int(first), int(last or first) + 1)
    assert written == numbers


def test_sets_are_compact_and_fast() -> None:
    assert uid_set([]) == b""
    assert uid_set([1, 2, 3, 5, 7, 8]) == b"1:3,5,7:8"
    start = time.process_time()
    assert uid_set(range(1, 100_001)) == b"1:100000"
    uid_set(range(1, 200_001, 2))
    assert time.process_time() - start < 1


@given(st.integers(-62135596800, 253402300799))
def test_dates_come_back(seconds: int) -> None:
    command = parse(b"A APPEND x " + internal_date(seconds) + b" {1}\r\na")
    assert isinstance(command, Append)
    assert command.messages[0].date == seconds


def test_the_day_is_padded_with_a_space() -> None:
    assert internal_date(0) == b'" 1-Jan-1970 00:00:00 +0000"'
