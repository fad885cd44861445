"""Sessions as short as they come: a new TLS connection, sign-in, SELECT, LOGOUT."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_ALONE = 50
_TOGETHER = 200
_AT_ONCE = 50


async def _session(site: Site, number: int) -> None:
    client = await site.selected(member=mailboxes.CLIENTS[number % len(mailboxes.CLIENTS)])
    await client.command(b"LOGOUT")
    client.close()


async def _prepare(site: Site) -> None:
    """Let everybody sign in once."""
    await mailboxes.small(site)
    await site.once("known", _everybody)


async def _everybody(site: Site) -> None:
    for number in range(len(mailboxes.CLIENTS)):
        await _session(site, number)


async def _alone(site: Site, _: int) -> Sequence[Sample]:
    async def work() -> None:
        for number in range(_ALONE):
            await _session(site, number)

    return [await site.timed(work(), per=_ALONE)]


async def _together(site: Site, _: int) -> Sequence[Sample]:
    numbers = iter(range(_TOGETHER))

    async def one_after_another() -> None:
        for number in numbers:
            await _session(site, number)

    async def work() -> None:
        await asyncio.gather(*(one_after_another() for _ in range(_AT_ONCE)))

    return [await site.timed(work(), per=_TOGETHER)]


BENCHMARKS = (
    Benchmark("sign-in", [Row("Sign-in, SELECT, LOGOUT", ratio=2)], _alone, _prepare),
    Benchmark("sign-in-50", [Row("Sign-in, SELECT, LOGOUT: 50 at once, each", ratio=2)], _together, _prepare),
)
