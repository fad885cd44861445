"""A selected mailbox as its sessions share it: compact columns, brought forward by modification sequence.

The columns always show the newest state this process knows. What each session has told its client is in its `View`.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from imap.backend import Account, Change, Changes, Entries, Known, MailboxRef, Snapshot, Stored, Vanished
from imap.errors import MailboxNotFound, NotPermitted, ServiceUnavailable
from imap.rights import Rights
from imap.selected.entries import EntryColumns
from imap.selected.flag_text import FlagTexts
from imap.selected.journal import Journal

if TYPE_CHECKING:
    from imap.selected.view import View

_FEW: Final = 200
"""Entries are kept once this part of the mailbox was asked for."""
_BLOCK: Final = 100
"""Messages whose entries are read together where one of them is asked for."""
_UNREAD: Final = -2
"""The day of a message whose Date field was not read yet."""
_PATCHED: Final = 20
"""After more expunges at once the entries are read anew when they are needed."""

_log = logging.getLogger(__name__)


class SharedMailbox:
    """One mailbox of one account in this process.

    ``uids`` is never shortened in place: an expunge makes a new array, so that a view that has not announced it keeps
    the old one. New messages are appended in place; a view looks no further than its own count.
    """

    def __init__(self, account: Account, ref: MailboxRef) -> None:
        self.account = account
        self.ref = ref
        self.views: list[View] = []
        self.users = 0
        """Sessions that have it selected, or are about to."""
        self.deleted = False
        """The mailbox is gone, or the right to read it: it then shows no message."""
        self.uidvalidity = 0
        self.uidnext = 1
        self.highestmodseq = 0
        self.stamp = 0
        """Of the last change of flags (`imap.backend.Known`)."""
        self.recent_from = 1
        """Messages from this UID on are recent to the first session that announces them."""
        self.uids = array("I")
        self.flags = array("q")
        self.modseqs = array("Q")
        self.storing = asyncio.Lock()
        """Held by who writes flags worked out from the columns: of two at once, one would do so in vain."""
        self.rights = Rights.ALL
        """What the person may do here, as of the last look."""
        self._set_keywords(())
        self._entries: EntryColumns | None = None
        self._wanted = 0
        self._sent_days: array[int] | None = None
        self._journal: Journal | None = None
        """From the first change on that happened while it was in memory."""
        self._recent_kept = 1
        self._asked = 0
        self._answered = 0
        self._heard = 0
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def _set_keywords(self, keywords: tuple[str, ...]) -> None:
        self.keywords = keywords
        """The mailbox's keyword table."""
        self.flag_texts = FlagTexts(keywords)
        self.recent_flag_texts = FlagTexts(keywords, "\\Recent")

    async def load(self) -> None:
        """Read the whole mailbox for the first view. Raises MailboxNotFound."""
        async with self._lock:
            if self.uidvalidity:
                return
            snapshot = await self.account.snapshot(self.ref)
            self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        self.uids = array("I", snapshot.uids)
        self.flags = array("q", snapshot.flags)
        self.modseqs = array("Q", snapshot.modseqs)
        self.uidnext = snapshot.uidnext
        self.highestmodseq = snapshot.highestmodseq
        self.stamp = snapshot.stamp
        self.recent_from = self._recent_kept = snapshot.recent_from
        self.rights = snapshot.rights
        self._set_keywords(snapshot.keywords)
        self.uidvalidity = snapshot.uidvalidity

    def index(self, uid: int) -> int:
        """Where the UID stands in the columns, -1 when it is not there any more."""
        position = bisect_left(self.uids, uid)
        return position if position < len(self.uids) and self.uids[position] == uid else -1

    @property
    def octets(self) -> int:
        """The memory that it takes, about."""
        columns: tuple[array[int], ...] = (self.uids, self.flags, self.modseqs)
        columns += () if self._sent_days is None else (self._sent_days,)
        others = sum(part.octets for part in (self._entries, self._journal) if part is not None)
        return 4096 + others + sum(column.itemsize * len(column) for column in columns)

    # What does not change

    async def learn(self, uids: Sequence[int]) -> None:
        """Read the entries of these messages ahead, those not yet known; some thousand at a time.

        Of a few messages the neighbours are read, too: clients go on there, and what is read costs less than to ask.
        """
        if self._entries is None:
            self._entries = EntryColumns(len(self.uids))
        unknown = self._entries.unknown(self._positions(uids))
        if not unknown:
            return
        start, stop = unknown[0] // _BLOCK * _BLOCK, (unknown[-1] // _BLOCK + 1) * _BLOCK
        if stop - start <= 2 * _BLOCK:
            unknown = self._entries.unknown(range(start, min(stop, len(self.uids))))
        entries = await self.account.entries(self.ref, [self.uids[position] for position in unknown])
        positions = self._positions(entries.uids)
        if len(positions) < len(entries):
            entries = entries.only([index for index, uid in enumerate(entries.uids) if self.index(uid) >= 0])
        if self._entries is not None:
            self._entries.set(positions, entries)

    async def entries(self, uids: Sequence[int]) -> Entries:
        """The entries of these UIDs in their order; those that are gone are left out.

        They are kept once much of the mailbox was asked for, not for a few messages of many.
        """
        self._wanted += len(uids)
        if self._entries is None and self._wanted < len(self.uids) // _FEW:
            return await self.account.entries(self.ref, uids)
        await self.learn(uids)
        positions = self._positions(uids)
        if self._entries is None:
            return await self.account.entries(self.ref, uids)
        return self._entries.entries(self.uids, positions)

    async def sent_days(
        self, uids: Sequence[int], read: Callable[[Sequence[int]], Awaitable[Sequence[int]]]
    ) -> Sequence[int]:
        """The days that the Date fields of these messages name, as `imap.search.sent` counts them.

        ``read`` is asked for those that are not known, once; and for all where messages went away meanwhile.
        """
        if self._sent_days is None:
            self._sent_days = array("i", [_UNREAD]) * len(self.uids)
        positions = self._positions(uids)
        days = at(self._sent_days, positions)
        if _UNREAD in days:
            unread = [self.uids[position] for position, day in zip(positions, days, strict=True) if day == _UNREAD]
            for uid, day in zip(unread, await read(unread), strict=True):
                place = self.index(uid)
                if place >= 0:
                    self._sent_days[place] = day
            positions = self._positions(uids)
            days = at(self._sent_days, positions)
        return days if len(positions) == len(uids) else await read(uids)

    def _positions(self, uids: Sequence[int]) -> Sequence[int]:
        """Where these UIDs stand in the columns, a range when they follow each other; those that are gone left out."""
        start = self.index(uids[0]) if uids else -1
        if start >= 0 and self.uids[start : start + len(uids)] == array("I", uids):
            return range(start, start + len(uids))
        return [position for position in map(self.index, uids) if position >= 0]

    # Bringing forward

    def hint(self, modseq: int | None = None) -> None:
        """News may be there: look soon, once for all hints that come meanwhile, unless the state of `modseq` is here.

        It is by then when the change was this process's own.
        """
        if modseq is None:
            self._asked += 1
        else:
            self._heard = max(self._heard, modseq)
        if self._task is None and self._is_behind:
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        try:
            while self._is_behind:
                self._asked += self._heard > self.highestmodseq
                self._heard = 0
                await self._catch_up()
        except ServiceUnavailable:
            _log.warning("news not read; they are with the next hint or command")
        finally:
            self._task = None

    @property
    def _is_behind(self) -> bool:
        return self._answered < self._asked or self._heard > self.highestmodseq

    async def refresh(self) -> None:
        """Bring the state to what was committed when this was called, or later."""
        self._asked += 1
        goal = self._asked
        while self._answered < goal:
            await self._catch_up()

    async def _catch_up(self) -> None:
        async with self._lock:
            if self._answered >= self._asked or self.deleted:
                self._answered = self._asked
                return
            asked = self._asked
            try:
                changes = await self.account.changes(self.ref, Known(self.highestmodseq, self.uidnext, self.stamp))
            except (MailboxNotFound, NotPermitted):
                self.mark_deleted()
            else:
                if changes.complete:
                    self.apply(changes)
                else:
                    await self._compare()
            self._answered = asked

    async def _compare(self) -> None:
        """The logs do not reach back, or a crash undid what is known: find what is different by reading all again.

        What the database has now is the newer, whatever its modification sequence.
        """
        while True:
            before = self.highestmodseq, self.stamp
            snapshot = await self.account.snapshot(self.ref)
            if before == (self.highestmodseq, self.stamp):
                break  # else a write of one's own came in between
        changed = []
        for change in map(Change._make, zip(snapshot.uids, snapshot.flags, snapshot.modseqs, strict=True)):
            index = self.index(change.uid)
            if index < 0:
                changed.append(change)
            elif (self.flags[index], self.modseqs[index]) != change[1:]:
                self.modseqs[index] = 0
                changed.append(change)
        if self.highestmodseq > snapshot.highestmodseq or self.stamp > snapshot.stamp:
            self.highestmodseq = self.stamp = 0
        if self.keywords != snapshot.keywords:
            self._set_keywords(snapshot.keywords)
            for view in self.views:
                view.keywords_told = -1
        present = set(snapshot.uids)
        self.apply(
            Changes(
                snapshot.highestmodseq,
                snapshot.uidnext,
                snapshot.keywords,
                changed,
                [uid for uid in self.uids if uid not in present],
                rights=snapshot.rights,
                stamp=snapshot.stamp,
            )
        )
        self._journal = None

    async def settle(
        self,
        modseq: int,
        *,
        changed: Sequence[Change] = (),
        vanished: Sequence[int] = (),
        keywords: tuple[str, ...] | None = None,
        origin: View | None = None,
        stamps: tuple[int, int] | None = None,
    ) -> None:
        """Take the result of one's own write: at once when it is the very next change, else by asking for all changes.

        A write that changed nothing reports a modification sequence that may be another's. The flags in ``changed``
        are then known to ``origin``: they are no news to it, unless what others did to the same messages is. Of a
        change of flags, ``stamps`` are the one before it and its own.
        """
        news = set(origin.changed) if origin is not None else set()
        table = self.keywords if keywords is None else keywords
        before, stamp = stamps or (self.stamp, self.stamp)
        if modseq == self.highestmodseq + 1 and before == self.stamp and (changed or vanished):
            self.apply(Changes(modseq, self.uidnext, table, changed, vanished, rights=self.rights, stamp=stamp))
        elif modseq > self.highestmodseq or before != self.stamp != stamp:
            await self.refresh()
        else:
            self._learn_keywords(table)
        if origin is not None:
            origin.forget_news(change.uid for change in changed if change.uid not in news and self._shows(change))

    async def settle_stored(self, stored: Stored, origin: View) -> None:
        """The same of a change of flags that the store worked out."""
        await self.settle(
            stored.modseq,
            changed=stored.changed,
            keywords=stored.keywords,
            origin=origin,
            stamps=(stored.before, stored.stamp),
        )

    def _shows(self, change: Change) -> bool:
        index = self.index(change.uid)
        return index >= 0 and self.modseqs[index] == change.modseq

    def apply(self, changes: Changes) -> None:
        """Bring the columns forward and tell the views; applying the same changes twice does nothing."""
        self._learn_keywords(changes.keywords)
        self.rights = changes.rights
        before = self.highestmodseq
        vanished = self._remove(changes.vanished)
        changed = self._change(changes.changed)
        self.uidnext = max(self.uidnext, changes.uidnext)
        self.highestmodseq = max(before, changes.highestmodseq)
        self.stamp = max(self.stamp, changes.stamp)
        if self.highestmodseq > before:
            self._note(before, [change.uid for change in changes.changed], changes.vanished)
        for view in tuple(self.views):
            view.note(changed, vanished, before)

    def advance(self, modseq: int, stamp: int, changed: Sequence[int], origin: View) -> None:
        """The columns show what ``origin`` did up to ``modseq``: tell the other views of these UIDs."""
        before, self.highestmodseq, self.stamp = self.highestmodseq, modseq, stamp
        self._note(before, changed, ())
        for view in tuple(self.views):
            view.note(changed, (), before, known=view is origin)

    def _note(self, before: int, changed: Sequence[int], gone: Sequence[int]) -> None:
        if self._journal is None:
            self._journal = Journal(before)
        self._journal.note(before, self.highestmodseq, changed, gone)

    def changed_since(self, modseq: int) -> set[int] | None:
        """The UIDs among which are all messages that changed or came after `modseq`; None when any may have."""
        return None if self._journal is None else self._journal.changed(modseq)

    async def vanished(self, since: int) -> Vanished:
        """What was expunged after modification sequence `since`, however long ago. Raises MailboxNotFound."""
        gone = None if self._journal is None else self._journal.expunged(since)
        return await self.account.vanished(self.ref, since) if gone is None else Vanished(gone, complete=True)

    def _learn_keywords(self, keywords: tuple[str, ...]) -> None:
        """The table only grows: a shorter one is older."""
        if len(keywords) > len(self.keywords):
            self._set_keywords(keywords)

    def mark_deleted(self) -> None:
        """The mailbox was deleted: to its sessions all messages are expunged."""
        self.deleted = True
        before = self.highestmodseq
        vanished = self._remove(self.uids)
        for view in tuple(self.views):
            view.note([], vanished, before)

    def _remove(self, uids: Iterable[int]) -> list[int]:
        positions = sorted({index for index in map(self.index, uids) if index >= 0})
        if not positions:
            return []
        gone = [self.uids[position] for position in positions]
        self.uids = _without(self.uids, positions)
        self.flags = _without(self.flags, positions)
        self.modseqs = _without(self.modseqs, positions)
        if self._sent_days is not None:
            self._sent_days = _without(self._sent_days, positions)
        if self._entries is not None and len(positions) <= _PATCHED:
            self._entries.remove(positions)
        else:
            self._entries = None
        return gone

    def _change(self, changes: Iterable[Change]) -> list[int]:
        """Apply new flags and messages; give the UIDs of messages whose flags are newer than before.

        In another's mailbox a modification sequence alone is no news: its owner read the message.
        """
        own = self.ref.account_id == self.account.account_id
        changed = []
        for uid, flags, modseq in changes:
            index = self.index(uid)
            if index >= 0:
                if modseq > self.modseqs[index]:
                    if own or flags != self.flags[index]:
                        changed.append(uid)
                    self.flags[index] = flags
                    self.modseqs[index] = modseq
            elif uid >= self.uidnext:  # one below was here, and expunged since this was read
                self.uids.append(uid)
                self.flags.append(flags)
                self.modseqs.append(modseq)
                if self._entries is not None:
                    self._entries.append(1)
                if self._sent_days is not None:
                    self._sent_days.append(_UNREAD)
                self.uidnext = max(self.uidnext, uid + 1)
        return changed

    async def claim_recent(self) -> range:
        """The UIDs that a session selecting the mailbox now may call ``\\Recent``; no other session will."""
        uidnext = self.uidnext
        if self.recent_from >= uidnext:
            return range(0)
        first = await self.account.claim_recent(self.ref, uidnext)
        self._recent_kept = max(self._recent_kept, uidnext)
        claimed = range(max(first, self.recent_from), uidnext)
        self.recent_from = max(self.recent_from, uidnext)
        return claimed

    @property
    def is_unfinished(self) -> bool:
        """Whether it reads news in the background, or has something to write down."""
        return self._task is not None or self.recent_from > self._recent_kept

    async def keep_recent(self) -> None:
        """Write down what sessions announced as recent since they selected the mailbox."""
        if self.recent_from > self._recent_kept and not self.deleted:
            await self.account.claim_recent(self.ref, self.recent_from)
            self._recent_kept = self.recent_from

    async def close(self) -> None:
        """End the work in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def at(column: array[int], positions: Sequence[int]) -> Sequence[int]:
    """What stands at these positions."""
    if isinstance(positions, range):
        return column[positions.start : positions.stop]
    return [column[position] for position in positions]


def put_at(column: array[int], positions: Sequence[int], values: array[int]) -> None:
    """Put values at these positions, one at each."""
    if isinstance(positions, range):
        column[positions.start : positions.stop] = values
        return
    for position, value in zip(positions, values, strict=True):
        column[position] = value


def _without(column: array[int], positions: Sequence[int]) -> array[int]:
    """A copy of the column without these ascending positions."""
    kept = array(column.typecode)
    start = 0
    for position in positions:
        kept += column[start:position]
        start = position + 1
    kept += column[start:]
    return kept
