"""Archive and purge everybody whose time is over: each account all or nothing, one run at a time on whatever node."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection

from mailgate.config import Settings
from mailgate.database.batch import batch_transaction
from mailgate.retention.archiving import Archived, archive
from mailgate.retention.due import Due, all_leavers, to_purge
from mailgate.retention.lease import RENEWAL, Lease, LeaseLostError
from mailgate.retention.leavers import end_graces
from mailgate.retention.purging import ChangedError, Counts, purge
from mailgate.store import MailStore
from mailgate.transfer.archive import ArchiveError
from mailgate.transfer.exporting import Format
from mailgate.transfer.report import quiet

T = TypeVar("T")
Progress = Callable[[str, int], None]
"""Called with the address of each leaver and the number of those who are done with."""

log = structlog.stdlib.get_logger("mailgate.retention")

NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Purged:
    """An account that is no more."""

    address: str
    account_id: int
    counts: Counts
    archive: str = ""


@dataclass(slots=True)
class Outcome:
    """What a run did; who failed stays whole until the next."""

    suspended: int = 0
    purged: list[Purged] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Address and reason."""


@dataclass(frozen=True, slots=True)
class Runner:
    """One run, on an open store."""

    settings: Settings
    store: MailStore
    clock: Callable[[], float] = time.time
    lease: Lease = field(default_factory=Lease)

    async def run(self, progress: Progress = lambda _address, _done: None) -> Outcome:
        """End graces, then archive and purge. Raises LeaseLostError when another run is at work."""
        outcome = Outcome()
        now = int(self.clock())
        async with self._leased():
            outcome.suspended = len(await self._apply(partial(end_graces, now=now)))
            leavers = await self._apply(partial(all_leavers, settings=self.settings.retention))
            for done, one in enumerate(to_purge(leavers, now)):
                progress(one.address, done)
                try:
                    outcome.purged += [await self._end(one, account_id) for account_id in one.accounts]
                except (ChangedError, ArchiveError, OSError) as error:
                    outcome.failed.append((one.address, str(error)))
                    log.warning("leaver not purged", account_id=one.account_id, reason=str(error))
        return outcome

    async def _end(self, one: Due, account_id: int) -> Purged:
        archived = await self._archived(one, account_id)

        def work(connection: Connection) -> Counts:
            self.lease.check(connection)
            return purge(connection, one, account_id, archived, int(self.clock()))

        counts = await self._apply(work)
        log.info("leaver purged", account_id=account_id, messages=counts.messages, archived=archived is not None)
        return Purged(one.address, account_id, counts, "" if archived is None else archived.path)

    async def _archived(self, one: Due, account_id: int) -> Archived | None:
        wanted = self.settings.retention
        if wanted.archive == NONE:
            return None
        day = datetime.fromtimestamp(one.left_at, UTC).date()
        name = f"{day}-{one.address}-{account_id}"
        account = self.store.account(account_id, one.address)
        return await archive(account, wanted.archive_folder, name, Format(wanted.archive), quiet)

    @contextlib.asynccontextmanager
    async def _leased(self) -> AsyncIterator[None]:
        await self._apply(self.lease.take)
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await self._apply(self.lease.give_back)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            try:
                await self._apply(self.lease.take)
            except LeaseLostError:
                return  # the next purge finds out

    async def _apply(self, work: Callable[[Connection], T]) -> T:
        async with batch_transaction(self.settings.database.url) as connection:
            return await connection.run_sync(work)
