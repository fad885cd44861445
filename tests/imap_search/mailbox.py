"""A mailbox of real messages in memory, rendered as at delivery, that counts what a search reads."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from imap.backend import Entry, MailboxRef, Rendered, Rendering, TextHits, TextKey
from imap.message import render
from imap.parsing import parse_command
from imap.parsing.search import Search
from imap.parsing.sequence import SequenceSet
from imap.search import search
from imap.search.sent import read_sent_days
from tests.imap_parsing.framing import frame


@dataclass
class Mailbox:
    """Both sides of a search: the view and the source."""

    keywords: Sequence[str] = ("$Forwarded", "devoirs")
    uids: list[int] = field(default_factory=list)
    flags: array[int] = field(default_factory=lambda: array("q"))
    modseqs: list[int] = field(default_factory=list)
    recent: set[int] = field(default_factory=set)
    saved: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    """UIDs that were expunged and not announced."""
    contents: dict[int, bytes] = field(default_factory=dict)
    dates: dict[int, int] = field(default_factory=dict)
    saved_at: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Each method called and for how many messages, or octets."""

    def add(
        self,
        content: str | bytes,
        uid: int = 0,
        flags: int = 0,
        modseq: int = 1,
        date: int = 0,
        saved_at: int | None = None,
    ) -> int:
        """Deliver a message; give its UID."""
        uid = uid or (self.uids[-1] + 1 if self.uids else 1)
        octets = content.replace("\n", "\r\n").encode() if isinstance(content, str) else content
        self.uids.append(uid)
        self.flags.append(flags)
        self.modseqs.append(modseq)
        self.contents[uid] = octets
        self.dates[uid] = date
        self.saved_at[uid] = date if saved_at is None else saved_at
        return uid

    def is_recent(self, uid: int) -> bool:
        return uid in self.recent

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        spans = messages.uid_positions(self.uids) if uid else messages.number_positions(len(self.uids))
        if messages.saved:
            found = {p for span in spans for p in span} | {self.uids.index(saved) for saved in self.saved}
            return [range(p, p + 1) for p in sorted(found)]
        return spans

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        """No index: all is to be read."""
        return TextHits([{} for _ in keys], message_ids)

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]:
        self.asked.append(("entries", len(uids)))
        await asyncio.sleep(0)
        return [
            Entry(uid, b"%d" % uid, self.dates[uid], len(self.contents[uid]), self.saved_at[uid])
            for uid in uids
            if uid not in self.gone
        ]

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        self.asked.append((str(which.name), len(message_ids)))
        await asyncio.sleep(0)
        found = {}
        for message_id in message_ids:
            message = render(self.contents[int(message_id)])
            names = [member.name.lower() for member in which if member.name is not None]
            found[message_id] = Rendered(**{name: getattr(message, name) for name in names})
        return found

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        self.asked.append(("read", stop - start))
        assert stop - start <= 256 * 1024
        return self.contents[int(message_id)][start:stop]

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        self.asked.append(("read_whole", len(message_ids)))
        return {message_id: self.contents[int(message_id)] for message_id in message_ids}

    async def sent_days(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[int]:
        return await read_sent_days(self, mailbox, uids)

    async def search(self, program: str | bytes) -> list[int]:
        """The UIDs that a search program, as a client writes it, finds."""
        octets = program.encode() if isinstance(program, str) else program
        _, command = parse_command(frame(b"A UID SEARCH " + octets))
        assert isinstance(command, Search)
        self.asked.clear()
        return await search(command.key, self, self, MailboxRef(1, 1))
