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

_Kept = dict[bytes, Rendered]


class RenderedCache:
    """Two generations: what is used moves to the young one, and the old one is dropped when the young one is full."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._generation_limit = limit // 2
        self._young: dict[Rendering, _Kept] = {}
        self._old: dict[Rendering, _Kept] = {}
        self._octets = 0

    def take(self, message_ids: Collection[bytes], which: Rendering) -> tuple[_Kept, list[bytes]]:
        """What is kept of these messages, and those that are to be read."""
        young = self._young.get(which, {})
        found = {message_id: young[message_id] for message_id in message_ids if message_id in young}
        if len(found) == len(message_ids):
            return found, []
        missing = [message_id for message_id in message_ids if message_id not in found]
        if old := self._old.get(which):
            again = {message_id: old[message_id] for message_id in missing if message_id in old}
            self.add(again, which)
            found |= again
            missing = [message_id for message_id in missing if message_id not in again]
        return found, missing

    def add(self, rendered: Mapping[bytes, Rendered], which: Rendering) -> None:
        """Keep what was read; not where a preview is still to be made."""
        if Rendering.PREVIEW in which:
            rendered = {message_id: texts for message_id, texts in rendered.items() if texts.preview is not None}
        # what was not asked for is empty
        costs = [sum(map(len, filter(None, texts))) for texts in rendered.values()]
        if max(costs, default=0) + _OVERHEAD > _LARGEST:
            small = {
                message_id: texts
                for (message_id, texts), cost in zip(rendered.items(), costs, strict=True)
                if cost + _OVERHEAD <= _LARGEST
            }
            self.add(small, which)
            return
        cost = sum(costs) + _OVERHEAD * len(costs)
        if cost > self._generation_limit:
            return
        if self._octets + cost > self._generation_limit:
            self._young, self._old, self._octets = {}, self._young, 0
        self._young.setdefault(which, {}).update(rendered)
        self._octets += cost

    def forget(self, message_ids: Collection[bytes] | None) -> None:
        """Keep nothing of these messages; None: of any. What they cost comes back with the next generation."""
        if message_ids is None:
            self._young, self._old, self._octets = {}, {}, 0
            return
        for kept in (*self._young.values(), *self._old.values()):
            for message_id in message_ids:
                kept.pop(message_id, None)
