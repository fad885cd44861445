"""One look at a source on an LDAP server, and what it changes: all of it in one transaction, or nothing."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from directory.following import Followed, follow
from directory.model import DirectoryError
from directory.sources import Reading
from directory.sql import lock
from mailgate.config import Settings
from mailgate.database.batch import batch_engine
from mailgate.database.open import IMMEDIATE
from mailgate.directory_import import Provisioning, import_settings, year_now
from mailgate.directory_sources import SourcesReport, import_sources
from mailgate.following import states
from mailgate.following.states import Live, State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Synced:
    """What a look found. `report` is None when nothing had changed on the server."""

    name: str
    complete: bool = False
    why: str = ""
    """Why everything was compared."""
    report: SourcesReport | None = None

    @property
    def changed(self) -> bool:
        """Whether the directory was made anew."""
        return self.report is not None and not self.report.unchanged

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        report = self.report.to_json() if self.report else None
        return {"source": self.name, "complete": self.complete, "why": self.why, "report": report}


async def sync_source(
    settings: Settings, live: Live, *, complete: bool = False, force: bool = False, dry_run: bool = False
) -> Synced:
    """Look at a source now, whoever else does, and bring the directory to what it says.

    A failure is written down in the state of the source.

    Raises:
        DirectoryError: the server did not give everything, or the directory would lose too many people.
    """
    async with batch_engine(settings.database.url) as engine:
        academy, name = settings.directory.academy, live.source.name
        state = await _in(engine, lambda connection: states.state_of(connection, academy, name))
        due = states.next_comparison(state, live.server.compare_hour).timestamp() <= time.time()
        kept = None if complete or due else state.position
        work = partial(_apply, settings=settings, live=live, state=state, force=force, dry_run=dry_run)
        absent = True
        try:
            with ExitStack() as stack:
                following = follow(live.source.origin, live.server.to_dict(), kept)
                found = await asyncio.to_thread(stack.enter_context, following)
                absent = False
                return await _in(engine, lambda connection: work(connection, found), writes=True)
        except DirectoryError as error:
            if not dry_run:
                left = states.failed(state, int(time.time()), live.server.every, str(error), absent=absent)
                await _in(engine, lambda connection: _note(connection, state, left), writes=True)
            raise


def _apply(
    connection: Connection, found: Followed, *, settings: Settings, live: Live, state: State, force: bool, dry_run: bool
) -> Synced:
    begun = time.monotonic()
    now = datetime.datetime.now().astimezone()
    report = None
    lock(connection)
    if not found.complete and states.is_forgotten(connection, state):
        text = "what is held of it is of another time than when this look began: the next one compares everything"
        raise DirectoryError(live.source.name, None, text)
    if found.step is not None:
        year = year_now(connection, settings.directory, now.date())
        report = import_sources(
            connection,
            [Reading(live.source.origin, [found.step])],
            import_settings(settings.directory, now.date(), force=force, school_year=year),
            Provisioning.of(settings),
            now,
            dry_run=dry_run,
        )
    done = Synced(live.source.name, found.complete, found.why, report)
    if not dry_run:
        seconds = time.monotonic() - begun
        ended = int(time.time())
        left = {
            **states.came_to_its_end(ended, max(live.server.every, int(seconds))),
            "position": found.position.encode(),
            "way": found.position.way,
            **({"compared_at": ended} if found.complete else {}),
            **({"changed_at": ended, "seconds": seconds} if done.changed else {}),
        }
        _note(connection, state, left)
    return done


def _note(connection: Connection, state: State, left: dict[str, Any]) -> None:
    now = states.state_of(connection, state.academy, state.name)
    states.put(connection, now._replace(**left))


async def _in(engine: AsyncEngine, work: Callable[[Connection], T], *, writes: bool = False) -> T:
    async with engine.execution_options(**{IMMEDIATE: writes}).begin() as connection:
        return await connection.run_sync(work)
