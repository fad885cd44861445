"""An account in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from imap.backend import Appended, Change, MailboxRef, NewMessage
from tests.imap.memory_backend.annotations import Annotations
from tests.imap.memory_backend.mailboxes import Mailboxes
from tests.imap.memory_backend.reading import Reading
from tests.imap.memory_backend.writing import Writing


class MemoryAccount(Mailboxes, Reading, Writing, Annotations):
    """`imap.backend.Account` to the letter."""


def only_count(account: MemoryAccount) -> list[int]:
    """From now on APPEND to INBOX keeps nothing but the sizes, given here: what memory it takes is the engine's."""
    sizes: list[int] = []

    async def count(target: str, messages: Sequence[NewMessage]) -> Appended:
        assert target == "INBOX"
        sizes.extend(one.content.seek(0, os.SEEK_END) for one in messages)
        return Appended(MailboxRef(1, 1), 1, [Change(1, 0, 1)], ())

    account.append = count  # type: ignore[method-assign]
    return sizes
