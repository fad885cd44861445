"""What a person may do in a mailbox: the rights of RFC 4314 section 2, and one right of this server's own."""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Final

from imap.flags import DELETED, SEEN


class Rights(enum.Flag):
    """A set of rights, each named after what RFC 4314 section 2.1 lets it do."""

    NONE = 0
    LOOKUP = enum.auto()
    """``l``: the mailbox is listed."""
    READ = enum.auto()
    """``r``: SELECT, STATUS."""
    SEEN = enum.auto()
    """``s``: ``\\Seen``, kept for each reader."""
    WRITE = enum.auto()
    """``w``: all flags but ``\\Seen`` and ``\\Deleted``."""
    INSERT = enum.auto()
    """``i``: APPEND, COPY into the mailbox."""
    POST = enum.auto()
    """``p``: known to the RFC, of no effect here: everybody may write to the address of a mailbox."""
    CREATE = enum.auto()
    """``k``: CREATE below the mailbox."""
    DELETE_MAILBOX = enum.auto()
    """``x``: DELETE and RENAME."""
    DELETE_MESSAGES = enum.auto()
    """``t``: ``\\Deleted``."""
    EXPUNGE = enum.auto()
    """``e``: EXPUNGE, and in CLOSE."""
    ADMINISTER = enum.auto()
    """``a``: GETACL, SETACL, DELETEACL, LISTRIGHTS."""
    SEND_AS = enum.auto()
    """``0``: on an INBOX, send messages from the addresses of its account (digits are a server's own rights)."""
    ALL = (1 << 12) - 1


def readable(rights: Rights) -> bool:
    """Whether `READ` is among them; in one step for one's own mailboxes, of which there are hundreds in a LIST."""
    return rights is Rights.ALL or Rights.READ in rights


LETTERS: Final[dict[str, Rights]] = {
    "l": Rights.LOOKUP,
    "r": Rights.READ,
    "s": Rights.SEEN,
    "w": Rights.WRITE,
    "i": Rights.INSERT,
    "p": Rights.POST,
    "k": Rights.CREATE,
    "x": Rights.DELETE_MAILBOX,
    "t": Rights.DELETE_MESSAGES,
    "e": Rights.EXPUNGE,
    "a": Rights.ADMINISTER,
    "0": Rights.SEND_AS,
}
VIRTUAL: Final[dict[str, Rights]] = {
    "c": Rights.CREATE | Rights.DELETE_MAILBOX,
    "d": Rights.DELETE_MESSAGES | Rights.EXPUNGE,
}
"""The letters of RFC 2086, each standing for others (RFC 4314 section 2.1.1)."""
NEW_RIGHTS: Final = "kxte"
"""What the capability ``RIGHTS=`` announces (RFC 4314 section 2.2)."""

_SHARED_WRITES: Final = Rights.INSERT | Rights.EXPUNGE | Rights.WRITE | Rights.DELETE_MESSAGES
_ANNOTATES: Final = Rights.READ | Rights.SEEN | Rights.WRITE | Rights.INSERT | Rights.POST
_ANY: Final = Rights.LOOKUP | Rights.READ | Rights.INSERT | Rights.CREATE | Rights.DELETE_MAILBOX | Rights.ADMINISTER


def parse_rights(text: str) -> Rights:
    """The rights that these letters stand for. Raises ValueError with a letter that is none."""
    rights = Rights.NONE
    for letter in text:
        found = LETTERS.get(letter) or VIRTUAL.get(letter)
        if found is None:
            raise ValueError(letter)
        rights |= found
    return rights


def letters(rights: Rights) -> str:
    """The letters of these rights, each once: what is stored."""
    return "".join(letter for letter, right in LETTERS.items() if right & rights)


def shown(rights: Rights) -> str:
    """The letters as responses carry them: with ``c`` and ``d`` where a member of theirs is granted."""
    return letters(rights) + "".join(letter for letter, members in VIRTUAL.items() if members & rights)


@lru_cache(maxsize=64)
def settable(rights: Rights) -> int:
    """The mask of the flags that these rights let one change: bits of `imap.flags`, keywords all or none."""
    mask = 0
    if rights & Rights.SEEN:
        mask |= SEEN
    if rights & Rights.DELETE_MESSAGES:
        mask |= DELETED
    if rights & Rights.WRITE:
        mask |= ~(SEEN | DELETED)
    return mask


def read_write(rights: Rights) -> bool:
    """Whether SELECT says READ-WRITE: something can change for others too (RFC 4314 section 5.2)."""
    return bool(rights & _SHARED_WRITES)


def annotatable(rights: Rights) -> bool:
    """Whether annotations of the mailbox may be read and set (RFC 5464 section 3.3)."""
    return Rights.LOOKUP in rights and bool(rights & _ANNOTATES)


def tells_rights(rights: Rights) -> bool:
    """Whether MYRIGHTS answers (RFC 4314 section 4)."""
    return bool(rights & _ANY)
