"""APPEND of one message after another, by one client and by eight.

Processor time is that until the server rests again: indexing what came is part of its price.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.messages import message
from benchmarks.rows.benchmark import Benchmark, Round, Row, Sample, Site
from benchmarks.rows.mailboxes import WRITERS

_EACH = 60
_FIRST_NUMBER = 3_000_000
"""Messages of this number and above are in no other mailbox."""


async def _append(client: ImapClient, texts: Sequence[bytes]) -> None:
    for text in texts:
        await client.append("INBOX", [text])


def _round_of(clients: int) -> Round:
    async def measure(site: Site, number: int) -> Sequence[Sample]:
        start = _FIRST_NUMBER + (number * 10 + clients) * _EACH * clients
        texts = [[message(start + each + writer * _EACH) for each in range(_EACH)] for writer in range(clients)]
        writers = [await site.selected(member=member) for member in WRITERS[:clients]]

        async def work() -> None:
            await asyncio.gather(*map(_append, writers, texts))

        sample = await site.timed(work(), per=_EACH * clients, with_rest=True)
        for writer in writers:
            writer.close()
        return [sample]

    return measure


BENCHMARKS = (
    Benchmark("append", [Row("APPEND: one client, each")], _round_of(1)),
    Benchmark("append-8", [Row("APPEND: 8 clients, each")], _round_of(8)),
)
