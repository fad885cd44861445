"""The protocols of the database seam."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from mailgate.database.statement import Statement

Row: TypeAlias = Sequence[Any]
"""A driver's own row: positions in the order of the statement's columns."""

T = TypeVar("T")
Engine = Literal["sqlite", "postgresql"]


class Tx(Protocol):
    """One transaction. A unit of work may await only these methods: on SQLite nothing else can be awaited."""

    engine: Engine

    async def all(self, statement: Statement, **parameters: object) -> list[Row]:
        """Run and give every row."""
        ...

    async def one(self, statement: Statement, **parameters: object) -> Row | None:
        """Run and give the first row, or None."""
        ...

    async def run(self, statement: Statement, **parameters: object) -> int:
        """Run and give the number of rows touched."""
        ...

    async def run_many(self, statement: Statement, parameters: Sequence[Mapping[str, object]]) -> None:
        """Run once per mapping, in one batch."""
        ...

    async def notify(self, payload: str) -> None:
        """Publish `payload` (< 8,000 bytes) to every listener in every process once, and only if, this commits."""
        ...


Work: TypeAlias = Callable[[Tx], Coroutine[Any, Any, T]]


class Database(Protocol):
    """An open database."""

    engine: Engine

    async def read(self, work: Work[T], *, brief: bool = True) -> T:
        """Run `work` on one consistent snapshot; it must not write. What is not `brief` is known to take more than a
        millisecond: SQLite does not try it in the event loop.
        """
        ...

    async def write(self, work: Work[T], *, durable: bool = True, brief: bool = True) -> T:
        """Run `work` and commit. When this returns, the change survives the death of this process, and, if `durable`,
        the loss of power; else the loss of power may undo what was written in the last second or so. `work` may run
        again after a conflict, so it must be free of side effects outside the transaction. An exception from `work`
        rolls it back and is raised here. What is neither `durable` nor `brief` is known to take more than a
        millisecond: SQLite does not try it in the event loop.
        """
        ...

    async def write_alone(self, work: Work[T], *, durable: bool = False) -> T:
        """As `write`, for a unit that on PostgreSQL makes a single statement, which commits by itself: one round trip.
        One that is not `durable` must stand to be run again after it has committed, as happens when the connection is
        lost; DatabaseUnavailable tells of a durable one that it may or may not have committed.
        """
        ...

    def listen(self, receive: Callable[[str | None], None]) -> Callable[[], None]:
        """Call `receive` in the event loop with each notification of any process, and with None when some may have
        been missed (the listening connection was lost). The answer ends it.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued, then close."""
        ...
