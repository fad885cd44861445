"""THREAD (RFC 5256)."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING

from imap.backend import Rendering
from imap.commands.search import find_positions
from imap.message import ThreadKeys
from imap.parsing.sort_commands import Thread, ThreadAlgorithm
from imap.responses import Completion
from imap.search.frozen import FrozenView
from imap.selected.source import SelectedSource
from imap.sort.columns import sent_date
from imap.sort.reading import read_keyed, sort_keys, thread_keys
from imap.thread import OrderedSubject, References, thread_response

if TYPE_CHECKING:
    from imap.session import Session

_KEYS = {
    ThreadAlgorithm.ORDEREDSUBJECT: Rendering.SORT_KEYS,
    ThreadAlgorithm.REFERENCES: Rendering.SORT_KEYS | Rendering.THREAD_KEYS,
}


_NO_LINKS = ThreadKeys("", (), is_reply=False)


async def thread(session: Session, _tag: str, command: Thread) -> Completion:
    """THREAD and UID THREAD. Messages that were expunged meanwhile are left out."""
    view = session.selected
    frozen = FrozenView.of(view)
    found = await find_positions(session, frozen, command)
    uids = array("I", [frozen.uids[position] for position in found])
    links = command.algorithm is ThreadAlgorithm.REFERENCES
    threader: References | OrderedSubject = References() if links else OrderedSubject()
    numbers: list[int] = []
    which = _KEYS[command.algorithm]
    source = SelectedSource(view.mailbox)
    async for keyed in read_keyed(source, view.mailbox.ref, uids, which, session.progress):
        sorting = await sort_keys(source, keyed)
        threading = await thread_keys(source, keyed) if links else [_NO_LINKS] * len(keyed)
        for (place, entry, _), keys, its_links in zip(keyed, sorting, threading, strict=True):
            threader.add(sent_date(entry, keys), keys.subject, its_links)
            numbers.append(uids[place] if command.uid else found[place] + 1)
    session.put(await asyncio.to_thread(lambda: thread_response(threader.threads(), numbers)))
    return Completion("THREAD completed")
