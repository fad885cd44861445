"""Mailboxes: their names, what tells them apart, and their counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from imap.rights import Rights

HIERARCHY_DELIMITER = "/"
OTHER_USERS = "Other Users/"
"""Before the names of mailboxes that another person shares, with the person's user name (RFC 2342)."""
SHARED = "Shared/"
"""Before the names of mailboxes that are nobody's own, such as a school office's."""


class MailboxRef(NamedTuple):
    """Which mailbox, whatever its name: no two mailboxes of a server share one, and none is ever used again."""

    account_id: int
    """Whose it is: the signed-in account, or one that shares it."""
    mailbox_id: int


class Located(NamedTuple):
    """The mailbox that a name leads to, and how far it has come: the same of both means that nothing happened there."""

    ref: MailboxRef
    modseq: int
    stamp: int
    """Of the last change of flags, as in `imap.backend.Known`."""


@dataclass(slots=True)
class MailboxStatus:
    """A mailbox and its counters, as LIST and STATUS show them.

    Never changed; not frozen, since LIST makes hundreds of them and Python takes ten times as long for frozen ones.
    """

    ref: MailboxRef
    name: str
    special_use: str | None
    """The attribute of RFC 6154, such as ``\\Sent``."""
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    unseen: int
    deleted: int
    recent: int
    size: int
    rights: Rights = Rights.ALL
    """What the signed-in person may do there (RFC 4314)."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage of the account (RFC 9208), in octets; a limit of 0 means none."""

    used: int
    limit: int
    messages: int
