"""The one way of a transfer into the store: batches of messages, a transaction each, through APPEND's own path."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from imap.backend import EVERYTHING, Account, Appended
from imap.errors import OverQuota, TooManyKeywords
from imap.flags import MAX_KEYWORDS
from mailgate.database import Database, Tx
from mailgate.store.appends import Arrival, append
from mailgate.store.contents import prepare
from mailgate.store.keywords import MAX_KEYWORD_LENGTH
from mailgate.transfer.mail import Mail
from mailgate.transfer.report import FolderReport

BATCH_OCTETS: Final = 8 * 1024 * 1024
"""Octets of one batch; a larger message is a batch alone."""
BATCH_MESSAGES: Final = 200
_ATTEMPTS: Final = 3
_KEYWORD: Final = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")


Beside = Callable[[Tx, Sequence[Mail], Appended], Coroutine[Any, Any, None]]
"""Work of the same transaction, told which messages were filed under which UIDs."""


async def _nothing(_tx: Tx, _filed: Sequence[Mail], _appended: Appended) -> None:
    """Nothing beside the messages."""


def usable_keywords(names: Sequence[str]) -> tuple[str, ...]:
    """Those names that can be keywords here (RFC 9051 section 9, flag-keyword), each once."""
    unique = {name.lower(): name for name in reversed(names) if _KEYWORD.fullmatch(name)}
    return tuple(sorted(name for name in unique.values() if len(name) <= MAX_KEYWORD_LENGTH))


def refusal(size: int, append_limit: int) -> str | None:
    """Why a message of this size cannot be taken, whatever the room; None when it can."""
    if size > append_limit:
        return f"{size:,} octets are more than imap.max_message_size allows ({append_limit:,})"
    return None if size else "the message is empty"


class Intake:
    """Files messages into the mailboxes of one account."""

    def __init__(self, database: Database, account: Account) -> None:
        self._database = database
        self.account = account

    async def room(self) -> int | None:
        """Octets that the quota leaves; None when there is no limit."""
        quota = await self.account.quota()
        return max(0, quota.limit - quota.used) if quota.limit else None

    async def append(self, target: str, batch: Sequence[Mail], report: FolderReport, beside: Beside = _nothing) -> None:
        """File a batch in one transaction, without the messages that cannot be taken; the report tells all of it.

        Raises MailboxNotFound, DatabaseError.
        """
        acceptable = []
        for message in batch:
            reason = refusal(message.size, self.account.append_limit)
            if reason is None:
                acceptable.append(message)
            else:
                report.refuse(message.label, reason)
        for _ in range(_ATTEMPTS):
            acceptable = await self._within_quota(acceptable, report)
            try:
                await self._write(target, acceptable, beside)
            except OverQuota:
                continue  # others write to this account too
            except TooManyKeywords:
                fitted = await self._with_known_keywords(target, acceptable)
                report.keywords_dropped += sum(
                    old.keywords != new.keywords for old, new in zip(acceptable, fitted, strict=True)
                )
                acceptable = fitted
                continue
            report.copied += len(acceptable)
            report.copied_octets += sum(message.size for message in acceptable)
            return
        for message in acceptable:
            report.refuse(message.label, "the account has no room for it")

    async def _write(self, target: str, batch: Sequence[Mail], beside: Beside) -> None:
        if not batch:
            return
        now = int(time.time())
        with ExitStack() as stack:
            arrivals = [
                Arrival(
                    await prepare(message.content, stack),
                    message.flags,
                    message.keywords,
                    message.date,
                )
                for message in batch
            ]

            async def work(tx: Tx) -> None:
                appended = await append(tx, self.account.account_id, target, arrivals, now)
                await beside(tx, batch, appended)

            await self._database.write(work)

    async def _within_quota(self, batch: Sequence[Mail], report: FolderReport) -> list[Mail]:
        room = await self.room()
        if room is None:
            return list(batch)
        kept = []
        for message in batch:
            if message.size <= room:
                room -= message.size
                kept.append(message)
            else:
                report.refuse(message.label, over_quota(message.size))
        return kept

    async def _with_known_keywords(self, target: str, batch: Sequence[Mail]) -> list[Mail]:
        """The same messages without the new keywords that the mailbox's table has no place for."""
        status = await self.account.mailbox(target)
        known = (await self.account.changes(status.ref, EVERYTHING)).keywords
        allowed = {name.lower() for name in known}
        for name in (name for message in batch for name in message.keywords):
            if len(allowed) < MAX_KEYWORDS:
                allowed.add(name.lower())
        return [
            replace(message, keywords=tuple(name for name in message.keywords if name.lower() in allowed))
            for message in batch
        ]


def over_quota(size: int) -> str:
    """Why a message that the quota has no room for is refused."""
    return f"the account's quota has no room for {size:,} octets more"


class Batch:
    """Collects messages up to the bounds of one transaction."""

    def __init__(self) -> None:
        self.messages: list[Mail] = []
        self._octets = 0

    @property
    def full(self) -> bool:
        """Whether it is time to file them. A message that has come is kept, so one batch may be a message too large."""
        return len(self.messages) >= BATCH_MESSAGES or self._octets >= BATCH_OCTETS

    def add(self, message: Mail) -> None:
        """Put a message in."""
        self.messages.append(message)
        self._octets += message.size
