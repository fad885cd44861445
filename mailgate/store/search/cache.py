"""Short texts kept in memory: those of a content never change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

LIMIT: Final = 32 * 1024 * 1024
"""Octets kept by one process, overhead included: the listed fields of some 80,000 messages."""
_OVERHEAD: Final = 160
"""Octets that an entry costs beside its text."""
_LARGEST: Final = 8 * 1024
"""A longer text is not kept: a few of them would push out everything else."""


class TextCache:
    """Two generations: what is used moves to the young one, and the old one is dropped when the young one is full."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._generation_limit = limit // 2
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._octets = 0

    def take(self, message_ids: Collection[bytes]) -> tuple[dict[bytes, bytes], list[bytes]]:
        """What is kept of these, and those that are to be read."""
        found: dict[bytes, bytes] = {}
        missing: list[bytes] = []
        young, old = self._young, self._old
        for message_id in message_ids:
            text = young.get(message_id)
            if text is None and (text := old.get(message_id)) is not None:
                self._keep(message_id, text)
            if text is None:
                missing.append(message_id)
            else:
                found[message_id] = text
        return found, missing

    def add(self, texts: Mapping[bytes, bytes]) -> None:
        """Keep what was read."""
        for message_id, text in texts.items():
            self._keep(message_id, text)

    def _keep(self, message_id: bytes, text: bytes) -> None:
        octets = _OVERHEAD + len(text)
        if len(text) > _LARGEST or message_id in self._young:
            return
        if self._octets + octets > self._generation_limit:
            self._old, self._young, self._octets = self._young, {}, 0
        self._young[message_id] = text
        self._octets += octets
