"""Whole messages: one command each, the same without waiting for the answers, and all in one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_Fetch = Callable[[ImapClient, int], Awaitable[bytes]]


def _commands(count: int) -> list[bytes]:
    return [b"UID FETCH %d (BODY.PEEK[])" % uid for uid in range(1, count + 1)]


async def _one_by_one(client: ImapClient, count: int) -> bytes:
    return b"".join([await client.command(command) for command in _commands(count)])


async def _pipelined(client: ImapClient, count: int) -> bytes:
    return await client.pipeline(_commands(count))


async def _as_one_set(client: ImapClient, count: int) -> bytes:
    return await client.command(b"UID FETCH 1:%d (BODY.PEEK[])" % count)


def _rounds_of(fetch: _Fetch) -> Callable[[Site, int], Awaitable[Sequence[Sample]]]:
    async def measure(site: Site, _: int) -> Sequence[Sample]:
        client = await site.selected(mailboxes.LARGE)
        count = min(site.scale.bodies, site.scale.messages)
        answers: list[bytes] = []

        async def work() -> None:
            answers.append(await fetch(client, count))

        sample = await site.timed(work())
        client.close()
        expected = sum(map(len, site.corpus[:count]))
        assert len(answers[0]) >= expected, (len(answers[0]), expected)
        return [sample]

    return measure


BENCHMARKS = (
    Benchmark("bodies-one-by-one", [Row("{bodies} bodies: one by one")], _rounds_of(_one_by_one), mailboxes.large),
    Benchmark("bodies-pipelined", [Row("{bodies} bodies: pipelined")], _rounds_of(_pipelined), mailboxes.large),
    Benchmark("bodies-one-set", [Row("{bodies} bodies: as one set")], _rounds_of(_as_one_set), mailboxes.large),
)
