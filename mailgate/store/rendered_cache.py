"""Rendered texts kept in memory: they never change, and one message to a list is read by all its members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from imap.backend import Rendered, Rendering

LIMIT: Final = 64 * 1024 * 1024
"""Octets of texts kept by one process, overhead included."""
_LARGEST: Final = 64 * 1024
"""A message whose texts are longer is not kept: a few of them would push out everything else."""
_OVERHEAD: Final = 400
"""Octets that an entry costs beside its texts."""

_Key = tuple[bytes, Rendering]


class RenderedCache:
    """Two generations: what is used moves to the young one, and the old one is dropped when the young one is full."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._generation_limit = limit // 2
        self._young: dict[_Key, Rendered] = {}
        self._old: dict[_Key, Rendered] = {}
        self._octets = 0

    def take(self, message_ids: Collection[bytes], which: Rendering) -> tuple[dict[bytes, Rendered], list[bytes]]:
        """What is kept of these messages, and those that are to be read."""
        found: dict[bytes, Rendered] = {}
        missing: list[bytes] = []
        for message_id in message_ids:
            key = (message_id, which)
            rendered = self._young.get(key)
            if rendered is None and (rendered := self._old.get(key)) is not None:
                self._keep(key, rendered)
            if rendered is None:
                missing.append(message_id)
            else:
                found[message_id] = rendered
        return found, missing

    def add(self, rendered: Mapping[bytes, Rendered], which: Rendering) -> None:
        """Keep what was read."""
        for message_id, texts in rendered.items():
            self._keep((message_id, which), texts)

    def _keep(self, key: _Key, texts: Rendered) -> None:
        octets = _OVERHEAD + sum(map(len, texts))
        if octets > _LARGEST or key in self._young:
            return
        if self._octets + octets > self._generation_limit:
            self._old, self._young, self._octets = self._young, {}, 0
        self._young[key] = texts
        self._octets += octets
