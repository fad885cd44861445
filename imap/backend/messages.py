"""Messages: new ones, their wire texts, and where they went."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

from imap.backend.changes import Change
from imap.backend.mailboxes import MailboxRef


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append; the engine has read its literal into `content` and rewound it."""

    content: IO[bytes]
    flags: int
    """System flags only."""
    keywords: tuple[str, ...]
    internal_date: int | None


class Rendering(enum.Flag):
    """The wire texts made once, at delivery or soon after; ask only for what the command shows."""

    ENVELOPE = enum.auto()
    BODY = enum.auto()
    BODYSTRUCTURE = enum.auto()
    HEADER = enum.auto()
    """The header block up to and with its empty line."""
    LISTING = enum.auto()
    """HEADER.FIELDS of `imap.message.LISTING_FIELDS`, what Thunderbird asks for to show a folder."""
    PARTS = enum.auto()
    """The part table, for `imap.message.PartTable.decode`."""
    SORT_KEYS = enum.auto()
    """For `imap.message.SortKeys.decode`."""
    THREAD_KEYS = enum.auto()
    """For `imap.message.ThreadKeys.decode`."""
    PREVIEW = enum.auto()
    """The beginning of the text in UTF-8 (RFC 8970)."""


class Rendered(NamedTuple):
    """Those of the wire texts that were asked for; the others are empty."""

    envelope: bytes = b""
    body: bytes = b""
    bodystructure: bytes = b""
    header: bytes = b""
    listing: bytes = b""
    parts: bytes = b""
    sort_keys: bytes = b""
    thread_keys: bytes = b""
    preview: bytes | None = b""
    """None for a message that was stored without one: see `Account.make_previews`."""


@dataclass(frozen=True, slots=True)
class Copied:
    """COPY or MOVE: where the messages went and their UIDs pair by pair, for COPYUID."""

    mailbox: MailboxRef
    uidvalidity: int
    source: Sequence[int]
    target: Sequence[int]
    modseq: int = 0
    """MOVE: the source mailbox's modification sequence after the expunge."""


@dataclass(frozen=True, slots=True)
class Appended:
    """APPEND: where the messages went, for APPENDUID, and how the mailbox shows them to who appended."""

    mailbox: MailboxRef
    uidvalidity: int
    arrived: Sequence[Change]
    """One at least; all of them, and nothing else, happened at the modification sequence of the last."""
    keywords: tuple[str, ...]
    """The mailbox's table."""

    @property
    def uids(self) -> Sequence[int]:
        """The UIDs, ascending."""
        return [change.uid for change in self.arrived]


@dataclass(frozen=True, slots=True)
class Replaced:
    """REPLACE: where the new message went, and the source mailbox's modification sequence after the expunge."""

    appended: Appended
    modseq: int
