"""What an account's mailboxes look like, followed for all of its sessions in this process that want to know.

One look for each batch of hints: a status for each mailbox that may have changed, all of them when names may have.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Final, Protocol

from imap.backend import SERVER, Account, Hint, MailboxRef, MailboxStatus
from imap.errors import ImapError
from imap.mailbox_tree import MailboxTree
from imap.watching.changes import (
    MessageChange,
    NameChange,
    access_changed,
    first_messages,
    message_change,
    names_changed,
)

_PAUSE: Final = 0.1
"""Seconds between two looks, so that a burst of changes is told as one."""

_log = logging.getLogger(__name__)


class Hearer(Protocol):
    """A session's side: it remembers what concerns it, and tells its client when it may."""

    def messages_changed(self, mailbox: MailboxStatus, change: MessageChange) -> None: ...

    def name_changed(self, name: str, change: NameChange) -> None: ...

    def access_changed(self, name: str, ref: MailboxRef) -> None: ...

    def subscription_changed(self, name: str, ref: MailboxRef | None) -> None: ...

    def annotations_changed(self, name: str, ref: MailboxRef, entries: Mapping[str, int]) -> None:
        """Entries with the revisions of their last change; the name is empty for the server."""
        ...

    def wake(self) -> None:
        """Everything that this look found has been said."""
        ...


