"""Reading what SORT and THREAD compare, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from imap.backend import Entry, MailboxRef, Rendered, Rendering
from imap.message import RenderedMessage, SortKeys, ThreadKeys, render
from imap.search.view import MessageSource

_BATCH: Final = 2_000
"""Messages per look into the store."""
_PIECE: Final = 500
"""Messages between two turns of the event loop: a few milliseconds."""

Keyed: TypeAlias = tuple[int, Entry, Rendered]
Progress: TypeAlias = Callable[[int, int], Awaitable[None]]
"""Is told how many messages are read, and of how many."""


async def read_keyed(
    source: MessageSource, mailbox: MailboxRef, uids: Sequence[int], which: Rendering, progress: Progress | None = None
) -> AsyncIterator[Sequence[Keyed]]:
    """The messages with their place in `uids`, in that order; those that are gone are left out. UIDs must ascend."""
    for start in range(0, len(uids), _BATCH):
        chunk = uids[start : start + _BATCH]
        entries = await source.entries(mailbox, chunk)
        texts = await source.rendered({entry.message_id for entry in entries}, which) if which else {}
        place_of = {uid: place for place, uid in enumerate(chunk, start)}
        keyed = [
            (place_of[entry.uid], entry, texts.get(entry.message_id, _NOTHING))
            for entry in entries
            if not which or entry.message_id in texts
        ]
        for first in range(0, len(keyed), _PIECE):
            yield keyed[first : first + _PIECE]
            await asyncio.sleep(0)
        if progress is not None:
            await progress(start + len(chunk), len(uids))


_NOTHING: Final = Rendered()


async def sort_keys(source: MessageSource, keyed: Sequence[Keyed]) -> list[SortKeys]:
    """The sort keys of messages read with `Rendering.SORT_KEYS`."""
    try:
        return [SortKeys.decode(rendered.sort_keys) for _, _, rendered in keyed]
    except ValueError:
        return [message.sort for message in await _rendered_again(source, keyed)]


async def thread_keys(source: MessageSource, keyed: Sequence[Keyed]) -> list[ThreadKeys]:
    """The thread keys of messages read with `Rendering.THREAD_KEYS`."""
    try:
        return [ThreadKeys.decode(rendered.thread_keys) for _, _, rendered in keyed]
    except ValueError:
        return [message.thread for message in await _rendered_again(source, keyed)]


async def _rendered_again(source: MessageSource, keyed: Sequence[Keyed]) -> list[RenderedMessage]:
    """The headers rendered anew, for keys that were stored in another form; an empty one for a message that is gone."""
    texts = await source.rendered({entry.message_id for _, entry, _ in keyed}, Rendering.HEADER)
    return [render(texts.get(entry.message_id, _NOTHING).header) for _, entry, _ in keyed]
