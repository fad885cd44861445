"""SORT and THREAD of a whole large mailbox: again, and for dates and threads the first time after delivery, too.

Dovecot keeps the order of texts in its index from the first SORT on, through `forget`: it has no second first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site


class Ordered:
    """One request on the large mailbox; `first`: after a restart, with nothing read; else once more."""

    def __init__(self, request: str, *, first: bool) -> None:
        self._request = request.encode()
        self._first = first

    async def __call__(self, site: Site, _: int) -> Sequence[Sample]:
        """One round."""
        if self._first:
            await asyncio.to_thread(site.peer.forget)
            await site.rest()
        client = await site.selected(mailboxes.LARGE)
        if not self._first:
            await client.command(self._request)
        sample = await self._timed(site, client)
        client.close()
        return [sample]

    async def _timed(self, site: Site, client: ImapClient) -> Sample:
        answers: list[bytes] = []

        async def work() -> None:
            answers.append(await client.command(self._request))

        sample = await site.timed(work())
        numbers = answers[0].partition(b"\r\n")[0].replace(b"(", b" ").replace(b")", b" ").split()[2:]
        assert sorted(map(int, numbers)) == list(range(1, site.scale.messages + 1)), answers[0][-200:]
        return sample


def _first(name: str, what: str, request: str) -> Benchmark:
    row = Row(f"{what} of {{messages}}: first")
    return Benchmark(f"{name}-first", [row], Ordered(request, first=True), mailboxes.large, rounds=3)


def _again(name: str, what: str, request: str) -> Benchmark:
    row = Row(f"{what} of {{messages}}: again")
    return Benchmark(f"{name}-again", [row], Ordered(request, first=False), mailboxes.large)


_DATE = "SORT by date", "SORT (DATE) UTF-8 ALL"
_THREAD = "THREAD=REFERENCES", "THREAD REFERENCES UTF-8 ALL"


BENCHMARKS = (
    _first("sort-date", *_DATE),
    _again("sort-date", *_DATE),
    _again("sort-subject", "SORT by subject", "SORT (SUBJECT) UTF-8 ALL"),
    _again("sort-from", "SORT by sender", "SORT (REVERSE FROM) UTF-8 ALL"),
    _first("thread", *_THREAD),
    _again("thread", *_THREAD),
)
