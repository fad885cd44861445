"""What a process keeps in memory of contents, for all accounts."""

from __future__ import annotations

from typing import NamedTuple

from mailgate.store.content_cache import ContentCache
from mailgate.store.rendered_cache import RenderedCache


class Caches(NamedTuple):
    """Contents never change, and a message to a list is read by all its members."""

    texts: RenderedCache
    contents: ContentCache
