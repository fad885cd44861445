"""Where SEARCH, SORT and THREAD of a selected mailbox read: entries from memory, the rest from the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imap.backend import Entries, MailboxRef, Rendered, Rendering, TextHits, TextKey
from imap.search.sent import read_sent_days
from imap.selected.mailbox import SharedMailbox


class SelectedSource:
    """`imap.search.view.SearchSource` of one selected mailbox."""

    def __init__(self, mailbox: SharedMailbox) -> None:
        self._mailbox = mailbox
        self._account = mailbox.account

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Entries:
        """From the mailbox's columns; another mailbox's from the store."""
        if mailbox == self._mailbox.ref:
            return await self._mailbox.entries(uids)
        return await self._account.entries(mailbox, uids)

    async def sent_days(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[int]:
        """From the mailbox's column, read once for each message; another mailbox's from the store."""
        if mailbox == self._mailbox.ref:
            return await self._mailbox.sent_days(uids, lambda unread: read_sent_days(self, mailbox, unread))
        return await read_sent_days(self, mailbox, uids)

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        """`Account.find_text`."""
        return await self._account.find_text(message_ids, keys)

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        """`Account.rendered`."""
        return await self._account.rendered(message_ids, which)

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        """`Account.read`."""
        return await self._account.read(message_id, start, stop)

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        """`Account.read_whole`."""
        return await self._account.read_whole(message_ids)
