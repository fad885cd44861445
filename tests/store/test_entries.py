"""Entries are read by range or one by one: the answer is the same, those that were asked for and are there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from imap.backend import Account, FlagAction
from imap.flags import DELETED
from tests.store.messages import new_message, own


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], []),
        ([4], [4]),
        ([5], []),
        ([3, 4, 5, 6], [3, 4, 6]),  # they follow each other
        ([2, 3, 6, 7], [2, 3, 6, 7]),  # nearly: 4 is in between
        ([1, 9], [1, 9]),  # far apart
        ([8, 9, 10, 11], [8, 9]),
    ],
)
async def test_those_that_were_asked_for(alice: Account, asked: Sequence[int], found: Sequence[int]) -> None:
    await alice.append("INBOX", [new_message(f"number {uid}", date=uid) for uid in range(1, 10)])
    await alice.store(own(alice), [5], FlagAction.ADD, DELETED, ())
    await alice.expunge(own(alice), None)
    entries = await alice.entries(own(alice), asked)
    assert [(entry.uid, entry.internal_date) for entry in entries] == [(uid, uid) for uid in found]
