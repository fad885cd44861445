"""FETCH over a whole large mailbox: the first time after delivery, and again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

HEADER_LIST = (
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
    b"Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
)
"""What Thunderbird sends, to the letter."""
STRUCTURES = b"UID FETCH 1:* (UID ENVELOPE BODYSTRUCTURE)"
FLAGS = b"UID FETCH 1:* (FLAGS)"


async def _timed(site: Site, client: ImapClient, request: bytes) -> Sample:
    answers: list[bytes] = []

    async def work() -> None:
        answers.append(await client.command(request))

    sample = await site.timed(work())
    assert answers[0].count(b" FETCH (") >= site.scale.messages, answers[0][-200:]
    return sample


class First:
    """The request on a mailbox that nobody has read since it was filled."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    async def __call__(self, site: Site, _: int) -> Sequence[Sample]:
        """One round."""
        await asyncio.to_thread(site.peer.forget)
        await site.rest()
        client = await site.selected(mailboxes.LARGE)
        sample = await _timed(site, client, self._request)
        client.close()
        return [sample]


class Again:
    """The request once more on the same connection."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    async def __call__(self, site: Site, _: int) -> Sequence[Sample]:
        """One round."""
        client = await site.selected(mailboxes.LARGE)
        await client.command(self._request)
        sample = await _timed(site, client, self._request)
        client.close()
        return [sample]


BENCHMARKS = (
    Benchmark(
        "list-first",
        [Row("Thunderbird's header list of {messages}: first", ratio=5)],
        First(HEADER_LIST),
        mailboxes.large,
        rounds=3,
    ),
    Benchmark(
        "list-again", [Row("Thunderbird's header list of {messages}: again")], Again(HEADER_LIST), mailboxes.large
    ),
    Benchmark(
        "structure-first",
        [Row("ENVELOPE and BODYSTRUCTURE of {messages}: first", ratio=5)],
        First(STRUCTURES),
        mailboxes.large,
        rounds=3,
    ),
    Benchmark(
        "structure-again",
        [Row("ENVELOPE and BODYSTRUCTURE of {messages}: again", ratio=2)],
        Again(STRUCTURES),
        mailboxes.large,
    ),
    Benchmark("flags", [Row("FLAGS of {messages}")], Again(FLAGS), mailboxes.large),
)
