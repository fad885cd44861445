"""An application in memory that follows `imap.backend` to the letter: the double for tests of the engine."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from imap import flags
from imap.backend import (
    SERVER,
    Account,
    AclChange,
    AclEntry,
    AnnotationChange,
    AnnotationChanges,
    Appended,
    Change,
    Changes,
    Copied,
    Entry,
    FlagAction,
    Grantable,
    Hint,
    MailboxRef,
    MailboxStatus,
    Marking,
    NewMessage,
    Peer,
    Quota,
    Rendered,
    Rendering,
    Replaced,
    Snapshot,
    Stored,
    TextHits,
    TextKey,
)
from imap.errors import (
    AuthenticationFailed,
    CommandRefused,
    ImapError,
    InvalidMailboxName,
    MailboxExists,
    MailboxHasChildren,
    MailboxIsPermanent,
    MailboxNotFound,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    OverQuota,
    TooManyAnnotations,
    TooManyKeywords,
)
from imap.message import RenderedMessage, render
from imap.rights import Rights, settable, tells_rights

SPECIAL_USES = {
    "Sent": "\\Sent",
    "Drafts": "\\Drafts",
    "Trash": "\\Trash",
    "Junk": "\\Junk",
    "Archive": "\\Archive",
}


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


class MemoryAccount:
    """One person's mailboxes; ``calls`` counts the looks at the store by method name."""

    def __init__(self, account_id: int, username: str, password: str) -> None:
        self.account_id = account_id
        self.username = username
        self.password = password
        self.append_limit = 0
        self.quota_limit = 0
        self.boxes: dict[MailboxRef, Mailbox] = {}
        self.subscribed: set[str] = set()
        self.calls: dict[str, int] = {}
        self.without_preview: set[bytes] = set()
        """Keys of messages as an older version stored them."""
        self._contents: dict[bytes, tuple[bytes, RenderedMessage]] = {}
        self._keys: dict[bytes, bytes] = {}
        self.annotations: dict[str, bytes] = {}
        """Of the server."""
        self.most_annotations = 100
        self.revision = 0
        self._annotation_log: list[AnnotationChange] = []
        self._watchers: list[Callable[[Hint], None]] = []
        self._next_id = 1
        self._new("INBOX")
        for name, use in SPECIAL_USES.items():
            self._new(name, use)

    # For tests: what happens outside any session

    def deliver(self, content: bytes, mailbox: str = "INBOX", mask: int = 0, keywords: Sequence[str] = ()) -> int:
        """A message arrives; give its UID."""
        uid = self.find(mailbox).add(content, mask, keywords, int(time.time()), self.key(content))
        self._tell(mailbox)
        return uid

    def find(self, name: str) -> Mailbox:
        """The mailbox. Raises MailboxNotFound."""
        for box in self.boxes.values():
            if box.name == name:
                return box
        raise MailboxNotFound(f"No mailbox {name}")

    @property
    def watchers(self) -> int:
        """How many watches are on."""
        return len(self._watchers)

    def _tell(self, *names: str, structure: bool = False, annotations: bool = False) -> None:
        ids = frozenset(box.ref.mailbox_id for box in self.boxes.values() if box.name in names)
        for notify in tuple(self._watchers):
            notify(Hint(ids, structure, annotations))

    def key(self, content: bytes) -> bytes:
        """The content's key, rendering it when it is new."""
        if content not in self._keys:
            self._keys[content] = b"%08d" % len(self._keys)
            self._contents[self._keys[content]] = (content, render(content))
        return self._keys[content]

    def _new(self, name: str, special_use: str | None = None) -> Mailbox:
        box = Mailbox(MailboxRef(self.account_id, self._next_id), name, 1_700_000_000 + self._next_id, special_use)
        self.boxes[box.ref] = box
        self._next_id += 1
        self.subscribed.add(name)
        return box

    def _box(self, ref: MailboxRef) -> Mailbox:
        if ref not in self.boxes:
            raise MailboxNotFound("The mailbox was deleted")
        return self.boxes[ref]

    def _count(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1

    # imap.backend.Account

    async def mailboxes(self) -> Sequence[MailboxStatus]:
        self._count("mailboxes")
        listed = [box for box in self.boxes.values() if Rights.LOOKUP in box.rights]
        return [box.status() for box in sorted(listed, key=lambda box: (box.name != "INBOX", box.name))]

    async def mailbox(self, name: str) -> MailboxStatus:
        return self._allowed(name, Rights.READ).status()

    def _allowed(self, name: str, needed: Rights) -> Mailbox:
        box = self.find(name)
        box.require(needed)
        return box

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
            target = self._new(new)
            await self.move(box.ref, list(box.messages), target.name)
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

    async def snapshot(self, mailbox: MailboxRef) -> Snapshot:
        self._count("snapshot")
        box = self._box(mailbox)
        box.require(Rights.READ)
        messages = list(box.messages.values())
        return Snapshot(
            box.uidvalidity,
            box.uidnext,
            box.highestmodseq,
            box.recent_from,
            box.keywords,
            [message.uid for message in messages],
            [message.flags for message in messages],
            [message.modseq for message in messages],
            box.rights,
        )

    async def changes(self, mailbox: MailboxRef, since: int) -> Changes:
        self._count("changes")
        box = self._box(mailbox)
        box.require(Rights.READ)
        changed = [Change(m.uid, m.flags, m.modseq) for m in box.messages.values() if m.modseq > since]
        vanished = sorted(uid for modseq, uid in box.expunged if modseq > since)
        complete = since >= box.log_from
        return Changes(
            box.highestmodseq,
            box.uidnext,
            box.keywords,
            changed,
            vanished if complete else [],
            complete=complete,
            rights=box.rights,
        )

    async def claim_recent(self, mailbox: MailboxRef, uidnext: int) -> int:
        self._count("claim_recent")
        box = self._box(mailbox)
        first, box.recent_from = box.recent_from, max(box.recent_from, uidnext)
        return first

    async def entries(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]:
        self._count("entries")
        messages = self._box(mailbox).messages
        found = [messages[uid] for uid in uids if uid in messages]
        return [Entry(m.uid, m.key, m.date, len(m.content), m.saved) for m in found]

    async def find_text(self, message_ids: Collection[bytes], keys: Sequence[TextKey]) -> TextHits:
        return TextHits([{} for _ in keys], message_ids)

    async def rendered(self, message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        self._count("rendered")
        found = {key: _only(self._contents[key][1], which) for key in message_ids}
        return {
            key: texts._replace(preview=None) if key in self.without_preview else texts for key, texts in found.items()
        }

    async def make_previews(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        self._count("make_previews")
        self.without_preview.difference_update(message_ids)
        return {key: self._contents[key][1].preview for key in message_ids}

    async def read(self, message_id: bytes, start: int, stop: int) -> bytes:
        self._count("read")
        assert stop - start <= 262_144
        return self._contents[message_id][0][start:stop]

    async def read_whole(self, message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        self._count("read_whole")
        return {key: self._contents[key][0] for key in message_ids}

    async def store(
        self,
        mailbox: MailboxRef,
        uids: Sequence[int],
        action: FlagAction,
        flags: int,
        keywords: Sequence[str],
        unchanged_since: int | None = None,
    ) -> Stored:
        self._count("store")
        box = self._box(mailbox)
        allowed = settable(box.rights)
        mask = flags | box.keyword_mask(keywords if Rights.WRITE in box.rights else ())
        if (mask or keywords or action is not FlagAction.REPLACE) and not mask & allowed:
            raise NotPermitted("You may not change these flags")
        mask &= allowed
        changed, conflicts = [], []
        modseq = box.highestmodseq + 1
        for uid in uids:
            message = box.messages.get(uid)
            if message is None:
                continue
            if unchanged_since is not None and message.modseq > unchanged_since:
                conflicts.append(uid)
                continue
            new = {
                FlagAction.REPLACE: mask | message.flags & ~allowed,
                FlagAction.ADD: message.flags | mask,
                FlagAction.REMOVE: message.flags & ~mask,
            }[action]
            if new != message.flags:
                message.flags, message.modseq = new, modseq
                changed.append(Change(uid, new, modseq))
        if changed:
            box.highestmodseq = modseq
            self._tell(box.name)
        return Stored(box.highestmodseq, box.keywords, changed, conflicts)

    async def mark(self, mailbox: MailboxRef, marking: Marking) -> bool:
        self._count("mark")
        box = self._box(mailbox)
        if box.highestmodseq != marking.since or mailbox.account_id != self.account_id:
            return False
        before = box.status()
        first, last = marking.changed[0].uid, marking.changed[-1].uid
        if marking.is_range:
            among = [box.messages[uid] for uid in box.messages if first <= uid <= last]
        else:
            among = [box.messages[change.uid] for change in marking.changed]
        box.highestmodseq += 1
        changed = []
        for message in among:
            new = message.flags & marking.kept | marking.added
            if new != message.flags:
                message.flags, message.modseq = new, box.highestmodseq
                changed.append(Change(message.uid, new, message.modseq))
        after = box.status()
        assert changed == marking.changed
        assert (after.unseen - before.unseen, after.deleted - before.deleted) == (marking.unseen, marking.deleted)
        self._tell(box.name)
        return True

    async def expunge(self, mailbox: MailboxRef, uids: Sequence[int] | None) -> tuple[int, Sequence[int]]:
        box = self._box(mailbox)
        box.require(Rights.EXPUNGE)
        wanted = box.messages.keys() if uids is None else set(uids)
        gone = [uid for uid, m in box.messages.items() if uid in wanted and m.flags & flags.DELETED]
        box.remove(gone)
        if gone:
            self._tell(box.name)
        return box.highestmodseq, gone

    async def copy(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        return self._transfer(self._box(mailbox), uids, self._allowed(target, Rights.INSERT))

    async def move(self, mailbox: MailboxRef, uids: Sequence[int], target: str) -> Copied:
        source = self._box(mailbox)
        source.require(Rights.DELETE_MESSAGES | Rights.EXPUNGE)
        copied = self._transfer(source, uids, self._allowed(target, Rights.INSERT))
        source.remove(copied.source)
        self._tell(source.name)
        return Copied(copied.mailbox, copied.uidvalidity, copied.source, copied.target, source.highestmodseq)

    def _transfer(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> Copied:
        pairs = []
        for uid in uids:
            message = source.messages.get(uid)
            if message is not None:
                kept = message.flags & settable(target.rights)
                names = flags.flag_names(kept & ~flags.SYSTEM_MASK, source.keywords)
                mask = kept & flags.SYSTEM_MASK
                pairs.append((uid, target.add(message.content, mask, names, message.date, message.key)))
        self._tell(target.name)
        return Copied(target.ref, target.uidvalidity, [pair[0] for pair in pairs], [pair[1] for pair in pairs])

    async def append(self, target: str, messages: Sequence[NewMessage]) -> Appended:
        box = self._allowed(target, Rights.INSERT)
        contents = [message.content.read() for message in messages]
        if self.append_limit and any(len(content) > self.append_limit for content in contents):
            raise MessageTooLarge("The message is too large")
        used = sum(box.status().size for box in self.boxes.values())
        if self.quota_limit and used + sum(map(len, contents)) > self.quota_limit:
            raise OverQuota("The mailbox is full")
        now = int(time.time())
        uids = [
            box.add(
                content,
                message.flags & settable(box.rights),
                message.keywords if Rights.WRITE in box.rights else (),
                now if message.internal_date is None else message.internal_date,
                self.key(content),
            )
            for content, message in zip(contents, messages, strict=True)
        ]
        self._tell(target)
        return Appended(box.ref, box.uidvalidity, uids)

    async def replace(self, mailbox: MailboxRef, uid: int, target: str, message: NewMessage) -> Replaced:
        source = self._box(mailbox)
        if uid not in source.messages:
            raise MessageGone("The message was expunged")
        old = source.messages.pop(uid)
        try:
            appended = await self.append(target, [message])
        except ImapError:
            source.messages[uid] = old
            source.messages = dict(sorted(source.messages.items()))
            raise
        source.messages[uid] = old
        source.remove([uid])
        self._tell(source.name)
        return Replaced(appended, source.highestmodseq)

    async def statuses(self, mailboxes: Collection[MailboxRef]) -> Sequence[MailboxStatus]:
        self._count("statuses")
        return [box.status() for box in self.boxes.values() if box.ref in mailboxes]

    def _annotations(self, where: MailboxRef) -> dict[str, bytes]:
        return self.annotations if where.mailbox_id == SERVER else self._box(where).annotations

    async def annotation_sizes(self, where: MailboxRef) -> Mapping[str, int]:
        return {entry: len(value) for entry, value in self._annotations(where).items()}

    async def annotation_values(
        self, wheres: Collection[MailboxRef], entries: Collection[str]
    ) -> Mapping[MailboxRef, Mapping[str, bytes]]:
        self._count("annotation_values")
        return {
            where: {entry: value for entry, value in self._annotations(where).items() if entry in entries}
            for where in wheres
        }

    async def annotate(self, where: MailboxRef, values: Mapping[str, bytes | None]) -> int:
        held = self._annotations(where)
        if len(held.keys() | {entry for entry, value in values.items() if value is not None}) > self.most_annotations:
            raise TooManyAnnotations("Too many annotations")
        self.revision += 1
        for entry, value in values.items():
            if value is not None:
                held[entry] = value
            elif held.pop(entry, None) is None:
                continue
            self._annotation_log.append(AnnotationChange(where.mailbox_id, entry, self.revision))
        self._tell(annotations=True)
        return self.revision

    async def annotation_changes(self, owner: int, since: int) -> AnnotationChanges:
        self._count("annotation_changes")
        return AnnotationChanges(self.revision, [change for change in self._annotation_log if change.revision > since])

    async def quota(self) -> Quota:
        boxes = [box.status() for box in self.boxes.values()]
        return Quota(sum(box.size for box in boxes), self.quota_limit, sum(box.messages for box in boxes))

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        self._watchers.append(notify)
        return lambda: self._watchers.remove(notify)


def _only(rendered: RenderedMessage, which: Rendering) -> Rendered:
    """Texts that were not asked for stay empty, so that a handler that forgets one is found out."""
    return Rendered(
        **{member.name.lower(): getattr(rendered, member.name.lower()) for member in which if member.name is not None}
    )


class _Plain:
    """SASL PLAIN (RFC 4616)."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self.account: Account | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b""
        pieces = response.split(b"\0")
        if len(pieces) != 3:
            raise AuthenticationFailed("Sign-in failed")
        self.account = self._backend.check(pieces[1].decode(), pieces[2].decode())
        return None


class _Login:
    """The old LOGIN exchange: two challenges."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._username: str | None = None
        self.account: Account | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b"Username:"
        if self._username is None:
            self._username = response.decode()
            return b"Password:"
        self.account = self._backend.check(self._username, response.decode())
        return None


class MemoryBackend:
    """Some accounts in memory."""

    def __init__(self, *accounts: MemoryAccount) -> None:
        self.accounts = {account.username: account for account in accounts}
        self.peers: list[Peer] = []

    def check(self, username: str, password: str) -> MemoryAccount:
        account = self.accounts.get(username)
        if account is None or account.password != password:
            raise AuthenticationFailed("Sign-in failed")
        return account

    def mechanisms(self) -> Sequence[str]:
        return ("PLAIN", "LOGIN")

    def sasl(self, mechanism: str, peer: Peer) -> _Plain | _Login:
        self.peers.append(peer)
        return _Plain(self) if mechanism == "PLAIN" else _Login(self)

    async def login(self, username: str, password: str, peer: Peer) -> MemoryAccount:
        self.peers.append(peer)
        return self.check(username, password)


def plain_response(username: str, password: str) -> str:
    """What a client sends for SASL PLAIN."""
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode()


def only_count(account: MemoryAccount) -> list[int]:
    """From now on APPEND to INBOX keeps nothing but the sizes, given here: what memory it takes is the engine's."""
    sizes: list[int] = []

    async def count(target: str, messages: Sequence[NewMessage]) -> Appended:
        assert target == "INBOX"
        sizes.extend(one.content.seek(0, os.SEEK_END) for one in messages)
        return Appended(MailboxRef(1, 1), 1, [1])

    account.append = count  # type: ignore[method-assign]
    return sizes
