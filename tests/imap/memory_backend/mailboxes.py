"""Mailboxes as wholes, and who may do what in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from imap.backend import AclChange, AclEntry, Grantable, Hint, Located, MailboxRef, MailboxStatus, Quota
from imap.errors import (
    CommandRefused,
    InvalidMailboxName,
    MailboxExists,
    MailboxHasChildren,
    MailboxIsPermanent,
    MailboxNotFound,
    NotPermitted,
)
from imap.rights import Rights, tells_rights
from tests.imap.memory_backend.state import SPECIAL_USES, AccountState


class Mailboxes(AccountState):
    """Mailboxes as wholes."""

    async def mailboxes(self) -> Sequence[MailboxStatus]:
        self._count("mailboxes")
        listed = [box for box in self.boxes.values() if Rights.LOOKUP in box.rights]
        return [box.status() for box in sorted(listed, key=lambda box: (box.name != "INBOX", box.name))]

    async def mailbox(self, name: str) -> MailboxStatus:
        return self._allowed(name, Rights.READ).status()

    async def locate(self, name: str) -> Located:
        box = self._allowed(name, Rights.READ)
        return Located(box.ref, box.highestmodseq, box.stamp)

    async def statuses(self, mailboxes: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
        self._count("statuses")
        return [box.status() for box in self.boxes.values() if box.ref in mailboxes]

    async def subscriptions(self) -> Collection[str]:
        return frozenset(self.subscribed)

    async def create(self, name: str, special_use: str | None = None) -> MailboxStatus:
        names = {box.name for box in self.boxes.values()}
        if not name or "//" in name or name.startswith("/"):
            raise InvalidMailboxName("No mailbox can have this name")
        if name in names:
            raise MailboxExists("The mailbox exists")
        used = {box.special_use for box in self.boxes.values()}
        if special_use is not None and (special_use in used or special_use not in SPECIAL_USES.values()):
            raise CommandRefused("Not this use", code="USEATTR")
        levels = name.split("/")
        for depth in range(1, len(levels)):
            if "/".join(levels[:depth]) not in names:
                self._new("/".join(levels[:depth]))
        box = self._new(name, special_use)
        self._tell(structure=True)
        return box.status()

    async def delete(self, name: str) -> None:
        box = self._allowed(name, Rights.DELETE_MAILBOX)
        if name == "INBOX" or box.special_use == "\\Sent":
            raise MailboxIsPermanent("This mailbox stays")
        if any(other.name.startswith(name + "/") for other in self.boxes.values()):
            raise MailboxHasChildren("The mailbox has children")
        del self.boxes[box.ref]
        self._tell(structure=True)

    async def rename(self, old: str, new: str) -> None:
        box = self.find(old)
        if any(other.name == new for other in self.boxes.values()):
            raise MailboxExists("The mailbox exists")
        if old == "INBOX":
            box.remove(self._transfer(box, list(box.messages), self._new(new)).source)
            self._tell(old)
            return
        if box.special_use:
            raise MailboxIsPermanent("This mailbox stays")
        for other in self.boxes.values():
            if other.name == old or other.name.startswith(old + "/"):
                other.name = new + other.name[len(old) :]
        self._tell(structure=True)

    async def subscribe(self, name: str) -> None:
        self.subscribed.add(name)
        self._tell(structure=True)

    async def unsubscribe(self, name: str) -> None:
        self.subscribed.discard(name)
        self._tell(structure=True)

    async def my_rights(self, name: str) -> Rights:
        box = self.find(name)
        if not tells_rights(box.rights):
            raise MailboxNotFound("No such mailbox")
        return box.rights

    async def acl(self, name: str) -> Sequence[AclEntry]:
        box = self._allowed(name, Rights.ADMINISTER)
        return [AclEntry(self.username, Rights.ALL), *(AclEntry(*pair) for pair in sorted(box.acl.items()))]

    async def set_acl(self, name: str, identifier: str, change: AclChange, rights: Rights) -> None:
        box = self._allowed(name, Rights.ADMINISTER)
        if identifier in ("anyone", self.username):
            raise NotPermitted("This mailbox cannot be shared with them")
        held = box.acl.get(identifier, Rights.NONE)
        box.acl[identifier] = {
            AclChange.REPLACE: rights,
            AclChange.ADD: held | rights,
            AclChange.REMOVE: held & ~rights,
        }[change]

    async def delete_acl(self, name: str, identifier: str) -> None:
        self._allowed(name, Rights.ADMINISTER).acl.pop(identifier, None)

    async def list_rights(self, name: str, identifier: str) -> Grantable:
        self._allowed(name, Rights.ADMINISTER)
        owner = identifier == self.username
        return Grantable(Rights.ALL if owner else Rights.NONE, Rights.NONE if owner else Rights.ALL)

    async def quota(self) -> Quota:
        boxes = [box.status() for box in self.boxes.values()]
        return Quota(sum(box.size for box in boxes), self.quota_limit, sum(box.messages for box in boxes))

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        self._watchers.append(notify)
        return lambda: self._watchers.remove(notify)
