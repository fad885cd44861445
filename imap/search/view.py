"""What SEARCH asks of the selected mailbox and of the account."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from imap.backend import Entry, MailboxRef, Rendered, Rendering, TextHits, TextKey
from imap.parsing.sequence import SequenceSet


class SearchView(Protocol):
    """A selected mailbox as one session sees it; position ``n`` is the message with sequence number ``n + 1``.

    The columns are aligned and ordered by UID. They must not change while a search runs, which awaits the account:
    give copies.
    """

    @property
    def uids(self) -> Sequence[int]: ...

    @property
    def flags(self) -> array[int]:
        """Masks of `imap.flags`."""
        ...

    @property
    def modseqs(self) -> Sequence[int]: ...

    @property
    def keywords(self) -> Sequence[str]:
        """The mailbox's keyword table."""
        ...

    def is_recent(self, uid: int) -> bool:
        """Whether the message is ``\\Recent`` in this session."""
        ...

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        """The positions that a set of sequence numbers or UIDs names, ``$`` too: disjoint, ascending, in bounds."""
        ...


class ContentSource(Protocol):
    """The method of `imap.backend.Account` that reads a range of a message."""

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes: ...


class MessageSource(ContentSource, Protocol):
    """The methods of `imap.backend.Account` that read messages and find text in them."""

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]: ...

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits: ...

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]: ...

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]: ...


class SearchSource(MessageSource, Protocol):
    """Where SEARCH reads."""

    async def sent_days(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[int]:
        """As `imap.search.sent.read_sent_days` gives them."""
        ...
