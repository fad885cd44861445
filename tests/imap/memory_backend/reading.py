"""What is read of a selected mailbox and of messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imap.backend import (
    Change,
    Changes,
    Entries,
    Entry,
    Known,
    MailboxRef,
    Rendered,
    Rendering,
    Snapshot,
    TextHits,
    TextKey,
    Vanished,
)
from imap.message import RenderedMessage
from imap.rights import Rights
from tests.imap.memory_backend.mailbox import Mailbox
from tests.imap.memory_backend.state import AccountState


class Reading(AccountState):
    """A selected mailbox and its messages."""

    async def snapshot(self, mailbox: MailboxRef) -> Snapshot:
        self._count("snapshot")
        box = self._box(mailbox)
        box.require(Rights.READ)
        messages = list(box.messages.values())
        return Snapshot(
            box.uidvalidity,
            box.uidnext,
            box.highestmodseq,
            box.recent_from,
            box.keywords,
            [message.uid for message in messages],
            [message.flags for message in messages],
            [message.modseq for message in messages],
            box.rights,
            box.stamp,
        )

    async def changes(self, mailbox: MailboxRef, known: Known) -> Changes:
        self._count("changes")
        box = self._box(mailbox)
        box.require(Rights.READ)
        changed = [Change(m.uid, m.flags, m.modseq) for m in box.messages.values() if m.modseq > known.modseq]
        assert all(change.uid >= known.uidnext or box.stamp > known.stamp for change in changed)
        gone = self._vanished(box, known.modseq)
        return Changes(
            box.highestmodseq,
            box.uidnext,
            box.keywords,
            changed,
            gone.uids,
            complete=gone.complete,
            rights=box.rights,
            stamp=box.stamp,
        )

    async def vanished(self, mailbox: MailboxRef, since: int) -> Vanished:
        self._count("vanished")
        box = self._box(mailbox)
        box.require(Rights.READ)
        return self._vanished(box, since)

    def _vanished(self, box: Mailbox, since: int) -> Vanished:
        complete = since >= box.log_from
        gone = sorted(uid for modseq, uid in box.expunged if modseq > since)
        return Vanished(gone if complete else [], complete)

    async def claim_recent(self, mailbox: MailboxRef, uidnext: int) -> int:
        self._count("claim_recent")
        box = self._box(mailbox)
        first, box.recent_from = box.recent_from, max(box.recent_from, uidnext)
        return first

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Entries:
        self._count("entries")
        messages = self._box(mailbox).messages
        found = [messages[uid] for uid in uids if uid in messages]
        return Entries.of(Entry(m.uid, m.key, m.date, len(m.content), m.saved) for m in found)

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        return TextHits([{} for _ in keys], message_ids)

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        self._count("rendered")
        found = {key: _only(self._contents[key][1], which) for key in message_ids}
        return {
            key: texts._replace(preview=None) if key in self.without_preview else texts for key, texts in found.items()
        }

    async def make_previews(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        self._count("make_previews")
        self.without_preview.difference_update(message_ids)
        return {key: self._contents[key][1].preview for key in message_ids}

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        self._count("read")
        assert stop - start <= 262_144
        return self._contents[message_id][0][start:stop]

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        self._count("read_whole")
        return {key: self._contents[key][0] for key in message_ids}


def _only(rendered: RenderedMessage, which: Rendering) -> Rendered:
    """Texts that were not asked for stay empty, so that a handler that forgets one is found out."""
    return Rendered(
        **{member.name.lower(): getattr(rendered, member.name.lower()) for member in which if member.name is not None}
    )
