"""A running gateway follows an LDAP server: changes show by themselves, and nothing that happens to it loses any."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from directory import following
from directory.following import Followed, follow
from directory.model import DirectoryError, Record
from directory.opening import read_server
from directory.schema import person
from directory.source import Source
from directory.sources import forget
from mailgate.config import Retention, Settings
from mailgate.config.retention import Leavers
from mailgate.following import states
from mailgate.following.follower import Follower
from mailgate.following.states import State
from mailgate.following.syncing import sync_source
from mailgate.retention.leavers import DAY
from mailgate.retention.schema import leaver
from tests.following.conftest import Site
from tests.support.slapd import added, replaced

WITHIN = 60.0
"""Seconds: the minute in which a change is to show."""
SCHOOL = "ENTStructureSIREN=19131310015001,ou=structures"
_GATEWAY = """
import asyncio, pickle, sys
from mailgate.following.follower import Follower

async def serve():
    await Follower(pickle.load(sys.stdin.buffer)).start()
    await asyncio.Event().wait()

asyncio.run(serve())
"""


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
    begun = await site.due()
    async with followed(site):
        await until(site, lambda state: state.looked_at >= begun.looked_at and not state.failures)
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


async def test_a_new_class_and_who_moves_there_and_who_is_deleted(site: Site) -> None:
    begun = await site.due()
    here = f"{SCHOOL},{site.server.suffix}"
    moved, gone, *_ = site.pupils()
    with site.server.writing() as directory:
        numbers = [site.number(directory, dn) for dn in (moved, gone)]
        directory.modify(here, added(ENTStructureClasses="6EME Z$6EME Z 6EME$10010012110"))
        directory.modify(moved, replaced(ENTEleveClasses=f"{here}$6EME Z"))
        directory.delete(gone)
    async with followed(site):
        state = await until(site, lambda state: state.changed_at > begun.changed_at)
    assert state.compared_at == begun.compared_at, "what changed was enough"
    assert await site.of("6eme-z.eleves@clg-frederic-mistral.ent.example.org") == {numbers[0]}
    assert await site.state_of(numbers[1]) == "left"
    whole = await sync_source(site.settings, site.live, complete=True)
    assert whole.report is not None
    assert whole.report.unchanged, "what was followed is what a complete reading gives"


async def test_a_look_without_changes_starts_no_process(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("mailgate.following.follower.in_child", never)
    begun = await site.due()
    await site.do(lambda connection: states.change(connection, begun, looked_at=0))
    await Follower(site.settings).look()
    assert (await site.state()).looked_at > 0


async def test_two_gateways_take_turns(site: Site) -> None:
    await site.due()
    now = int(time.time())
    first, second = [await site.do(lambda connection: states.claim(connection, "demo", "ent", now)) for _ in range(2)]
    assert first is not None
    assert second is None


async def test_a_source_that_was_never_imported_is_left_alone(site: Site) -> None:
    follower = Follower(_renamed(site.settings, "another"))
    assert await follower.look() == site.live.server.every
    assert (await site.do(lambda connection: states.state_of(connection, "demo", "another"))).looked_at == 0


async def test_a_source_that_is_forgotten_is_read_whole_the_next_time(site: Site) -> None:
    assert await site.do(lambda connection: forget(connection, "demo", "ent"))
    found = await sync_source(site.settings, site.live)
    assert found.complete
    assert found.report is not None
    assert found.report.taken[0].change.added > 100
    assert not found.report.directory.left


async def test_a_look_is_not_taken_in_when_the_year_turns_over_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def turn() -> None:
        state = await site.state()
        await site.do(lambda connection: states.change(connection, state, position=None))

    @contextmanager
    def slow(*words: Any) -> Iterator[Followed]:  # noqa: ANN401 - those of `follow`
        with follow(*words) as found:
            asyncio.run(turn())
            yield found

    for change in (None, site.pupils()[0]):
        await sync_source(site.settings, site.live)
        if change is not None:
            site.out_of_class(change)
        with monkeypatch.context() as patched:
            patched.setattr("mailgate.following.syncing.follow", slow)
            with pytest.raises(DirectoryError, match="the next one compares everything"):
                await sync_source(site.settings, site.live)
        state = await site.state()
        assert (state.position, state.failures) == (None, 1)
    assert (await sync_source(site.settings, site.live)).complete


async def test_a_server_that_restarts_between_two_pages_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await site.members()
    await site.due()

    def restarted(source: Source, server: Mapping[str, Any]) -> Iterator[Record]:
        for number, record in enumerate(read_server(source, {**server, "page_size": 20})):
            if number == 100:
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


@pytest.mark.parametrize(
    ("site", "what"),
    [("sqlite", "gateway and child"), ("postgresql", "gateway and child"), ("sqlite", "gateway")],
    indirect=["site"],
)
async def test_kill_9_in_the_middle_leaves_all_or_nothing(site: Site, what: str) -> None:
    begun = await site.due()
    before = await site.members()
    site.out_of_class(site.pupils()[0])
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _GATEWAY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert gateway.stdin is not None
    gateway.stdin.write(pickle.dumps(site.settings))
    gateway.stdin.write_eof()
    try:
        await _until_taking_in(site)
    finally:
        (os.kill if what == "gateway" else os.killpg)(gateway.pid, signal.SIGKILL)
        await gateway.wait()
    if what != "gateway":
        killed = await site.state()
        assert await site.members() == before
        assert (killed.changed_at, killed.position) == (begun.changed_at, begun.position)
        assert killed.next_look <= time.time() + killed.lease, "another gateway looks when the lease is over"
        await site.due()
        async with followed(site):
            await until(site, lambda state: state.changed_at > begun.changed_at)
    # What was begun comes to its end without the gateway, or the next one does it.
    await until(site, lambda state: state.changed_at > begun.changed_at)
    assert await site.members() < before


async def test_who_left_reads_on_for_as_long_as_is_set(site: Site) -> None:
    gone = site.pupils()[0]
    with site.server.writing() as directory:
        number = site.number(directory, gone)
        directory.delete(gone)
    retention = Retention(pupils=Leavers(reading_days=7))
    settings = msgspec.structs.replace(site.settings, retention=retention)
    assert (await sync_source(settings, site.live)).changed
    graces = select(leaver.c.reads_until - leaver.c.left_at).join(person, person.c.person_id == leaver.c.account_id)
    his = graces.where(person.c.source_id == number)
    assert await site.do(lambda connection: connection.scalars(his).all()) == [7 * DAY]


async def _until_taking_in(site: Site) -> None:
    """Until somebody who has claimed a look is in the middle of a change of the directory."""
    async with asyncio.timeout(WITHIN):
        while True:
            if (await site.state()).next_look and await site.taking_in():
                return
            await asyncio.sleep(0.01)


def _renamed(settings: Settings, name: str) -> Settings:
    (source,) = settings.directory.sources
    directory = msgspec.structs.replace(settings.directory, sources=(msgspec.structs.replace(source, name=name),))
    return msgspec.structs.replace(settings, directory=directory)
