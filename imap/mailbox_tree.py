"""All names of an account, and how LIST shows each (RFC 9051 section 7.3.1, RFC 5258)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imap.backend import HIERARCHY_DELIMITER, MailboxStatus
from imap.parsing.wire import mailbox_name
from imap.rights import readable


class MailboxTree:
    """Mailboxes in the account's order, subscriptions, and the levels above them."""

    __slots__ = ("mailboxes", "subscribed", "with_children")

    def __init__(self, mailboxes: Iterable[MailboxStatus], subscribed: Iterable[str]) -> None:
        self.mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self.subscribed = frozenset(subscribed)
        self.with_children = frozenset(parent for name in self.mailboxes for parent in parents(name))

    @property
    def levels(self) -> frozenset[str]:
        """Levels above mailboxes that are none themselves: the prefixes of others' mailboxes, and hidden mailboxes."""
        return self.with_children - self.mailboxes.keys()

    def attributes(self, name: str, *, extended: bool = True, subscriptions: bool = True) -> list[str]:
        """Attributes of a name that may be no mailbox; ``extended`` for responses that know ``\\NonExistent``."""
        mailbox = self.mailboxes.get(name)
        attributes = []
        if mailbox is None:
            attributes.append("\\NonExistent" if extended else "\\Noselect")
        elif not readable(mailbox.rights):
            attributes.append("\\Noselect")
        attributes.append("\\HasChildren" if name in self.with_children else "\\HasNoChildren")
        if subscriptions and name in self.subscribed:
            attributes.append("\\Subscribed")
        if mailbox is not None and mailbox.special_use:
            attributes.append(mailbox.special_use)
        return attributes


def parents(name: str) -> Iterator[str]:
    """The levels above a name, nearest first."""
    while HIERARCHY_DELIMITER in name:
        name = name.rpartition(HIERARCHY_DELIMITER)[0]
        yield name


def list_line(
    name: str, attributes: Iterable[str], *, utf8: bool, response: bytes = b"LIST", extended: bytes = b""
) -> bytes:
    """A LIST or LSUB response; ``extended`` is what stands between the parentheses of its extended data."""
    data = b" (%b)" % extended if extended else b""
    encoded = mailbox_name(name, utf8=utf8)
    return b'* %b (%b) "/" %b%b\r\n' % (response, " ".join(attributes).encode(), encoded, data)
