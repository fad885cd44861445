"""Contents kept in memory for a while: what is read ahead of a client, and one message that a whole list reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

LIMIT: Final = 16 * 1024 * 1024
"""Octets of contents kept by one process."""
_LARGEST: Final = 256 * 1024
"""A longer content is not kept: a few of them would push out everything else."""


class ContentCache:
    """The contents that were used last, up to a sum of octets."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: dict[bytes, bytes] = {}
        self._octets = 0

    def take(self, message_ids: Collection[bytes]) -> tuple[dict[bytes, bytes], set[bytes]]:
        """What is kept of these contents, and those that are to be read."""
        kept = self._kept
        found = {}
        for message_id in message_ids:
            if (content := kept.pop(message_id, None)) is not None:
                kept[message_id] = found[message_id] = content
        return found, set(message_ids).difference(found)

    def add(self, contents: Mapping[bytes, bytes]) -> None:
        """Keep what was read."""
        kept = self._kept
        for message_id, content in contents.items():
            if message_id not in kept and len(content) <= _LARGEST:
                kept[message_id] = content
                self._octets += len(content)
        while self._octets > self._limit:
            self._octets -= len(kept.pop(next(iter(kept))))

    def forget(self, message_ids: Collection[bytes] | None) -> None:
        """Keep nothing of these contents; None: of any."""
        for message_id in list(self._kept) if message_ids is None else message_ids:
            self._octets -= len(self._kept.pop(message_id, b""))
