"""Many people connected and waiting: memory for each connection, and how soon news reaches them."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.clients.smtp import SmtpClient
from benchmarks.messages import message
from benchmarks.peers.peer import Peer
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_BURSTS = 3
_FEW = 100
_PACE = 0.02
_LONGEST = 30.0
_AT_ONCE = 20
_SETTLING = 1.0
_RESTING = 5.0
_FIRST_NUMBER = 7_000_000


async def _measure(site: Site, _: int) -> Sequence[Sample]:
    """Bring people into IDLE on their INBOX, each on a connection of their own; then news for some, and for all.

    The server is started anew, so that nothing that earlier work had freed is used again. Memory is that of the second
    half: by then the pools of database connections are there.
    """
    peer = site.peer
    await asyncio.to_thread(peer.forget)
    await site.rest()
    members = list(range(min(len(peer.members), peer.most_idle or len(peer.members))))
    half = len(members) // 2
    idlers = await _connect(site, members[:half])
    await asyncio.sleep(_SETTLING)
    before = peer.memory()
    idlers += await _connect(site, members[half:])
    await asyncio.sleep(_SETTLING)
    memory = (peer.memory() - before) / (len(members) - half)
    cost = peer.processor_time()
    await asyncio.sleep(_RESTING)
    resting = (peer.processor_time() - cost) / _RESTING / len(members)
    smtp = await SmtpClient.connect(peer.smtps, peer.tls, peer.sender.address, peer.sender.password)
    some: list[float] = []
    await site.timed(_news_of_some(peer, smtp, idlers, some))
    told: list[float] = []
    for number in range(_BURSTS):
        await site.timed(_news_of_all(peer, smtp, idlers, number, told))
    smtp.close()
    for client in idlers:
        client.close()
    return [
        Sample(memory / 1024),
        Sample(resting * 1e6),
        *_percentiles(some),
        *_percentiles(told),
        Sample(min(_FEW, len(idlers)) - len(some) + _BURSTS * len(idlers) - len(told)),
    ]


def _percentiles(seconds: Sequence[float]) -> list[Sample]:
    return [Sample(statistics.median(seconds) * 1000), Sample(statistics.quantiles(seconds, n=100)[98] * 1000)]


async def _connect(site: Site, members: Sequence[int]) -> list[ImapClient]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def connect(member: int) -> ImapClient:
        async with gate:
            client = await site.selected(member=member)
            await client.idle()
            return client

    return await asyncio.gather(*map(connect, members))


async def _news_of_some(peer: Peer, smtp: SmtpClient, idlers: Sequence[ImapClient], latencies: list[float]) -> None:
    """Messages to one person each at a steady pace, from the end of DATA until the connection is told."""
    waiting = []
    for number, member in enumerate(range(0, len(idlers), max(1, len(idlers) // _FEW))[:_FEW]):
        pause = asyncio.sleep(_PACE)
        address = peer.members[member].address
        news = idlers[member].news()
        text = message(_FIRST_NUMBER + number, sender=peer.sender.address, to=address)
        sent = await smtp.send(peer.sender.address, [address], text)
        waiting.append(asyncio.create_task(_told([news], sent.ended, latencies)))
        await pause
    await asyncio.gather(*waiting)


async def _news_of_all(
    peer: Peer, smtp: SmtpClient, idlers: Sequence[ImapClient], number: int, latencies: list[float]
) -> None:
    """One message to the list: everybody's latency, of those who are told."""
    news = [client.news() for client in idlers]
    text = message(_FIRST_NUMBER + _FEW + number, sender=peer.sender.address, to=peer.list_address)
    sent = await smtp.send(peer.sender.address, [peer.list_address], text)
    await _told(news, sent.ended, latencies)


async def _told(news: Sequence[asyncio.Future[float]], start: float, latencies: list[float]) -> None:
    done, _ = await asyncio.wait(news, timeout=_LONGEST)
    latencies += [one.result() - start for one in done]


BENCHMARKS = (
    Benchmark(
        "idle",
        [
            Row("Memory of an idle connection", "KiB", limit=30),
            Row("Processor time of an idle connection, each second", "µs", ratio=None),
            Row("News of a delivery to one of {people} idle clients: median", limit=20),
            Row("News of a delivery to one of {people} idle clients: 99th percentile", limit=100),
            Row("News of a message to all {people} idle clients: median"),
            Row("News of a message to all {people} idle clients: 99th percentile"),
            Row("News that was lost", "", ratio=None, limit=0),
        ],
        _measure,
        people=lambda scale: scale.people,
        rounds=1,
    ),
)
