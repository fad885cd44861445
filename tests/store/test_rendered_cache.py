"""Rendered texts in memory: what is used stays, what is not goes, and memory is bounded."""

from __future__ import annotations

from imap.backend import Rendered, Rendering
from mailgate.store.rendered_cache import RenderedCache

LISTING = Rendering.LISTING


def texts(size: int) -> Rendered:
    return Rendered(listing=b"x" * size)


def test_what_was_added_is_found_and_the_rest_is_missing() -> None:
    cache = RenderedCache()
    cache.add({b"a": texts(1), b"b": texts(2)}, LISTING)
    found, missing = cache.take([b"a", b"c", b"b"], LISTING)
    assert (found, missing) == ({b"a": texts(1), b"b": texts(2)}, [b"c"])


def test_each_rendering_is_its_own() -> None:
    cache = RenderedCache()
    cache.add({b"a": texts(1)}, LISTING)
    assert cache.take([b"a"], Rendering.ENVELOPE) == ({}, [b"a"])


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    cache = RenderedCache(limit=100_000)
    cache.add({b"used": texts(1000)}, LISTING)
    for number in range(1000):
        cache.add({b"%d" % number: texts(1000)}, LISTING)
        assert not cache.take([b"used"], LISTING)[1]
    kept, _ = cache.take([b"%d" % number for number in range(1000)], LISTING)
    assert 20 < len(kept) < 100


def test_more_than_there_is_room_for_pushes_nothing_out() -> None:
    cache = RenderedCache(limit=100_000)
    cache.add({b"first": texts(1000)}, LISTING)
    cache.add({b"%d" % number: texts(1000) for number in range(100)}, LISTING)
    assert cache.take([b"first", b"1"], LISTING) == ({b"first": texts(1000)}, [b"1"])


def test_a_giant_is_not_kept() -> None:
    cache = RenderedCache()
    cache.add({b"giant": texts(1_000_000)}, LISTING)
    assert cache.take([b"giant"], LISTING) == ({}, [b"giant"])


def test_all_texts_of_a_message_count() -> None:
    both = Rendering.ENVELOPE | Rendering.LISTING
    cache = RenderedCache()
    cache.add({b"giant": Rendered(envelope=b"x" * 40_000, listing=b"x" * 40_000), b"small": texts(0)}, both)
    assert cache.take([b"giant", b"small"], both) == ({b"small": texts(0)}, [b"giant"])


def test_a_preview_that_is_still_to_be_made_is_not_kept() -> None:
    cache = RenderedCache()
    cache.add({b"none": Rendered(preview=None), b"empty": Rendered()}, Rendering.PREVIEW)
    assert cache.take([b"none", b"empty"], Rendering.PREVIEW) == ({b"empty": Rendered()}, [b"none"])
