"""Names of mailboxes that others share: below ``Shared/`` and ``Other Users/`` (RFC 2342).

A shared account's INBOX is ``Shared/<name>`` itself, its other mailboxes are below: a mail program shows one folder
with the rest in it. A person's are ``Other Users/<address>/INBOX`` and so on, as RFC 2342 section 5 has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from imap.backend import HIERARCHY_DELIMITER, OTHER_USERS, SHARED
from imap.errors import InvalidMailboxName
from mailgate.store.names import INBOX

_RESERVED: Final = frozenset(prefix.removesuffix(HIERARCHY_DELIMITER) for prefix in (SHARED, OTHER_USERS))


@dataclass(frozen=True, slots=True)
class ForeignName:
    """The parts of such a name: the owner as shown, and what the owner calls the mailbox; None for no mailbox."""

    prefix: str
    owner: str
    name: str | None

    @property
    def shared(self) -> bool:
        """Whether the owner is an account that is nobody's own."""
        return self.prefix == SHARED


def parse(name: str) -> ForeignName | None:
    """The parts of a name that leads to others' mailboxes; None for one's own names."""
    prefix = next((prefix for prefix in (SHARED, OTHER_USERS) if name.startswith(prefix)), None)
    if prefix is None:
        return None
    owner, delimiter, rest = name.removeprefix(prefix).partition(HIERARCHY_DELIMITER)
    head, _, below = rest.partition(HIERARCHY_DELIMITER)
    if head.upper() == INBOX:
        rest = f"{INBOX}{HIERARCHY_DELIMITER}{below}" if below else INBOX
    if prefix == SHARED:
        if not delimiter:
            return ForeignName(prefix, owner, INBOX)
        return ForeignName(prefix, owner, rest if rest != INBOX else None)
    return ForeignName(prefix, owner, rest or None)


def compose(prefix: str, owner: str, name: str) -> str:
    """How a reader sees the owner's mailbox `name`."""
    if prefix == SHARED and name == INBOX:
        return prefix + owner
    return f"{prefix}{owner}{HIERARCHY_DELIMITER}{name}"


def check_own(name: str) -> None:
    """Raise InvalidMailboxName when the name is kept for what others share."""
    if name in _RESERVED:
        raise InvalidMailboxName("This name is kept for what others share")
