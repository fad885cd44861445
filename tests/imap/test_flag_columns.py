"""Flags of many messages are looked at column by column."""

from __future__ import annotations

from array import array
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.backend import Account, MailboxRef
from imap.flags import KEYWORD_SHIFT, MAX_KEYWORDS, SEEN, marked, marks
from imap.selected.mailbox import SharedMailbox
from imap.selected.view import View

BITS = KEYWORD_SHIFT + MAX_KEYWORDS


@given(flags=st.lists(st.integers(0, 2**BITS - 1)), bit=st.integers(0, BITS - 1), there=st.booleans())
def test_an_octet_for_each_message(*, flags: list[int], bit: int, there: bool) -> None:
    assert list(marks(array("q", flags), 1 << bit, there=there)) == [(mask >> bit & 1) == there for mask in flags]
    assert list(marks(array("q", flags), 0, there=there)) == [int(not there)] * len(flags)


@given(octets=st.binary().map(lambda text: bytes(value < 20 for value in text)), start=st.integers(0, 9))
def test_where_the_marks_are(octets: bytes, start: int) -> None:
    positions = range(start, start + len(octets))
    assert marked(positions, octets) == [position for position in positions if octets[position - start]]
    assert marked(positions, b"\1" * len(octets)) == list(positions)


@pytest.mark.parametrize("first", [0, 1, 2, 64, 65, 8_256, 8_257, 20_000])
def test_the_first_unseen_of_many(first: int) -> None:
    mailbox = SharedMailbox(cast("Account", None), MailboxRef(1, 1))
    mailbox.uids, mailbox.flags = array("I", range(1, 20_001)), array("q", [SEEN | 1 << 40]) * 20_000
    if first:
        mailbox.flags[first - 1] = mailbox.flags[-1] = 1 << 40
    view = View(mailbox, readonly=False)
    assert view.first_unseen() == first
    view.count = first - 1 if first else 0
    assert view.first_unseen() == 0
