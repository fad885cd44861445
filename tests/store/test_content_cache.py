"""Contents in memory: what was used last stays, and memory is bounded."""

from __future__ import annotations

import pytest

from imap.backend import Account
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.content_cache import ContentCache
from tests.store.messages import message, own


def test_what_was_added_is_found_and_the_rest_is_missing() -> None:
    cache = ContentCache()
    cache.add({b"a": b"A", b"b": b"B"})
    assert cache.take([b"a", b"c", b"b"]) == ({b"a": b"A", b"b": b"B"}, {b"c"})


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    cache = ContentCache(limit=100_000)
    cache.add({b"used": bytes(1000)})
    for number in range(1000):
        cache.add({b"%d" % number: bytes(1000)})
        assert not cache.take([b"used"])[1]
    kept, _ = cache.take([b"%d" % number for number in range(1000)])
    assert list(kept) == [b"%d" % number for number in range(901, 1000)]


def test_a_giant_is_not_kept() -> None:
    cache = ContentCache()
    cache.add({b"giant": bytes(1_000_000)})
    assert cache.take([b"giant"]) == ({}, {b"giant"})


async def test_the_store_is_asked_for_a_content_once(
    store: MailStore, alice: Account, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await store.deliver(message(f"m{number}"), [1])
    first, second, third = [entry.message_id for entry in await alice.entries(own(alice), [1, 2, 3])]
    both = await alice.read_whole([first, second])
    assert len(both) == 2

    async def unexpected(*_: object) -> object:
        raise AssertionError("asked again")

    with monkeypatch.context() as patch:
        patch.setattr(database, "read", unexpected)
        assert await alice.read_whole([second]) == {second: both[second]}
    assert (await alice.read_whole([first, third])).keys() == {first, third}
