"""A mailbox in memory and its messages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from imap import flags
from imap.backend import MailboxRef, MailboxStatus
from imap.errors import MailboxNotFound, NotPermitted, TooManyKeywords
from imap.rights import Rights


@dataclass
class Message:
    """One copy in one mailbox."""

    uid: int
    content: bytes
    flags: int
    modseq: int
    date: int
    key: bytes
    saved: int = field(default_factory=lambda: int(time.time()))


@dataclass
class Mailbox:
    """Messages by UID, and the expunge log."""

    ref: MailboxRef
    name: str
    uidvalidity: int
    special_use: str | None = None
    uidnext: int = 1
    highestmodseq: int = 1
    recent_from: int = 1
    stamp: int = 0
    keywords: tuple[str, ...] = ()
    messages: dict[int, Message] = field(default_factory=dict)
    expunged: list[tuple[int, int]] = field(default_factory=list)
    """(modseq, UID) pairs."""
    annotations: dict[str, bytes] = field(default_factory=dict)
    log_from: int = 0
    """The expunge log is complete after this modification sequence."""
    rights: Rights = Rights.ALL
    """What the signed-in person may do here."""
    acl: dict[str, Rights] = field(default_factory=dict)

    def require(self, needed: Rights) -> None:
        """Refuse as RFC 4314 has it: what may not be listed does not exist."""
        if needed & self.rights == needed:
            return
        if Rights.LOOKUP in self.rights:
            raise NotPermitted("You have no right to do this")
        raise MailboxNotFound("No such mailbox")

    def add(self, content: bytes, mask: int, keywords: Sequence[str], date: int, key: bytes) -> int:
        self.highestmodseq += 1
        uid = self.uidnext
        self.uidnext += 1
        mask |= self.keyword_mask(keywords)
        self.messages[uid] = Message(uid, content, mask, self.highestmodseq, date, key)
        return uid

    def keyword_mask(self, names: Sequence[str]) -> int:
        mask = 0
        for name in names:
            known = {keyword.upper(): index for index, keyword in enumerate(self.keywords)}
            index = known.get(name.upper(), len(self.keywords))
            if index == flags.MAX_KEYWORDS:
                raise TooManyKeywords("Too many keywords")
            if index == len(self.keywords):
                self.keywords += (name,)
            mask |= 1 << (flags.KEYWORD_SHIFT + index)
        return mask

    def remove(self, uids: Sequence[int]) -> None:
        if uids:
            self.highestmodseq += 1
        for uid in uids:
            del self.messages[uid]
            self.expunged.append((self.highestmodseq, uid))

    def status(self) -> MailboxStatus:
        masks = [message.flags for message in self.messages.values()]
        return MailboxStatus(
            self.ref,
            self.name,
            self.special_use,
            self.uidvalidity,
            self.uidnext,
            self.highestmodseq,
            len(masks),
            sum(not mask & flags.SEEN for mask in masks),
            sum(bool(mask & flags.DELETED) for mask in masks),
            sum(uid >= self.recent_from for uid in self.messages),
            sum(len(message.content) for message in self.messages.values()),
            self.rights,
        )
