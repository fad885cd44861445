"""The message store, as the application opens it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from imap.backend import Account
from mailgate.database import Database
from mailgate.store import collector, delivery, maintenance, provisioning
from mailgate.store.account import StoreAccount
from mailgate.store.caches import Caches
from mailgate.store.content_cache import ContentCache
from mailgate.store.contents import Content, prepare
from mailgate.store.feed import Watchers
from mailgate.store.rendered_cache import RenderedCache
from mailgate.store.search.finder import Finder

APPEND_LIMIT: Final = 50 * 1024 * 1024
"""Octets of one appended message, unless the configuration says otherwise."""


class MailStore:
    """Mailboxes and messages of all accounts on one database, whose tables exist (`mailgate.store.schema`)."""

    def __init__(
        self,
        database: Database,
        *,
        append_limit: int = APPEND_LIMIT,
        server_annotations: Mapping[str, bytes] | None = None,
    ) -> None:
        """`server_annotations`: what the administrator says of the server to all, by entry (RFC 5464 3.2.1.1)."""
        self._database = database
        self._append_limit = append_limit
        self._server_annotations = dict(server_annotations or {})
        self._watchers = Watchers()
        self._caches = Caches(RenderedCache(), ContentCache())
        self._finder = Finder(database)
        self._stop_listening: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to pass on the changes of all processes to those who watch."""
        if self._stop_listening is None:
            self._stop_listening = self._database.listen(self._watchers.receive)

    async def close(self) -> None:
        """End the watches; the database stays open."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None

    async def create_accounts(self, accounts: Sequence[tuple[int, int]]) -> None:
        """Make these accounts, each (id, quota limit in octets or 0), with INBOX and the special mailboxes.

        Accounts that exist stay as they are.
        """
        now = int(time.time())
        await self._database.write(lambda tx: provisioning.insert_accounts(tx, accounts, now))

    async def deliver(
        self,
        content: Content,
        account_ids: Collection[int],
        *,
        internal_date: int | None = None,
        sent_copy_for: int | None = None,
    ) -> None:
        """Put a message into the INBOX of each account, once, whatever the number; durable when this returns.

        `sent_copy_for` names the account that gets a copy in its Sent mailbox, marked ``\\Seen``. All of it and its
        notifications are one transaction.

        Raises:
            AccountNotFound: one of the accounts does not exist; nobody got the message.
        """
        with ExitStack() as stack:
            prepared = await prepare(content, stack)
            date = prepared.stored_at if internal_date is None else internal_date
            accounts = frozenset(account_ids)
            await self._database.write(lambda tx: delivery.deliver(tx, prepared, accounts, date, sent_copy_for))

    def account(self, account_id: int, username: str) -> Account:
        """The mailboxes of one person who signed in as `username`."""
        return StoreAccount(
            self._database,
            self._watchers,
            self._caches,
            self._finder,
            account_id,
            username,
            self._append_limit,
            self._server_annotations,
        )

    async def maintain(self) -> None:
        """The daily upkeep: trim old tombstones and delete contents that nobody holds any more."""
        await maintenance.trim_tombstones(self._database)
        await collector.collect(self._database)
