"""How far each source is followed: what the next look begins with, when it is due, what went wrong last."""

from __future__ import annotations

import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from directory.holding_schema import followed
from mailgate.config import Directory, DirectorySource, Ldap

_PATIENCE: Final = 1800
"""Seconds between two looks at most, after failures."""
_ABSENCE: Final = 60
"""The same when nothing was read: a server that is back is found soon."""
_LEASE: Final = 60
"""Seconds, at least, that a look is left to who began it."""


class State(NamedTuple):
    """As `directory.holding_schema.followed` says."""

    academy: str
    name: str
    position: bytes | None = None
    way: str = ""
    next_look: int = 0
    looked_at: int = 0
    changed_at: int = 0
    compared_at: int = 0
    seconds: float = 0.0
    failures: int = 0
    failed_at: int = 0
    error: str = ""

    @property
    def lease(self) -> int:
        """Seconds after which somebody else may begin a look that was begun."""
        return max(_LEASE, int(3 * self.seconds))


class Live(NamedTuple):
    """A source of the settings that is on a server."""

    source: DirectorySource
    server: Ldap


def live_sources(settings: Directory) -> list[Live]:
    """The sources that are on LDAP servers."""
    found = [(one, one.ldap or settings.ldap) for one in settings.sources if one.path is None]
    return [Live(one, server) for one, server in found if server is not None]


def state_of(connection: Connection, academy: str, name: str) -> State:
    """The state of a source; that of one that was never looked at is empty."""
    row = connection.execute(
        select(followed).where(followed.c.academy == academy, followed.c.name == name)
    ).one_or_none()
    return State(academy, name) if row is None else State(**row._mapping)  # noqa: SLF001 - its public name


def claim(connection: Connection, academy: str, name: str, now: int) -> State | None:
    """The state of a source, if its look is due and nobody else does it: it is then left to the caller."""
    state = state_of(connection, academy, name)
    if state.next_look > now:
        return None
    if state == State(academy, name):
        put(connection, state)
    due = (followed.c.academy == academy, followed.c.name == name, followed.c.next_look == state.next_look)
    mine = connection.execute(update(followed).where(*due).values(next_look=now + state.lease))
    return state if mine.rowcount else None


def put(connection: Connection, state: State) -> None:
    """Write a state down."""
    same = (followed.c.academy == state.academy, followed.c.name == state.name)
    connection.execute(delete(followed).where(*same))
    connection.execute(insert(followed).values(state._asdict()))


def change(connection: Connection, state: State, **values: Any) -> None:  # noqa: ANN401 - of several columns
    """Write a part of a state down."""
    same = (followed.c.academy == state.academy, followed.c.name == state.name)
    connection.execute(update(followed).where(*same).values(values))


def is_forgotten(connection: Connection, state: State) -> bool:
    """Whether the position is there no more: the year turned over since the look began, or the source was forgotten;
    what is held is of another time then.
    """
    same = (followed.c.academy == state.academy, followed.c.name == state.name)
    kept = select(func.count()).where(*same, followed.c.position.is_not(None))
    return state.position is not None and not connection.scalar(kept)


def came_to_its_end(now: int, every: int) -> dict[str, Any]:
    """What a look leaves that came to its end."""
    return {"looked_at": now, "next_look": now + every, "failures": 0, "error": ""}


def failed(state: State, now: int, every: int, error: str, *, absent: bool) -> dict[str, Any]:
    """What a look leaves that failed: the next one is later each time. `absent`: the server gave nothing."""
    wait = min(every << min(state.failures, 10), max(every, _ABSENCE if absent else _PATIENCE))
    return {"next_look": now + wait, "failures": state.failures + 1, "failed_at": now, "error": error}


def next_comparison(state: State, hour: int) -> datetime.datetime:
    """When everything is compared again: at the hour of the clock after the last time."""
    last = datetime.datetime.fromtimestamp(state.compared_at).astimezone()
    due = last.replace(hour=hour, minute=0, second=0, microsecond=0)
    return due if due > last else due + datetime.timedelta(days=1)
