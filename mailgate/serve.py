"""Serving until told to stop: signals, worker processes, one event loop in each."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import structlog
import uvloop

from mailgate import migrations
from mailgate.allocator import keep_large_blocks_apart
from mailgate.app import Gateway, Sockets, load_tls
from mailgate.config import Settings
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.following.follower import Follower
from mailgate.store.search.indexer import Indexer
from mailgate.workers import Lifeline, supervise

log = structlog.stdlib.get_logger("mailgate")

_GARBAGE_THRESHOLDS: Final = (20_000, 20, 50)
"""A list of 10,000 messages makes objects enough for several full collections at Python's own (700, 10, 10)."""

_INDEXER_NICENESS: Final = 10
"""Who serves comes first."""
_SWITCH_SECONDS: Final = 0.0001
"""How long a thread that wants to run Python waits for another: at Python's own 5 ms, SQLite's writer and the event
loop spend more time waiting for one another, at each statement, than working.
"""


def worker_count(settings: Settings) -> int:
    """How many processes serve: as configured, else one per core; SQLite has one writer and so one process."""
    if settings.database.url.startswith("sqlite"):
        return 1
    return settings.gateway.workers or len(os.sched_getaffinity(0))


def serve(settings: Settings, on_ready: Callable[[Sockets], None]) -> int:
    """Bring the schema up to date, then serve until SIGTERM or SIGINT. Give the exit code.

    `on_ready` runs once, when every listener answers, with the sockets' real addresses.

    Raises:
        TlsUnusable, ConfigError, OSError, DatabaseError: before anything is served.
        WorkerFailedError: a worker could not start.
    """
    # Once, before anything starts: what cannot be used is one clear error and not one for each worker.
    load_tls(settings)
    keep_large_blocks_apart()
    sockets = Sockets.bound(settings)
    uvloop.run(upgrade_schema(settings))
    count = worker_count(settings)
    if count == 1:
        uvloop.run(run(settings, sockets, lambda: on_ready(sockets)))
        return 0

    def serve_worker(lifeline: Lifeline) -> None:
        uvloop.run(_run_worker(settings, sockets, lifeline))

    def index_worker(lifeline: Lifeline) -> None:
        uvloop.run(_run_indexer(settings, lifeline))

    return supervise([index_worker, *[serve_worker] * count], lambda: on_ready(sockets))


async def upgrade_schema(settings: Settings) -> None:
    """Bring the database to the schema that this program needs."""
    async with batch_engine(settings.database.url, create=True) as engine:
        await migrations.upgrade(engine)


async def run(
    settings: Settings,
    sockets: Sockets,
    on_ready: Callable[[], None],
    stopped: asyncio.Event | None = None,
    *,
    indexes: bool = True,
) -> None:
    """One gateway in this event loop, until a signal or `stopped`; whether it `indexes` what is delivered."""
    stop = stopped or asyncio.Event()
    gateway = Gateway(settings, indexes=indexes)
    _heed_signals(stop, gateway.reload)
    await gateway.start(sockets)
    _spare_from_collection()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        on_ready()
        await stop.wait()
        log.info("stopping")
    finally:
        await gateway.stop()


def _heed_signals(stop: asyncio.Event, reload: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _spare_from_collection() -> None:
    """What start-up made stays: each full collection would look at all of it, for 60 ms in which nobody is answered."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


async def _run_worker(settings: Settings, reserved: Sockets, lifeline: Lifeline) -> None:
    """A gateway on sockets of its own at the reserved addresses; stops when the supervisor is gone."""
    await run(settings, reserved.again(), lifeline.tell_ready, _end_of(lifeline), indexes=False)


async def _run_indexer(settings: Settings, lifeline: Lifeline) -> None:
    """The search index of all workers, and what LDAP servers say: neither their interpreters nor their connections wait
    for it.
    """
    os.nice(_INDEXER_NICENESS)
    stop = _end_of(lifeline)
    _heed_signals(stop, lambda: None)
    database = await open_database(settings.database.url, pool_size=1)
    try:
        indexer = Indexer(database)
        await indexer.start()
        follower = Follower(settings)
        await follower.start()
        lifeline.tell_ready()
        await stop.wait()
        await follower.close()
        await indexer.close()
    finally:
        await database.close()


def _end_of(lifeline: Lifeline) -> asyncio.Event:
    """Set when the supervisor is gone."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def supervisor_gone() -> None:
        loop.remove_reader(lifeline.read_fd)  # an ended pipe stays readable
        stop.set()

    loop.add_reader(lifeline.read_fd, supervisor_gone)
    return stop
