"""Reading one step ahead of what is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def one_ahead(works: Iterable[Coroutine[Any, Any, T]]) -> AsyncGenerator[T, None]:
    """Give the results in order; while one is used, the next is worked out. To be closed (`contextlib.aclosing`)."""
    source = iter(works)
    coming: Coroutine[Any, Any, T] | asyncio.Task[T] | None = next(source, None)
    try:
        while coming is not None:
            result = await coming
            coming = None
            if (following := next(source, None)) is not None:
                coming = asyncio.create_task(following)
                await asyncio.sleep(0)  # it gets as far as the database before the result is used
            yield result
    finally:
        if isinstance(coming, asyncio.Task):
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
