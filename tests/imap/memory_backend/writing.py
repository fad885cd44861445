"""Changes of messages: flags, copies, new ones, expunges."""

from __future__ import annotations

import time
from collections.abc import Sequence

from imap import flags
from imap.backend import (
    Appended,
    Change,
    Copied,
    FlagAction,
    MailboxRef,
    Marking,
    NewMessage,
    Replaced,
    Stored,
)
from imap.errors import ImapError, MessageGone, MessageTooLarge, NotPermitted, OverQuota
from imap.rights import Rights, settable
from tests.imap.memory_backend.state import AccountState


class Writing(AccountState):
    """Changes of messages."""

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
        before = box.stamp
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
            box.stamp += 1
            self._tell(box.name)
        return Stored(box.highestmodseq, box.keywords, changed, conflicts, before, box.stamp)

    async def mark(self, mailbox: MailboxRef, marking: Marking) -> int | None:
        self._count("mark")
        box = self._box(mailbox)
        known = (marking.since, marking.stamp)
        if (box.highestmodseq, box.stamp) != known or mailbox.account_id != self.account_id:
            return None
        before = box.status()
        then = dict(zip(marking.uids, zip(marking.flags, marking.modseqs, strict=True), strict=True))
        for uid, (mask, modseq) in then.items():
            message = box.messages[uid]
            assert message.flags != mask
            assert marking.since < modseq <= marking.reached
            message.flags, message.modseq = mask, modseq
        box.highestmodseq = marking.reached
        box.stamp += 1
        after = box.status()
        assert (after.unseen - before.unseen, after.deleted - before.deleted) == (marking.unseen, marking.deleted)
        self._tell(box.name)
        return box.stamp

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
        for uid in uids:
            box.messages[uid].modseq = box.highestmodseq
        arrived = [Change(uid, box.messages[uid].flags, box.highestmodseq) for uid in uids]
        return Appended(box.ref, box.uidvalidity, arrived, box.keywords)

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
