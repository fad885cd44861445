"""Octets come back exactly, by range and whole."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imap.backend import Account
from imap.errors import MessageGone
from mailgate.store import MailStore
from mailgate.store.schema import CHUNK
from tests.store.messages import message, own

BIG = message(size=3 * CHUNK + 777)
_around = st.sampled_from(
    [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK, len(BIG) - 1, len(BIG), len(BIG) + 9]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=_around, stop=_around)
async def test_a_range_is_a_slice(store: MailStore, alice: Account, start: int, stop: int) -> None:
    if (await alice.mailbox("INBOX")).messages == 0:
        await store.deliver(BIG, [1])
    [entry] = await alice.entries(own(alice), [1])
    assert await alice.read(entry.message_id, start, stop) == BIG[start:stop]


async def test_octets_of_every_value_survive(store: MailStore, alice: Account) -> None:
    content = message() + bytes(range(256)) * 10
    await store.deliver(content, [1])
    [entry] = await alice.entries(own(alice), [1])
    assert await alice.read_whole([entry.message_id]) == {entry.message_id: content}


async def test_a_content_that_is_gone_is_said_to_be_gone(alice: Account) -> None:
    unknown = b"\1" * 20
    with pytest.raises(MessageGone):
        await alice.read(unknown, 0, 10)
    assert await alice.read_whole([unknown]) == {}
