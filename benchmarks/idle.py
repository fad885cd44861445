"""Many people connected and waiting: memory for each connection, and how soon news reaches them."""

from __future__ import annotations

import asyncio
import statistics
import time

from benchmarks.clients.imap import ImapClient
from benchmarks.clients.smtp import SmtpClient
from benchmarks.figures import Figure
from benchmarks.messages import message
from benchmarks.peers.peer import Peer, Person

CONNECTIONS = 500
_SAMPLES = 80  # Linux gives a user 128 inotify instances; beyond them Dovecot looks every 30 s
_LONGEST = 30.0
_AT_ONCE = 20
_SETTLING = 1.0


async def measure(peer: Peer, *, connections: int = CONNECTIONS) -> list[Figure]:
    """Bring the people of the list into IDLE on their INBOX, each on a connection of their own.

    Memory is that of the second half: by then the pools of processes and database connections are there, and what
    earlier work had freed is used again.
    """
    half = connections // 2
    idlers = await _connect(peer, peer.members[:half])
    await asyncio.sleep(_SETTLING)
    before = peer.memory()
    start = time.perf_counter()
    idlers += await _connect(peer, peer.members[half:connections])
    more = connections - half
    connecting = (time.perf_counter() - start) / more
    await asyncio.sleep(_SETTLING)
    memory = (peer.memory() - before) / more
    cost = peer.processor_time()
    await asyncio.sleep(5)
    resting = peer.processor_time() - cost
    appended = await _append_latencies(peer, idlers)
    delivered = await _delivery_latencies(peer, idlers)
    for client in idlers:
        client.close()
    return [
        Figure("Sign-in, SELECT and IDLE", connecting * 1000, "ms"),
        Figure("Memory of an idle connection", memory / 1024, "KiB"),
        Figure(f"Processor time of {connections} idle connections, each second", resting / 5 * 1000, "ms"),
        *_percentiles("News of an APPEND", appended),
        *_percentiles("News of a delivery, from the end of DATA", delivered),
    ]


def _percentiles(name: str, seconds: list[float]) -> list[Figure]:
    return [
        Figure(f"{name}: median", statistics.median(seconds) * 1000, "ms"),
        Figure(f"{name}: 99th percentile", statistics.quantiles(seconds, n=100)[98] * 1000, "ms"),
    ]


async def _connect(peer: Peer, people: tuple[Person, ...]) -> list[ImapClient]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def connect(person: Person) -> ImapClient:
        async with gate:
            return await _idling(peer, person)

    return await asyncio.gather(*map(connect, people))


async def _signed_in(peer: Peer, person: Person) -> ImapClient:
    client = await ImapClient.connect(peer.imaps, peer.tls)
    await client.login(person.address, person.password)
    return client


async def _idling(peer: Peer, person: Person) -> ImapClient:
    client = await _signed_in(peer, person)
    await client.command(b"SELECT INBOX")
    await client.idle()
    return client


async def _append_latencies(peer: Peer, idlers: list[ImapClient]) -> list[float]:
    """From the sending of an APPEND on a second connection until the first one is told."""
    latencies = []
    for number in range(min(_SAMPLES, len(idlers))):
        writer = await _signed_in(peer, peer.members[number])
        news = idlers[number].news()
        start = time.perf_counter()
        await writer.append("INBOX", [message(number)])
        latencies.append(await asyncio.wait_for(news, _LONGEST) - start)
        writer.close()
    return latencies


async def _delivery_latencies(peer: Peer, idlers: list[ImapClient]) -> list[float]:
    smtp = await SmtpClient.connect(peer.smtps, peer.tls, peer.sender.address, peer.sender.password)
    latencies = []
    for number in range(min(_SAMPLES, len(idlers))):
        address = peer.members[number].address
        news = idlers[number].news()
        text = message(2_000_000 + number, sender=peer.sender.address, to=address)
        sent = await smtp.send(peer.sender.address, [address], text)
        latencies.append(await asyncio.wait_for(news, _LONGEST) - sent.ended)
    smtp.close()
    return latencies
