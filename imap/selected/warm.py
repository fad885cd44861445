"""Mailboxes that nobody has selected any more, kept for a while: the next SELECT only asks what changed."""

from __future__ import annotations

from typing import Final, TypeAlias

from imap.backend import MailboxRef
from imap.selected.mailbox import SharedMailbox

LIMIT: Final = 64 * 1024 * 1024
"""Octets of columns that one process keeps."""

_Key: TypeAlias = tuple[int, MailboxRef]


class WarmMailboxes:
    """The mailboxes left last, oldest first, up to a sum of octets. They hear no news: `refresh` before use."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: dict[_Key, tuple[SharedMailbox, int]] = {}
        self._octets = 0

    def keep(self, mailbox: SharedMailbox) -> None:
        """Keep a mailbox that its last session left."""
        octets = mailbox.octets
        if mailbox.deleted or not mailbox.uidvalidity or octets > self._limit:
            return
        self.take(mailbox.account.account_id, mailbox.ref)
        self._kept[mailbox.account.account_id, mailbox.ref] = (mailbox, octets)
        self._octets += octets
        while self._octets > self._limit:
            _, octets = self._kept.pop(next(iter(self._kept)))
            self._octets -= octets

    def take(self, account_id: int, ref: MailboxRef) -> SharedMailbox | None:
        """Give it back, to be selected again."""
        mailbox, octets = self._kept.pop((account_id, ref), (None, 0))
        self._octets -= octets
        return mailbox
