"""What one session asked to hear of its account, and what waits to be told (RFC 5465, RFC 5464 section 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from imap.backend import MailboxRef, MailboxStatus
from imap.mailbox_tree import list_line, parents
from imap.parsing.mailbox_filter import Scope
from imap.parsing.notify import Event, EventGroup
from imap.parsing.wire import astring, mailbox_name
from imap.rights import Rights, annotatable
from imap.watching.changes import MessageChange, NameChange
from imap.watching.scopes import includes
from imap.watching.watch import AccountWatch


class Listener:
    """A `Hearer` that keeps at most one line for each mailbox and name, however much happens."""

    __slots__ = (
        "_annotations",
        "_messages",
        "_most",
        "_names",
        "_wake",
        "all_annotations",
        "groups",
        "overflown",
        "selected",
        "watch",
    )

    def __init__(self, wake: Callable[[], None], *, most: int) -> None:
        self.watch: AccountWatch
        self.groups: Sequence[EventGroup] = ()
        """Of NOTIFY SET, those for the selected mailbox left out."""
        self.all_annotations = False
        """ENABLE METADATA: changed annotations are told, whatever NOTIFY says."""
        self.overflown = False
        self.selected: MailboxRef | None = None
        """The session tells of it by itself."""
        self._wake = wake
        self._most = most
        self._messages: dict[MailboxRef, MessageChange] = {}
        self._names: dict[str, str | None] = {}
        self._annotations: dict[str, dict[str, int]] = {}

    # What is asked for

    def events(self, name: str, ref: MailboxRef | None) -> Event:
        """All events asked for of a name."""
        return self._events(self.groups, name, ref)

    def _events(self, groups: Iterable[EventGroup], name: str, ref: MailboxRef | None) -> Event:
        events = Event.NONE
        for group in groups:  # none while it joins: the watch is not known then
            watch = self.watch
            account_id, subscribed = watch.account.account_id, watch.tree.subscribed
            if includes(group.mailboxes, name, ref, account_id=account_id, subscribed=subscribed):
                events |= group.events
        return events

    @property
    def _of_server(self) -> bool:
        return any(Event.SERVER_METADATA_CHANGE in group.events for group in self.groups)

    # Said by the watch

    def messages_changed(self, mailbox: MailboxStatus, change: MessageChange) -> None:
        asked = self.events(mailbox.name, mailbox.ref)
        if change.events & asked and mailbox.ref != self.selected and Rights.READ in mailbox.rights:
            before = self._messages.get(mailbox.ref)
            self._messages[mailbox.ref] = change if before is None else before | change

    def name_changed(self, name: str, change: NameChange) -> None:
        asked = self.events(name, change.ref)
        if change.old_name is not None:
            asked |= self.events(change.old_name, change.ref)
        if Event.MAILBOX_NAME in asked:
            self._names[name] = self._names.get(name) or change.old_name

    def access_changed(self, name: str, ref: MailboxRef) -> None:
        if self.events(name, ref):
            self._names.setdefault(name, None)

    def subscription_changed(self, name: str, ref: MailboxRef | None) -> None:
        asking = [group for group in self.groups if Event.SUBSCRIPTION_CHANGE in group.events]
        # a name that left the subscriptions is one of theirs as well
        if any(group.mailboxes.scope is Scope.SUBSCRIBED for group in asking) or self._events(asking, name, ref):
            self._names.setdefault(name, None)

    def annotations_changed(self, name: str, ref: MailboxRef, entries: Mapping[str, int]) -> None:
        if not self.all_annotations:
            mailbox = self.watch.status(ref)
            asked = Event.MAILBOX_METADATA_CHANGE in self.events(name, ref) if name else self._of_server
            if not asked or (mailbox is not None and not annotatable(mailbox.rights)):
                return
        self._annotations.setdefault(name, {}).update(entries)

    def wake(self) -> None:
        waiting = len(self._messages) + len(self._names) + sum(map(len, self._annotations.values()))
        if waiting > self._most:
            self.clear()
            self.groups = ()
            self.overflown = True
        if waiting:
            self._wake()

    # What the session does itself is no news to it

    def forget_names(self, *names: str) -> None:
        """These names and the levels above them."""
        for name in names:
            self._names.pop(name, None)
            for parent in parents(name):
                self._names.pop(parent, None)

    def forget_messages(self, ref: MailboxRef) -> None:
        """One change of a mailbox: nothing is forgotten when others changed it too."""
        change, mailbox = self._messages.get(ref), self.watch.status(ref)
        if change is not None and mailbox is not None and mailbox.highestmodseq == change.since + 1:
            del self._messages[ref]

    def forget_annotations(self, name: str, revision: int) -> None:
        """What the change with this revision set."""
        entries = self._annotations.get(name, {})
        for entry in [entry for entry, changed in entries.items() if changed == revision]:
            del entries[entry]
        if not entries:
            self._annotations.pop(name, None)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._messages.clear()
        self._names.clear()
        self._annotations.clear()

    # To the client

    @property
    def waiting(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._messages or self._names or self._annotations or self.overflown)

    def take(self, most: int, *, condstore: bool, utf8: bool, note: Callable[[str, str], bytes]) -> bytes:
        """Some of the lines that wait, which then count as told; call again while `waiting`.

        ``note`` gives ``* OK [code] text`` in the client's language, from the text and the code.
        """
        if self.overflown:
            self.overflown = False
            return note("Too much to tell, notifications are off", "NOTIFICATIONOVERFLOW")
        names = list(islice(self._names, most))
        lines = [self._list_line(name, self._names.pop(name), utf8=utf8) for name in names]
        for ref in list(islice(self._messages, most - len(lines))):
            change, mailbox = self._messages.pop(ref), self.watch.status(ref)
            if mailbox is not None and ref != self.selected:
                lines.append(self._status_line(mailbox, change, condstore=condstore, utf8=utf8))
        for name in list(islice(self._annotations, most - len(lines))):
            entries = b" ".join(map(astring, sorted(self._annotations.pop(name))))
            lines.append(b"* METADATA %b %b\r\n" % (mailbox_name(name, utf8=utf8), entries))
        return b"".join(lines)

    def _list_line(self, name: str, old_name: str | None, *, utf8: bool) -> bytes:
        tree = self.watch.tree
        attributes = tree.attributes(name)
        if name in tree.mailboxes and Rights.READ not in tree.mailboxes[name].rights:
            attributes.append("\\NoAccess")
        renamed = b'"OLDNAME" (%b)' % mailbox_name(old_name, utf8=utf8) if old_name is not None else b""
        return list_line(name, attributes, utf8=utf8, extended=renamed)

    def _status_line(self, mailbox: MailboxStatus, change: MessageChange, *, condstore: bool, utf8: bool) -> bytes:
        """RFC 5465 sections 5.1 to 5.3; empty when the client could not tell what changed."""
        items = []
        if change.events & (Event.MESSAGE_NEW | Event.MESSAGE_EXPUNGE):
            items += [f"MESSAGES {mailbox.messages}", f"UIDNEXT {mailbox.uidnext}"]
        asked = self.events(mailbox.name, mailbox.ref)
        if Event.FLAG_CHANGE in asked and change.unseen:
            items.append(f"UNSEEN {mailbox.unseen}")
        if condstore:
            items.append(f"HIGHESTMODSEQ {mailbox.highestmodseq}")
        if change.reborn or (items and Event.FLAG_CHANGE in change.events & asked):
            items.append(f"UIDVALIDITY {mailbox.uidvalidity}")
        return status_line(mailbox.name, items, utf8=utf8) if items else b""

    def first_lines(self, *, status: bool, utf8: bool) -> Iterator[bytes]:
        """What NOTIFY SET answers: where there is no access, and with STATUS how the mailboxes are (RFC 5465 3.1)."""
        for name, mailbox in self.watch.tree.mailboxes.items():
            events = self.events(name, mailbox.ref)
            if Rights.READ not in mailbox.rights:
                if events:
                    yield self._list_line(name, None, utf8=utf8)
            elif status and mailbox.ref != self.selected and events & Event.MESSAGES:
                items = [f"MESSAGES {mailbox.messages}", f"UIDNEXT {mailbox.uidnext}"]
                items.append(f"UIDVALIDITY {mailbox.uidvalidity}")
                if Event.FLAG_CHANGE in events:
                    items.append(f"HIGHESTMODSEQ {mailbox.highestmodseq}")
                yield status_line(name, items, utf8=utf8)


def status_line(name: str, items: Iterable[str], *, utf8: bool) -> bytes:
    """One STATUS response."""
    return b"* STATUS %b (%b)\r\n" % (mailbox_name(name, utf8=utf8), " ".join(items).encode())
