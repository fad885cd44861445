"""The message store, as the application opens it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from imap.backend import Account
from mailgate.database import Database, Tx
from mailgate.store import collector, delivery, delivery_at_once, dispatches, maintenance, provisioning
from mailgate.store.account import StoreAccount
from mailgate.store.caches import Caches
from mailgate.store.content_cache import ContentCache
from mailgate.store.contents import Content, prepare
from mailgate.store.dispatches import Dispatch
from mailgate.store.feed import Watchers
from mailgate.store.parcels import Gate, Numbered, Parcel, PreparedParcel
from mailgate.store.rendered_cache import RenderedCache
from mailgate.store.search.finder import Finder
from mailgate.store.sent_copies import OwnCopies, name_of

APPEND_LIMIT: Final = 50 * 1024 * 1024
"""Octets of one appended message, unless the configuration says otherwise."""


_FEW: Final = 16
"""Mailboxes that get a content before it is rendered: of more, somebody asks before the indexer has done it."""


class _ToldMeanwhileError(Exception):
    """What was to be told once has been told, or is true no more."""


class MailStore:
    """Mailboxes and messages of all accounts on one database, whose tables exist (`mailgate.store.schema`)."""

    def __init__(
        self,
        database: Database,
        *,
        append_limit: int = APPEND_LIMIT,
        server_annotations: Mapping[str, bytes] | None = None,
        sent_history: int = dispatches.HISTORY,
    ) -> None:
        """`server_annotations`: what the administrator says of the server to all, by entry (RFC 5464 3.2.1.1);
        `sent_history`: seconds that it is known who was sent what.
        """
        self._database = database
        self._sent_history = sent_history
        self._append_limit = append_limit
        self._server_annotations = dict(server_annotations or {})
        self._watchers = Watchers()
        self._caches = Caches(RenderedCache(), ContentCache())
        self._finder = Finder(database)
        self._own_copies = OwnCopies()
        self._stop_listening: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to pass on the changes of all processes to those who watch."""
        if self._stop_listening is None:
            self._stop_listening = self._database.listen(self._receive)

    async def close(self) -> None:
        """End the watches; the database stays open."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None

    def _receive(self, payload: str | None) -> None:
        self._watchers.receive(payload)
        self._caches.receive(payload)

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
        """Put a message into the INBOX of each account: `deliver_all` of one parcel."""
        await self.deliver_all([Parcel(content, frozenset(account_ids), sent_copy_for)], internal_date=internal_date)

    async def deliver_all(
        self,
        parcels: Sequence[Parcel],
        *,
        internal_date: int | None = None,
        first: Callable[[Tx], Awaitable[None]] | None = None,
        dispatch: Dispatch | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Put messages into the INBOX of their accounts, each once, whatever the number; durable when this returns.

        All of it, its notifications and what `first` writes before are one transaction; when `first` raises, nothing
        was delivered. `dispatch` is noted with it, so that the message can be found again. `gate` is what may stand for
        `first`: with it, most deliveries are one statement on PostgreSQL.

        Raises:
            AccountNotFound: one of the accounts does not exist; nobody got a message.
        """
        with ExitStack() as stack:
            prepared = [await _prepared(parcel, stack) for parcel in parcels]

            async def work(tx: Tx) -> list[list[Numbered]]:
                if first is not None:
                    await first(tx)
                if dispatch is not None:
                    await dispatches.record(tx, dispatch, prepared)
                return await delivery.deliver(tx, prepared, internal_date, self._own_copies)

            copies = None
            if dispatch is not None and gate is not None and self._fits_one_statement(prepared):
                copies = await self._database.write_alone(
                    lambda tx: delivery_at_once.deliver(tx, gate, dispatch, prepared[0], self._own_copies), durable=True
                )
            if copies is None:
                copies = await self._database.write(work)
            self._own_copies.note(prepared, copies)

    async def deliver_once(self, parcels: Sequence[Parcel], note: Callable[[Tx], Awaitable[bool]]) -> bool:
        """Deliver what is told of once, and `note` that it is told in the same transaction, so that it is told neither
        twice nor not at all, whoever is killed and however many processes try. False when `note` says that there is
        nothing to be told any more, as after another process: nothing was delivered then.
        """

        async def first(tx: Tx) -> None:
            if not await note(tx):
                raise _ToldMeanwhileError

        try:
            await self.deliver_all(parcels, first=first)
        except _ToldMeanwhileError:
            return False
        return True

    def _fits_one_statement(self, parcels: Sequence[PreparedParcel]) -> bool:
        return self._database.engine == "postgresql" and len(parcels) == 1 and delivery_at_once.fits(parcels[0])

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
        """The daily upkeep: settle changed flags, trim old tombstones, forget what was sent long ago, and delete
        contents that nobody holds.
        """
        await maintenance.settle_flags(self._database)
        await maintenance.trim_tombstones(self._database)
        await dispatches.forget_old(self._database, self._sent_history)
        await collector.collect(self._database)


async def _prepared(parcel: Parcel, stack: ExitStack) -> PreparedParcel:
    content = await prepare(parcel.content, stack, rendered=len(parcel.account_ids) > _FEW)
    return PreparedParcel(
        content,
        parcel.account_ids,
        parcel.sent_copy_for,
        parcel.list_id,
        parcel.archive_id,
        parcel.stored,
        parcel.junk,
        b"" if parcel.sent_copy_for is None else name_of(content),
    )
