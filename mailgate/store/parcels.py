"""What is delivered together, and to whom: as the application says it, and ready to be stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select
from sqlalchemy.sql.dml import ReturningInsert

from mailgate.database import Tx
from mailgate.store.contents import Content, Prepared

Stored: TypeAlias = Callable[[Tx, bytes, int], Awaitable[None]]
"""What is to be done in the transaction with a content that it stores, by its id and its octets."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message and the accounts that get it in their INBOX; `sent_copy_for` names the account that gets a copy in its
    Sent mailbox, marked ``\\Seen``.
    """

    content: Content
    account_ids: frozenset[int]
    sent_copy_for: int | None = None
    list_id: int | None = 0
    """The list that the copies go to, 0 for people named; None: no copy of what is sent, but a notice about it."""
    archive_id: int | None = None
    """The account that keeps a copy for the list; it is nobody who was sent the message."""
    stored: Stored | None = None
    """Called in the transaction, once the content is stored."""
    junk: bool = False
    """Whether the accounts get it in their Junk mailbox, not in INBOX."""


@dataclass(frozen=True, slots=True)
class PreparedParcel:
    """A content that is ready to be stored, and whose it becomes."""

    content: Prepared
    account_ids: frozenset[int]
    sent_copy_for: int | None
    list_id: int | None = 0
    archive_id: int | None = None
    stored: Stored | None = None
    junk: bool = False
    """As `Parcel` has these four."""
    sent_name: bytes = b""
    """The Message-ID, where a copy goes to a Sent mailbox."""

    @property
    def reached(self) -> frozenset[int]:
        """The accounts that get a copy."""
        return self.account_ids if self.archive_id is None else self.account_ids | {self.archive_id}


class Numbered(NamedTuple):
    """A copy that was entered, and what its mailbox has come to."""

    account_id: int
    mailbox_id: int
    modseq: int
    uid: int


Counting: TypeAlias = Callable[[ColumnElement[bool]], ReturningInsert[Any]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a delivery may have in the place of work that comes first, where it is one statement."""

    look: Select[Any]
    """Whatever it finds, that work is to be done in its stead."""
    parameters: Mapping[str, object]
    """Of `look` and of `counting`."""
    counting: Counting | None = None
    """Writes something, if that condition holds, and gives a row if it has; without one, nothing is delivered."""
    turn: Select[Any] | None = None
    """What locks before any mailbox what that work locks: it gives a row."""
