"""What the IMAP engine sees of one person: `imap.backend.Account` on the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Final, TypeVar

import structlog

from imap.backend import (
    SERVER,
    AclChange,
    AclEntry,
    AnnotationChanges,
    Appended,
    Changes,
    Copied,
    Entries,
    FlagAction,
    Grantable,
    Hint,
    Known,
    Located,
    MailboxRef,
    MailboxStatus,
    Marking,
    NewMessage,
    Quota,
    Rendered,
    Rendering,
    Replaced,
    Snapshot,
    Stored,
    TextHits,
    TextKey,
    Vanished,
)
from imap.errors import MessageTooLarge, NotPermitted, ServiceUnavailable
from imap.message import make_preview
from imap.rights import Rights, annotatable
from mailgate.database import Database, DatabaseUnavailable, Tx
from mailgate.database.contract import Work
from mailgate.store import (
    acls,
    annotating,
    appends,
    changes,
    copies,
    expunge,
    hierarchy,
    mailboxes,
    messages,
    namespaces,
    sharing,
    snapshots,
)
from mailgate.store.access import require, shares
from mailgate.store.caches import Caches
from mailgate.store.contents import prepare
from mailgate.store.feed import Watchers
from mailgate.store.flags import store_flags
from mailgate.store.marking import mark
from mailgate.store.provisioning import SENT_ID
from mailgate.store.search.finder import Finder
from mailgate.store.sent_copies import give_way

log = structlog.stdlib.get_logger("mailgate.store")
T = TypeVar("T")
_FEW: Final = 100
"""Messages of which something is read in less than a millisecond."""


class StoreAccount:
    """One account's mailboxes. Each method is one transaction; every write is durable when it returns, but for flags.

    Each raises ServiceUnavailable while the database cannot be used.
    """

    __slots__ = (
        "_contents",
        "_database",
        "_finder",
        "_server_annotations",
        "_texts",
        "_watchers",
        "account_id",
        "append_limit",
        "username",
    )

    def __init__(
        self,
        database: Database,
        watchers: Watchers,
        caches: Caches,
        finder: Finder,
        account_id: int,
        username: str,
        append_limit: int,
        server_annotations: Mapping[str, bytes],
    ) -> None:
        self._database = database
        self._watchers = watchers
        self._texts, self._contents = caches
        self._finder = finder
        self.account_id = account_id
        self.username = username
        self.append_limit = append_limit
        self._server_annotations = server_annotations

    async def mailboxes(self) -> Sequence[MailboxStatus]:
        """All mailboxes, INBOX first, others' at the end."""
        # one statement for who has no shares, and no transaction around it
        own, has_shares = await self._read(lambda tx: sharing.list_own(tx, self.account_id))
        if not has_shares:
            return own
        return [*own, *await self._read(lambda tx: sharing.list_shared(tx, self.account_id))]

    async def mailbox(self, name: str) -> MailboxStatus:
        """One mailbox. Raises MailboxNotFound, NotPermitted."""

        async def work(tx: Tx) -> MailboxStatus:
            return await sharing.status_at(tx, self.account_id, name, Rights.READ)

        async def own(tx: Tx) -> MailboxStatus:  # apart, since it is one statement
            return await work(tx)

        return await self._read(own if namespaces.parse(name) is None else work)

    async def locate(self, name: str) -> Located:
        """Where a mailbox is. Raises MailboxNotFound, NotPermitted."""
        if namespaces.parse(name) is None:
            return await self._read(lambda tx: mailboxes.located(tx, self.account_id, name))
        return await self._read(lambda tx: sharing.located_at(tx, self.account_id, name, Rights.READ))

    async def my_rights(self, name: str) -> Rights:
        """What the person may do. Raises MailboxNotFound."""
        return await self._read(lambda tx: acls.my_rights(tx, self.account_id, name))

    async def acl(self, name: str) -> Sequence[AclEntry]:
        """The access control list. Raises MailboxNotFound, NotPermitted."""
        return await self._read(lambda tx: acls.read(tx, self.account_id, name))

    async def set_acl(self, name: str, identifier: str, change: AclChange, rights: Rights) -> None:
        """Grant or take back. Raises MailboxNotFound, NotPermitted, BadCommand."""
        await self._write(lambda tx: acls.change(tx, self.account_id, name, identifier, change, rights))

    async def delete_acl(self, name: str, identifier: str) -> None:
        """Take an identifier off the list. Raises MailboxNotFound, NotPermitted, BadCommand."""
        await self._write(lambda tx: acls.remove(tx, self.account_id, name, identifier))

    async def list_rights(self, name: str, identifier: str) -> Grantable:
        """What may be granted. Raises MailboxNotFound, NotPermitted, BadCommand."""
        return await self._read(lambda tx: acls.grantable(tx, self.account_id, name, identifier))

    async def subscriptions(self) -> Collection[str]:
        """Subscribed names."""
        return await self._read(lambda tx: sharing.subscriptions(tx, self.account_id))

    async def create(self, name: str, special_use: str | None = None) -> MailboxStatus:
        """Create and subscribe. Raises MailboxExists, InvalidMailboxName, CommandRefused."""
        now = _now()

        async def work(tx: Tx) -> MailboxStatus:
            await hierarchy.create(tx, self.account_id, name, special_use, now)
            return await sharing.status_at(tx, self.account_id, name, Rights.NONE)

        return await self._write(work)

    async def delete(self, name: str) -> None:
        """Delete with all messages. Raises MailboxNotFound, MailboxIsPermanent, MailboxHasChildren."""
        now = _now()
        await self._write(lambda tx: hierarchy.remove(tx, self.account_id, name, now))

    async def rename(self, old: str, new: str) -> None:
        """Rename with children. Raises MailboxNotFound, MailboxExists, MailboxIsPermanent, InvalidMailboxName."""
        now = _now()
        await self._write(lambda tx: hierarchy.rename(tx, self.account_id, old, new, now))

    async def subscribe(self, name: str) -> None:
        """Add to the subscriptions. Raises InvalidMailboxName, CommandRefused."""
        await self._write(lambda tx: sharing.subscribe(tx, self.account_id, name))

    async def unsubscribe(self, name: str) -> None:
        """Take off the subscriptions."""
        await self._write(lambda tx: sharing.unsubscribe(tx, self.account_id, name))

    async def snapshot(self, mailbox: MailboxRef) -> Snapshot:
        """The whole mailbox. Raises MailboxNotFound."""

        async def work(tx: Tx) -> Snapshot:
            access = await require(tx, self.account_id, mailbox, Rights.READ)
            return await snapshots.snapshot(tx, access, mailbox)

        async def own(tx: Tx) -> Snapshot:  # apart, since it is one statement
            return await work(tx)

        return await self._read(own if mailbox.account_id == self.account_id else work)

    async def changes(self, mailbox: MailboxRef, known: Known) -> Changes:
        """What happened since. Raises MailboxNotFound."""

        async def work(tx: Tx) -> Changes:
            access = await require(tx, self.account_id, mailbox, Rights.READ)
            return await changes.changes(tx, access, mailbox, known)

        async def own(tx: Tx) -> Changes:  # apart, since it is one statement
            return await work(tx)

        return await self._read(own if mailbox.account_id == self.account_id else work)

    async def vanished(self, mailbox: MailboxRef, since: int) -> Vanished:
        """What was expunged since. Raises MailboxNotFound."""

        async def work(tx: Tx) -> Vanished:
            await require(tx, self.account_id, mailbox, Rights.READ)
            return await changes.vanished(tx, mailbox, since)

        async def own(tx: Tx) -> Vanished:  # apart, since it is one statement
            return await work(tx)

        return await self._read(own if mailbox.account_id == self.account_id else work)

    async def claim_recent(self, mailbox: MailboxRef, uidnext: int) -> int:
        """Take ``\\Recent``. Raises MailboxNotFound."""

        async def work(tx: Tx) -> int:
            await require(tx, self.account_id, mailbox, Rights.READ)
            return await snapshots.claim_recent(tx, *mailbox, uidnext)

        if mailbox.account_id == self.account_id:
            return await self._write_alone(work)
        return await self._write(work, durable=False)

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Entries:
        """The entries of these UIDs."""

        async def work(tx: Tx) -> Entries:
            await require(tx, self.account_id, mailbox, Rights.READ)
            return await snapshots.entries(tx, *mailbox, uids)

        return await self._read(work, brief=len(uids) <= _FEW)

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        """The wire texts that are asked for."""
        found, missing = self._texts.take(message_ids, which)
        if missing:
            read, bare = await self._read(
                lambda tx: messages.read_texts(tx, missing, which), brief=len(missing) <= _FEW
            )
            if bare:
                beginnings = await self._read(lambda tx: messages.read_beginnings(tx, bare))
                read |= await asyncio.to_thread(messages.rendered_now, beginnings, which)
            self._texts.add(read, which)
            found.update(read)
        return found

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        """Which of these messages fit each key, and which are not indexed."""
        try:
            return await self._finder.find(message_ids, keys)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error

    async def make_previews(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Previews from the beginnings of messages that were stored without one."""
        chunks = await self._read(lambda tx: messages.read_beginnings(tx, message_ids))
        made = await asyncio.to_thread(_previews, chunks)
        await self._write(lambda tx: messages.keep_previews(tx, made))
        return made

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        """A range of a message's octets. Raises MessageGone."""
        chunks = await self._read(lambda tx: messages.read_range(tx, message_id, start, stop))
        return messages.cut(chunks, start, stop)

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Whole messages; those that are gone are left out."""
        found, missing = self._contents.take(message_ids)
        if missing:
            read = messages.joined(await self._read(lambda tx: messages.read_chunks(tx, missing)))
            self._contents.add(read)
            found.update(read)
        return found

    async def store(
        self,
        mailbox: MailboxRef,
        uids: Sequence[int],
        action: FlagAction,
        flags: int,
        keywords: Sequence[str],
        unchanged_since: int | None = None,
    ) -> Stored:
        """Change flags. Raises MailboxNotFound, TooManyKeywords."""

        async def work(tx: Tx) -> Stored:
            access = await require(tx, self.account_id, mailbox, Rights.READ)
            return await store_flags(tx, access, mailbox, uids, action, flags, keywords, unchanged_since)

        return await self._write(work, durable=False)

    async def mark(self, mailbox: MailboxRef, marking: Marking) -> int | None:
        """Change flags that are known, or give None."""
        if mailbox.account_id != self.account_id:
            return None
        return await self._write_alone(lambda tx: mark(tx, mailbox, marking))

    async def expunge(self, mailbox: MailboxRef, uids: Sequence[int] | None) -> tuple[int, Sequence[int]]:
        """Remove what is marked. Raises MailboxNotFound."""
        now = _now()

        async def work(tx: Tx) -> tuple[int, Sequence[int]]:
            access = await require(tx, self.account_id, mailbox, Rights.EXPUNGE)
            return await expunge.expunge(tx, access, mailbox, uids, now)

        return await self._write(work)

    async def copy(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        """Copy. Raises MailboxNotFound, OverQuota."""
        now = _now()
        return await self._write(lambda tx: copies.copy(tx, self.account_id, mailbox, uids, target, now))

    async def move(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        """Move. Raises MailboxNotFound."""
        now = _now()
        return await self._write(lambda tx: copies.move(tx, self.account_id, mailbox, uids, target, now))

    async def append(self, target: str, messages: Sequence[NewMessage]) -> Appended:
        """Append all or none. Raises MailboxNotFound, OverQuota, MessageTooLarge, TooManyKeywords."""
        now = _now()
        with ExitStack() as stack:
            arrivals = [await self._arrival(message, stack, now) for message in messages]
            if len(arrivals) == 1:
                appended = await self._write_alone(
                    lambda tx: appends.append_one(tx, self.account_id, target, arrivals[0], now), durable=True
                )
                if appended is not None:
                    return await self._filed(appended, arrivals, now)
            appended = await self._write(lambda tx: appends.append(tx, self.account_id, target, arrivals, now))
            return await self._filed(appended, arrivals, now)

    async def replace(self, mailbox: MailboxRef, uid: int, target: str, message: NewMessage) -> Replaced:
        """Append and expunge at once. Raises MessageGone, MailboxNotFound, OverQuota, MessageTooLarge."""
        now = _now()
        with ExitStack() as stack:
            arrival = await self._arrival(message, stack, now)
            replaced = await self._write(
                lambda tx: appends.replace(tx, self.account_id, mailbox, uid, target, arrival, now)
            )
            await self._filed(replaced.appended, [arrival], now)
            return replaced

    async def _filed(self, appended: Appended, arrivals: Sequence[appends.Arrival], now: int) -> Appended:
        """A program has filed what it sent: the gateway's own copy, if there is one, is one too many."""
        account_id, mailbox_id = appended.mailbox
        if mailbox_id == SENT_ID:
            contents, uids = [arrival.content.rendered() for arrival in arrivals], appended.uids
            with suppress(ServiceUnavailable):  # the message is filed: that is what is answered
                await self._write(
                    lambda tx: give_way(tx, self.account_id, account_id, contents, uids, now), durable=False
                )
        return appended

    async def _arrival(self, message: NewMessage, stack: ExitStack, now: int) -> appends.Arrival:
        content = await prepare(message.content, stack, rendered=False)
        if content.size > self.append_limit:
            raise MessageTooLarge("This message is too large")
        date = now if message.internal_date is None else message.internal_date
        return appends.Arrival(content, message.flags, message.keywords, date)

    async def quota(self) -> Quota:
        """Storage used and allowed."""
        return await self._read(lambda tx: mailboxes.quota(tx, self.account_id))

    async def statuses(self, mailboxes_wanted: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
        """These mailboxes with their counters; those that are gone or not listed to this person are left out."""
        own = [ref.mailbox_id for ref in mailboxes_wanted if ref.account_id == self.account_id]
        others = [ref for ref in mailboxes_wanted if ref.account_id != self.account_id]

        async def work(tx: Tx) -> Sequence[MailboxStatus]:
            found = await mailboxes.statuses(tx, self.account_id, own)
            return [*found, *await sharing.some_shared(tx, self.account_id, others)] if others else found

        return await self._read(work)

    async def annotation_sizes(self, where: MailboxRef) -> Mapping[str, int]:
        """The entries that have a value, with its octets."""

        async def work(tx: Tx) -> Mapping[str, int]:
            await self._check_annotatable(tx, where)
            return await annotating.sizes(tx, where, self.account_id)

        found = await self._read(work)
        if where.mailbox_id == SERVER:
            return {**found, **{entry: len(value) for entry, value in self._server_annotations.items()}}
        return found

    async def annotation_values(
        self, wheres: Collection[MailboxRef], entries: Collection[str]
    ) -> Mapping[MailboxRef, Mapping[str, bytes]]:
        """The values of these entries; of others' mailboxes those that are listed to this person."""

        async def work(tx: Tx) -> dict[MailboxRef, dict[str, bytes]]:
            found = await annotating.values(tx, wheres, entries, self.account_id)
            own = self.account_id
            if any(where.account_id != own for where in found):
                listed = await shares(tx, self.account_id)
                found = {
                    where: found[where] for where in found if where.account_id == self.account_id or where in listed
                }
            return found

        found = await self._read(work)
        for where in wheres:
            if where.mailbox_id == SERVER:
                of_server = {
                    entry: self._server_annotations[entry] for entry in entries if entry in self._server_annotations
                }
                found.setdefault(where, {}).update(of_server)
        return found

    async def annotate(self, where: MailboxRef, values: Mapping[str, bytes | None]) -> int:
        """Set or remove annotations. Raises MailboxNotFound, TooManyAnnotations, OverQuota."""

        async def work(tx: Tx) -> int:
            await self._check_annotatable(tx, where)
            return await annotating.annotate(tx, where, self.account_id, values)

        return await self._write(work)

    async def annotation_changes(self, owner: int, since: int) -> AnnotationChanges:
        """What changed since."""
        return await self._read(lambda tx: annotating.changes(tx, owner, self.account_id, since))

    async def _check_annotatable(self, tx: Tx, where: MailboxRef) -> None:
        """Raise NotPermitted, MailboxNotFound for another's mailbox whose annotations are closed to this person."""
        if not annotatable((await require(tx, self.account_id, where, Rights.LOOKUP)).rights):
            raise NotPermitted("You have no right to do this")

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        """Hear of changes of the owner's mailboxes; the answer ends it."""
        return self._watchers.add(owner, notify)

    async def _read(self, work: Work[T], *, brief: bool = True) -> T:
        try:
            return await self._database.read(work, brief=brief)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error

    async def _write(self, work: Work[T], *, durable: bool = True) -> T:
        try:
            return await self._database.write(work, durable=durable)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error

    async def _write_alone(self, work: Work[T], *, durable: bool = False) -> T:
        try:
            return await self._database.write_alone(work, durable=durable)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error


def _unavailable(error: DatabaseUnavailable) -> ServiceUnavailable:
    log.error("database unavailable", reason=str(error))
    return ServiceUnavailable("The mailboxes cannot be reached right now. Please try again later.")


def _previews(chunks: Mapping[bytes, Iterable[bytes]]) -> Mapping[bytes, bytes]:
    return {message_id: make_preview(beginning) for message_id, beginning in messages.joined(chunks).items()}


def _now() -> int:
    return int(time.time())
