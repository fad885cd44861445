"""What differs between two looks at an account's mailboxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from imap.backend import MailboxRef, MailboxStatus
from imap.mailbox_tree import MailboxTree, parents
from imap.parsing.notify import Event
from imap.rights import Rights


@dataclass(frozen=True, slots=True)
class MessageChange:
    """What happened to the messages of a mailbox."""

    events: Event
    since: int
    """The modification sequence before."""
    unseen: bool = False
    """The number of unseen messages is another."""
    reborn: bool = False
    """The mailbox, or its UIDVALIDITY, is not the one of this name that was there before."""

    def __or__(self, later: MessageChange) -> MessageChange:
        return MessageChange(
            self.events | later.events,
            min(self.since, later.since),
            self.unseen or later.unseen,
            self.reborn or later.reborn,
        )


def message_change(old: MailboxStatus, new: MailboxStatus) -> MessageChange | None:
    """The events between two states of one mailbox, told from its counters; None for none.

    Every message takes one UID, so that what came and what went are known from UIDNEXT and MESSAGES.
    """
    arrived = max(new.uidnext - old.uidnext, 0)
    events = Event.NONE
    if arrived:
        events |= Event.MESSAGE_NEW
    if old.messages + arrived > new.messages:
        events |= Event.MESSAGE_EXPUNGE
    unseen, reborn = old.unseen != new.unseen, old.uidvalidity != new.uidvalidity
    if unseen or reborn or (new.highestmodseq > old.highestmodseq and not events):
        events |= Event.FLAG_CHANGE
    return MessageChange(events, old.highestmodseq, unseen, reborn) if events else None


def first_messages(new: MailboxStatus, before: MailboxTree) -> MessageChange | None:
    """The same for a mailbox that was not there before."""
    empty = replace(new, uidnext=1, messages=0, unseen=0, highestmodseq=1)
    change = message_change(empty, new)
    if new.name in before.mailboxes:
        reborn = MessageChange(Event.FLAG_CHANGE, 0, reborn=True)
        return reborn if change is None else change | reborn
    return change


@dataclass(frozen=True, slots=True)
class NameChange:
    """A name that was created, deleted or renamed, or the level above one."""

    ref: MailboxRef
    """The mailbox, or that below the level."""
    old_name: str | None = None


def names_changed(before: MailboxTree, after: MailboxTree) -> dict[str, NameChange]:
    """Names that were created, deleted or renamed (RFC 5465 5.4).

    A mailbox that comes or goes affects the level above it too; of a renamed mailbox the children are not told.
    """
    old, new = _names(before), _names(after)
    renamed = {name: new[ref] for ref, name in old.items() if ref in new and new[ref] != name}
    found: dict[str, NameChange] = {}
    for ref in old.keys() ^ new.keys():
        name = old.get(ref) or new[ref]
        for affected in (name, *islice(parents(name), 1)):
            found[affected] = NameChange(ref)
    for name, now in renamed.items():
        above, above_now = name.rpartition("/"), now.rpartition("/")
        if renamed.get(above[0]) != above_now[0] or above[2] != above_now[2]:
            found[now] = NameChange(after.mailboxes[now].ref, name)
    return found


def access_changed(before: MailboxTree, after: MailboxTree) -> set[str]:
    """Names of mailboxes that may be read no longer, or again (RFC 5465 5.9)."""
    return {
        name
        for name, mailbox in after.mailboxes.items()
        if (was := before.mailboxes.get(name)) is not None
        and was.ref == mailbox.ref
        and Rights.READ in was.rights ^ mailbox.rights
    }


def _names(tree: MailboxTree) -> Mapping[MailboxRef, str]:
    return {mailbox.ref: name for name, mailbox in tree.mailboxes.items()}
