"""Mailboxes and messages: one stored content, one small row for each mailbox that holds it.

Locks are always taken in this order, so that concurrent work waits and never deadlocks: message rows by id, account
rows by id, mailbox rows by (account, mailbox), then whatever these guard. Entries, tombstones and counters of a mailbox
change only under its row lock, so that the order of modification sequences is the order of commits.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailgate.store.contents import Content
    from mailgate.store.delivery import AccountNotFound
    from mailgate.store.dispatches import Dispatch
    from mailgate.store.mailstore import MailStore
    from mailgate.store.parcels import Gate, Parcel

__all__ = ["AccountNotFound", "Content", "Dispatch", "Gate", "MailStore", "Parcel"]

_WHERE = {
    "AccountNotFound": "delivery",
    "Content": "contents",
    "Dispatch": "dispatches",
    "Gate": "parcels",
    "MailStore": "mailstore",
    "Parcel": "parcels",
}


def __getattr__(name: str) -> object:
    """Imported when asked for (PEP 562): who wants the tables alone needs no parser of messages."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
