"""THREAD (RFC 5256)."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from imap.backend import Rendering
from imap.commands.search import find_positions
from imap.message import ThreadKeys
from imap.parsing.search_keys import All
from imap.parsing.sort import Thread, ThreadAlgorithm
from imap.responses import Completion
from imap.search.frozen import FrozenView
from imap.selected.mailbox import SharedMailbox
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


_KEPT_SIZE: Final = 1024 * 1024

_kept: Final[WeakKeyDictionary[SharedMailbox, tuple[Thread, array[int], list[int], bytes]]] = WeakKeyDictionary()
"""The last response of each mailbox with what it answers: a response is a few octets for each message."""


async def thread(session: Session, _tag: str, command: Thread) -> Completion:
    """THREAD and UID THREAD. Messages that were expunged meanwhile are left out."""
    frozen = FrozenView.of(session.selected)
    mailbox = frozen.view.mailbox
    found = await find_positions(session, frozen, command)
    uids = array("I", [frozen.uids[position] for position in found])
    asked = replace(command, key=All(), charset="", modseq=False)
    kept = _kept.get(mailbox)
    if kept is not None and kept[:3] == (asked, uids, found):
        session.put(kept[3])
    else:
        response = await _threaded(session, command, uids, found)
        session.put(response)
        if len(response) <= _KEPT_SIZE:
            _kept[mailbox] = (asked, uids, found, response)
    return Completion("THREAD completed")


async def _threaded(session: Session, command: Thread, uids: array[int], found: Sequence[int]) -> bytes:
    """The response for these messages, read in batches, put together in a thread."""
    mailbox = session.selected.mailbox
    source = SelectedSource(mailbox)
    links = command.algorithm is ThreadAlgorithm.REFERENCES
    threader: References | OrderedSubject = References() if links else OrderedSubject()
    numbers: list[int] = []
    async for keyed in read_keyed(source, mailbox.ref, uids, _KEYS[command.algorithm], session.progress):
        sorting = await sort_keys(source, keyed)
        threading = await thread_keys(source, keyed) if links else [_NO_LINKS] * len(keyed)
        for (place, entry, _), keys, its_links in zip(keyed, sorting, threading, strict=True):
            threader.add(sent_date(entry, keys), keys.subject, its_links)
            numbers.append(uids[place] if command.uid else found[place] + 1)
    return await asyncio.to_thread(lambda: thread_response(threader.threads(), numbers))