class AccountWatch:
    """The mailboxes of one account; `look` brings what is known up to date."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.tree = MailboxTree((), ())
        self.hearers: set[Hearer] = set()
        self._names: dict[MailboxRef, str] = {}
        self._ends: dict[int, Callable[[], None]] = {}
        self._revisions: dict[int, int] = {}
        self._all = True
        self._touched: set[MailboxRef] = set()
        self._annotated: set[int] = set()
        self._begun = False
        self._lock = asyncio.Lock()
        self._looked_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def status(self, ref: MailboxRef) -> MailboxStatus | None:
        """A mailbox as of the last look."""
        name = self._names.get(ref)
        return None if name is None else self.tree.mailboxes[name]

    # Hints

    def _hear(self, owner: int, hint: Hint) -> None:
        self._all |= hint.mailboxes_changed or hint.mailbox_ids is None
        self._touched.update(MailboxRef(owner, mailbox_id) for mailbox_id in hint.mailbox_ids or ())
        if hint.annotations_changed:
            self._annotated.add(owner)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._follow())

    @property
    def _behind(self) -> bool:
        return bool(self._all or self._touched or self._annotated)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._behind:
                await asyncio.sleep(self._looked_at + _PAUSE - loop.time())
                await self.look()
        except ImapError as error:
            _log.warning("news not read; they are with the next hint: %s", error.code)
        finally:
            self._task = None

    async def close(self) -> None:
        """End all watches and the work in the background."""
        for end in self._ends.values():
            end()
        self._ends.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # Looking

    async def look(self, *refs: MailboxRef, names: bool = False, annotations: int | None = None) -> None:
        """Take in what hints told of, and these mailboxes, the list of names, or an owner's annotations besides."""
        self._touched.update(refs)
        self._all |= names
        if annotations is not None:
            self._annotated.add(annotations)
        async with self._lock:
            everything, self._all = self._all, False
            touched, self._touched = self._touched, set()
            annotated, self._annotated = self._annotated, set()
            try:
                if everything:
                    await self._look_at_all()
                elif touched:
                    await self._look_at(touched)
                for owner in annotated & self._ends.keys():
                    await self._look_at_annotations(owner)
            except BaseException:
                self._all |= everything
                self._touched |= touched
                self._annotated |= annotated
                raise
            self._looked_at = asyncio.get_running_loop().time()
        for hearer in tuple(self.hearers):
            hearer.wake()

    async def _look_at_all(self) -> None:
        account = self.account
        if not self._begun:
            await self._watch({account.account_id})
        mailboxes = await account.mailboxes()
        before, self.tree = self.tree, MailboxTree(mailboxes, await account.subscriptions())
        self._names = {mailbox.ref: name for name, mailbox in self.tree.mailboxes.items()}
        if self._begun:
            self._tell_names(before)
            self._tell_messages(before)
        self._begun = True
        await self._watch({account.account_id, *(mailbox.ref.account_id for mailbox in mailboxes)})

    async def _watch(self, owners: Collection[int]) -> None:
        """Hear of these owners' mailboxes, and of no others'; what is watched from now on is to be looked at again."""
        for owner in self._ends.keys() - owners:
            self._ends.pop(owner)()
            del self._revisions[owner]
        for owner in owners - self._ends.keys():
            self._ends[owner] = self.account.watch(owner, lambda hint, owner=owner: self._hear(owner, hint))  # type: ignore[misc]
            self._revisions[owner] = (await self.account.annotation_changes(owner, _NEVER)).revision
            self._touched.update(ref for ref in self._names if ref.account_id == owner)

    def _tell_names(self, before: MailboxTree) -> None:
        after = self.tree
        for name, change in sorted(names_changed(before, after).items(), key=itemgetter(0)):
            for hearer in self.hearers:
                hearer.name_changed(name, change)
        for name in sorted(access_changed(before, after)):
            for hearer in self.hearers:
                hearer.access_changed(name, after.mailboxes[name].ref)
        for name in sorted(before.subscribed ^ after.subscribed):
            mailbox = after.mailboxes.get(name)
            ref = None if mailbox is None else mailbox.ref
            for hearer in self.hearers:
                hearer.subscription_changed(name, ref)

    def _tell_messages(self, before: MailboxTree) -> None:
        old = {mailbox.ref: mailbox for mailbox in before.mailboxes.values()}
        for mailbox in self.tree.mailboxes.values():
            was = old.get(mailbox.ref)
            self._tell(mailbox, first_messages(mailbox, before) if was is None else message_change(was, mailbox))

    async def _look_at(self, refs: Iterable[MailboxRef]) -> None:
        """These mailboxes alone: none came, went or has another name, or the next look is at all of them."""
        known = [ref for ref in refs if ref in self._names]
        for new in await self.account.statuses(known) if known else ():
            old = self.tree.mailboxes.get(new.name)
            if old is not None and old.ref == new.ref:
                self.tree.mailboxes[new.name] = new
                self._tell(new, message_change(old, new))

    def _tell(self, mailbox: MailboxStatus, change: MessageChange | None) -> None:
        if change is not None:
            for hearer in self.hearers:
                hearer.messages_changed(mailbox, change)

    async def _look_at_annotations(self, owner: int) -> None:
        changes = await self.account.annotation_changes(owner, self._revisions[owner])
        self._revisions[owner] = changes.revision
        by_mailbox: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for mailbox_id, entry, revision in changes.changed:
            by_mailbox[mailbox_id][entry] = revision
        for mailbox_id, entries in by_mailbox.items():
            ref = MailboxRef(owner, mailbox_id)
            name = "" if mailbox_id == SERVER else self._names.get(ref)
            if name is not None and (name or owner == self.account.account_id):
                for hearer in self.hearers:
                    hearer.annotations_changed(name, ref, entries)


_NEVER: Final = 2**63 - 1
"""A revision after which nothing changes: asks for the newest one alone."""


class AccountWatches:
    """The watches of all accounts that sessions of one server listen to."""

    def __init__(self) -> None:
        self._watches: dict[int, AccountWatch] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def join(self, account: Account, hearer: Hearer) -> AccountWatch:
        """Hear of an account from now on; what is known is as new as this call. End it with `leave`."""
        watch = self._watches.get(account.account_id)
        if watch is None:
            watch = self._watches[account.account_id] = AccountWatch(account)
        watch.hearers.add(hearer)
        try:
            await watch.look(names=True)
        except BaseException:
            self.leave(watch, hearer)
            raise
        return watch

    def leave(self, watch: AccountWatch, hearer: Hearer) -> None:
        """Hear no more."""
        watch.hearers.discard(hearer)
        if not watch.hearers and self._watches.get(watch.account.account_id) is watch:
            del self._watches[watch.account.account_id]
            task = asyncio.get_running_loop().create_task(watch.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def drain(self) -> None:
        """Wait for the work in the background of watches that were left."""
        while self._closing:
            await asyncio.wait(tuple(self._closing))
