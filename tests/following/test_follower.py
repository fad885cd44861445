"""A running gateway follows an LDAP server: changes show by themselves, and nothing that happens to it loses any."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from directory import following
from directory.model import DirectoryError, Record
from directory.opening import read_server
from directory.source import Source
from mailgate.config import Retention, Settings
from mailgate.config.retention import Leavers
from mailgate.following import states
from mailgate.following.follower import Follower
from mailgate.following.states import State
from mailgate.following.syncing import sync_source
from mailgate.retention.leavers import DAY
from mailgate.retention.schema import leaver
from tests.following.conftest import Site

WITHIN = 60.0
"""Seconds: the minute in which a change is to show."""


async def until(site: Site, holds: Callable[[State], bool]) -> State:
    """The state of the source, as soon as it is so."""
    async with asyncio.timeout(WITHIN):
        while True:
            state = await site.state()
            if holds(state):
                return state
            await asyncio.sleep(0.1)


@asynccontextmanager
async def followed(site: Site) -> AsyncIterator[None]:
    follower = Follower(site.settings)
    await follower.start()
    try:
        yield
    finally:
        await follower.close()


async def test_a_change_shows_within_a_minute_and_the_server_may_go_and_come_back(site: Site) -> None:
    before = await site.members()
    first, second, *_ = site.pupils()
    async with followed(site):
        begun = await site.state()
        await until(site, lambda state: state.looked_at > begun.looked_at)
        site.out_of_class(first)
        state = await until(site, lambda state: state.changed_at > begun.changed_at)
        after = await site.members()
        assert after < before
        assert state.compared_at == begun.compared_at, "what changed was enough"
        site.server.kill()
        broken = await until(site, lambda state: state.failures > 0)
        assert "no connection" in broken.error or "lost" in broken.error
        assert await site.members() == after
        site.server.restart()
        site.out_of_class(second)
        await until(site, lambda now: now.changed_at > state.changed_at and not now.failures)
        assert await site.members() < after


async def test_a_look_without_changes_starts_no_process(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("mailgate.following.follower.in_child", never)
    follower = Follower(site.settings)
    begun = await site.state()
    await site.do(lambda connection: states.change(connection, begun, next_look=0, looked_at=0))
    await follower.look()
    assert (await site.state()).looked_at > 0


async def test_two_gateways_take_turns(site: Site) -> None:
    begun = await site.state()
    await site.do(lambda connection: states.change(connection, begun, next_look=0))
    now = int(time.time())
    first, second = [await site.do(lambda connection: states.claim(connection, "demo", "ent", now)) for _ in range(2)]
    assert first is not None
    assert second is None


async def test_a_source_that_was_never_imported_is_left_alone(site: Site) -> None:
    follower = Follower(_renamed(site.settings, "another"))
    assert await follower.look() == site.live.server.every
    assert (await site.do(lambda connection: states.state_of(connection, "demo", "another"))).looked_at == 0


async def test_a_server_that_restarts_between_two_pages_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await site.members()

    def restarted(source: Source, server: Mapping[str, Any]) -> Iterator[Record]:
        for number, record in enumerate(read_server(source, server)):
            if number == 600:
                site.server.restart()
            yield record

    monkeypatch.setattr(following, "read_server", restarted)
    with pytest.raises(DirectoryError, match=r"lost|cannot be read"):
        await sync_source(site.settings, site.live, complete=True)
    assert await site.members() == before
    state = await site.state()
    assert state.failures == 1
    monkeypatch.undo()
    assert (await sync_source(site.settings, site.live, complete=True)).complete
    assert (await site.state()).failures == 0
    assert await site.members() == before


async def test_kill_9_in_the_middle_leaves_all_or_nothing(site: Site) -> None:
    before = await site.members()
    site.out_of_class(site.pupils()[0])
    database = site.settings.database.url.removeprefix("sqlite:///")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailgate.following.child", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.write(pickle.dumps((site.settings, "ent")))
    child.stdin.write_eof()
    await _until_writing(database, child.wait)
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    assert await site.members() == before
    assert (await sync_source(site.settings, site.live)).changed
    assert await site.members() < before


async def test_who_left_reads_on_for_as_long_as_is_set(site: Site) -> None:
    gone = site.pupils()[0]
    with site.server.writing() as directory:
        directory.delete(gone)
    retention = Retention(pupils=Leavers(reading_days=7))
    settings = msgspec.structs.replace(site.settings, retention=retention)
    assert (await sync_source(settings, site.live)).changed
    graces = select(leaver.c.reads_until - leaver.c.left_at).where(leaver.c.profile == "pupil")
    assert await site.do(lambda connection: connection.scalars(graces).all()) == [7 * DAY]


async def _until_writing(database: str, ended: Callable[[], Awaitable[int]]) -> None:
    """Until somebody else is in the middle of a transaction that writes."""
    end = asyncio.ensure_future(ended())
    async with asyncio.timeout(WITHIN):
        while not end.done():
            connection = sqlite3.connect(database, timeout=0, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return
            finally:
                connection.close()
            await asyncio.sleep(0.02)
    pytest.fail("it ended before it could be killed")


def _renamed(settings: Settings, name: str) -> Settings:
    (source,) = settings.directory.sources
    directory = msgspec.structs.replace(settings.directory, sources=(msgspec.structs.replace(source, name=name),))
    return msgspec.structs.replace(settings, directory=directory)
