"""What a process keeps in memory of contents, for all accounts."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from mailgate.store.collector import GONE
from mailgate.store.content_cache import ContentCache
from mailgate.store.rendered_cache import RenderedCache


class Caches(NamedTuple):
    """Contents never change, and a message to a list is read by all its members."""

    texts: RenderedCache
    contents: ContentCache

    def forget(self, contents: Collection[bytes] | None) -> None:
        """Keep nothing of these contents; None: of any."""
        self.texts.forget(contents)
        self.contents.forget(contents)

    def receive(self, payload: str | None) -> None:
        """Take one notification of the database; None says that some were missed."""
        if payload is None:
            self.forget(None)
            return
        topic, _, contents = payload.partition(" ")
        if topic == GONE:
            self.forget([bytes.fromhex(content) for content in contents.split()])
