"""What clients ask of a large mailbox, the first time and again."""

from __future__ import annotations

import statistics
import time
from itertools import islice

from benchmarks.clients.imap import ImapClient
from benchmarks.figures import Figure
from benchmarks.messages import messages
from benchmarks.peers.peer import Peer

MESSAGES = 10_000
_REPEATS = 5
_SINGLY = 200
_AT_ONCE = 50

REQUESTS = {
    "flags": b"UID FETCH 1:* (FLAGS)",
    "header list": (
        b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
        b"Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
    ),
    "envelopes and structures": b"UID FETCH 1:* (UID ENVELOPE BODYSTRUCTURE)",
}
"""The header list is what Thunderbird sends, to the letter."""


async def measure(peer: Peer, *, count: int = MESSAGES) -> list[Figure]:
    """Fill a mailbox by APPEND, then time each request: first, and the median of five more on new connections."""
    figures = [Figure("APPEND of one message", await _fill(peer, count) * 1000, "ms")]
    for name, request in REQUESTS.items():
        first, cost, size = await _time(peer, request, count)
        again = [await _time(peer, request, count) for _ in range(_REPEATS)]
        label = f"{count:,} {name}"
        figures += [
            Figure(f"{label}: first", first * 1000, "ms"),
            Figure(f"{label}: first, processor time", cost * 1000, "ms"),
            Figure(f"{label}: again", statistics.median(one[0] for one in again) * 1000, "ms"),
            Figure(f"{label}: again, processor time", statistics.median(one[1] for one in again) * 1000, "ms"),
            Figure(f"{label}: answer", size / 1000, "kB"),
        ]
    return figures


async def _client(peer: Peer) -> ImapClient:
    client = await ImapClient.connect(peer.imaps, peer.tls)
    await client.login(peer.members[0].address, peer.members[0].password)
    return client


async def _fill(peer: Peer, count: int) -> float:
    """Give the seconds of one APPEND; the rest of the messages go in by the fastest way that the server has."""
    client = await _client(peer)
    await client.command(b"CREATE Bench")
    source = messages(count)
    start = time.perf_counter()
    for message in islice(source, _SINGLY):
        await client.append("Bench", [message])
    elapsed = time.perf_counter() - start
    many = b"MULTIAPPEND" in await client.command(b"CAPABILITY")
    while batch := list(islice(source, _AT_ONCE if many else 1)):
        await client.append("Bench", batch)
    client.close()
    return elapsed / min(_SINGLY, count)


async def _time(peer: Peer, request: bytes, count: int) -> tuple[float, float, int]:
    """Give the seconds, the seconds of the server's processors, and the bytes of the answer."""
    client = await _client(peer)
    await client.command(b"SELECT Bench")
    before = peer.processor_time()
    start = time.perf_counter()
    answer = await client.command(request)
    elapsed = time.perf_counter() - start
    cost = peer.processor_time() - before
    client.close()
    assert answer.count(b" FETCH (") >= count, answer[-200:]
    return elapsed, cost, len(answer)
