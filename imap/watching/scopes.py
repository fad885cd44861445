"""Which of an account's mailboxes a filter means (RFC 5465 section 6, RFC 7377 section 2.2)."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from imap.backend import MailboxRef
from imap.list_pattern import INBOX
from imap.mailbox_tree import parents
from imap.parsing.mailbox_filter import MailboxFilter, Scope


def includes(
    which: MailboxFilter, name: str, ref: MailboxRef | None, *, account_id: int, subscribed: Collection[str]
) -> bool:
    """Whether a name is meant; ``ref`` is None for one that is no mailbox. The selected ones are never meant here.

    New messages go to INBOX alone: it is all of INBOXES.
    """
    match which.scope:
        case Scope.MAILBOXES:
            return name in which.names
        case Scope.SUBTREE:
            return name in which.names or any(parent in which.names for parent in parents(name))
        case Scope.SUBTREE_ONE:
            return name in which.names or any(parent in which.names for parent in islice(parents(name), 1))
        case Scope.SUBSCRIBED:
            return name in subscribed
        case Scope.PERSONAL:
            return ref is None or ref.account_id == account_id
        case Scope.INBOXES:
            return name == INBOX
        case _:
            return False
