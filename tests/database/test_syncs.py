"""On SQLite a durable write returns when a sync of the log that began after its commit has ended."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial

import pytest

from mailgate.database import Database, DatabaseUnavailable
from tests.database.tables import WAIT, add, ids


class Disk:
    """Syncs that last until they are let go, or fail."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = False
        self._begun = threading.Semaphore(0)
        self._go = threading.Semaphore(0)
        self._sync = os.fdatasync

    def sync(self, descriptor: int) -> None:
        self.begun += 1
        self._begun.release()
        assert self._go.acquire(timeout=WAIT)
        if self.fails:
            raise OSError(5, "Input/output error")
        self._sync(descriptor)

    def let_go(self, number: int = 1) -> None:
        self._go.release(number)

    async def is_syncing(self) -> None:
        """Wait until one more sync has begun."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=WAIT)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(os, "fdatasync", made.sync)
    return made


@pytest.mark.parametrize("brief", [True, False])
async def test_others_write_while_one_waits_for_the_disk_and_share_the_next_sync(
    sqlite: Database, disk: Disk, *, brief: bool
) -> None:
    first = asyncio.ensure_future(sqlite.write(partial(add, number=1), brief=brief))
    await disk.is_syncing()
    others = [asyncio.ensure_future(sqlite.write(partial(add, number=number), brief=brief)) for number in range(2, 9)]
    await asyncio.sleep(0)
    await sqlite.write(partial(add, number=9), durable=False, brief=brief)
    assert await sqlite.read(ids) == list(range(1, 10))
    assert not first.done()

    disk.let_go()
    await first
    await disk.is_syncing()
    assert not any(other.done() for other in others)
    disk.let_go()
    await asyncio.gather(*others)
    assert disk.begun == 2


async def test_a_caller_that_goes_away_leaves_the_others_theirs(sqlite: Database, disk: Disk) -> None:
    first, second = (asyncio.ensure_future(sqlite.write(partial(add, number=number))) for number in (1, 2))
    await disk.is_syncing()
    first.cancel()
    disk.let_go(2)
    await second
    assert first.cancelled()
    assert await sqlite.read(ids) == [1, 2]


async def test_after_a_sync_that_failed_nothing_is_said_to_be_on_disk(sqlite: Database, disk: Disk) -> None:
    disk.fails = True
    disk.let_go()
    with pytest.raises(DatabaseUnavailable, match="disk"):
        await sqlite.write(partial(add, number=1))
    disk.fails = False
    disk.let_go(2)
    with pytest.raises(DatabaseUnavailable, match="disk"):
        await sqlite.write(partial(add, number=2))
    assert disk.begun == 1
    await sqlite.write(partial(add, number=3), durable=False)


async def test_closing_waits_for_the_disk(sqlite: Database, disk: Disk) -> None:
    write = asyncio.ensure_future(sqlite.write(partial(add, number=1)))
    await disk.is_syncing()
    closing = asyncio.ensure_future(sqlite.close())
    await asyncio.sleep(0)
    assert not closing.done()
    disk.let_go()
    await closing
    await write
