"""STORE: one flag of one message at a time, the same pipelined, and one flag of every message at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from benchmarks.clients.imap import ImapClient
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_COUNT = 250
"""Messages that are marked, and then no longer."""


def _commands() -> list[bytes]:
    return [b"UID STORE %d %bFLAGS (\\Flagged)" % (uid, sign) for sign in (b"+", b"-") for uid in range(1, _COUNT + 1)]


async def _one_by_one(client: ImapClient) -> None:
    for command in _commands():
        await client.command(command)


async def _pipelined(client: ImapClient) -> None:
    await client.pipeline(_commands())


async def _at_once(client: ImapClient) -> None:
    await client.command(b"UID STORE 1:* +FLAGS (\\Answered)")
    await client.command(b"UID STORE 1:* -FLAGS (\\Answered)")


def _round_of(
    store: Callable[[ImapClient], Coroutine[Any, Any, None]], per: int
) -> Callable[..., Awaitable[Sequence[Sample]]]:
    async def measure(site: Site, _: int) -> Sequence[Sample]:
        client = await site.selected(mailboxes.LARGE)
        sample = await site.timed(store(client), per=per)
        client.close()
        return [sample]

    return measure


BENCHMARKS = (
    Benchmark(
        "store-one-by-one", [Row("STORE: one by one, each")], _round_of(_one_by_one, 2 * _COUNT), mailboxes.large
    ),
    Benchmark("store-pipelined", [Row("STORE: pipelined, each")], _round_of(_pipelined, 2 * _COUNT), mailboxes.large),
    Benchmark("store-all", [Row("STORE of {messages} at once")], _round_of(_at_once, 2), mailboxes.large),
)
