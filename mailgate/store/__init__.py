"""Mailboxes and messages: one stored content, one small row for each mailbox that holds it.

Locks are always taken in this order, so that concurrent work waits and never deadlocks: message rows by id, account
rows by id, mailbox rows by (account, mailbox), then whatever these guard. Entries, tombstones and counters of a mailbox
change only under its row lock, so that the order of modification sequences is the order of commits.
"""

from mailgate.store.contents import Content
from mailgate.store.delivery import AccountNotFound
from mailgate.store.dispatches import Dispatch
from mailgate.store.mailstore import MailStore, Parcel

__all__ = ["AccountNotFound", "Content", "Dispatch", "MailStore", "Parcel"]
