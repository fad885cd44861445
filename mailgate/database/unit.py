"""Facts about units of work that both engines use."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CodeType
from typing import Any, TypeVar

from mailgate.database.contract import Tx, Work

T = TypeVar("T")

PAYLOAD_LIMIT = 8000
"""A notification's payload is shorter than this, in bytes: PostgreSQL's own limit."""


def code_of(work: Callable[..., Any]) -> CodeType | None:
    """Give what stays the same from one call to the next of a unit that is a closure, a method or a partial."""
    while (inner := getattr(work, "func", None)) is not None:
        work = inner
    code = getattr(work, "__code__", None)
    return code if isinstance(code, CodeType) else None


def in_turn(*works: Work[None]) -> Work[None]:
    """One unit of work out of several."""

    async def work(tx: Tx) -> None:
        for one in works:
            await one(tx)

    return work


def run_without_waiting(unit: Coroutine[Any, Any, T]) -> T:
    """Step a unit of work to its end outside any event loop.

    Raises:
        RuntimeError: it awaited something other than its transaction.
    """
    try:
        unit.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    unit.close()
    raise RuntimeError(f"{unit!r} awaited something other than its transaction: no SQLite unit of work can")


def checked_payload(payload: str) -> str:
    """Give `payload` back.

    Raises:
        ValueError: it is empty or too long for a notification.
    """
    if not 0 < len(payload.encode()) < PAYLOAD_LIMIT:
        raise ValueError(f"a notification holds 1 to {PAYLOAD_LIMIT - 1} bytes")
    return payload
