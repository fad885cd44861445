"""Mail through a server: from who is signed in, from other servers, and out to a smarthost.

Local delivery is timed until the mailboxes show everything. Eight connections send, each in a name of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.clients.sink import Sink
from benchmarks.clients.smtp import SmtpClient
from benchmarks.messages import message
from benchmarks.peers.peer import SENDERS, Person
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Scale, Site

CONNECTIONS = SENDERS
_EACH = 25
_LONGEST = 120.0
_FIRST_NUMBER = 5_000_000
_READERS = range(100, 100 + CONNECTIONS)
"""People that no other row writes to."""
_OUTSIDE = "someone@sink.example"
_STRANGER = "stranger@elsewhere.example"


async def _submission(site: Site, number: int) -> Sequence[Sample]:
    """Heads write to parents."""
    readers = [site.peer.members[place] for place in _READERS]
    return [await _delivered(site, number, await _signed_in(site), _senders(site), readers)]


async def _from_outside(site: Site, number: int) -> Sequence[Sample]:
    """Other servers bring mail for heads."""
    clients = [await SmtpClient.open(site.peer.mx) for _ in range(CONNECTIONS)]
    return [await _delivered(site, number + 500, clients, [_STRANGER] * CONNECTIONS, site.peer.senders)]


async def _delivered(
    site: Site, number: int, clients: Sequence[SmtpClient], senders: Sequence[str], readers: Sequence[Person]
) -> Sample:
    """Send `_EACH` messages over each connection, to one reader each, until all have everything."""
    probes = [await _selected(site, reader) for reader in readers]
    texts = _texts(number, senders, [reader.address for reader in readers])

    async def work() -> None:
        sending = [_send(*each) for each in zip(clients, senders, readers, texts, strict=True)]
        start = time.perf_counter()
        await asyncio.gather(*sending, *(_all_there(*probe, start) for probe in probes))

    sample = await site.timed(work(), per=CONNECTIONS * _EACH, with_rest=True)
    for client in clients:
        client.close()
    for probe, _ in probes:
        probe.close()
    return sample


async def _out(site: Site, number: int) -> Sequence[Sample]:
    """Heads write to somebody outside; until the smarthost has it."""
    clients = await _signed_in(site)
    texts = _texts(number + 1_000, _senders(site), [_OUTSIDE] * CONNECTIONS)
    async with Sink(site.peer.smarthost) as sink:

        async def work() -> None:
            sending = [_send_out(*each) for each in zip(clients, _senders(site), texts, strict=True)]
            await asyncio.gather(*sending, sink.arrivals(CONNECTIONS * _EACH, _LONGEST))

        sample = await site.timed(work(), per=CONNECTIONS * _EACH, with_rest=True)
    for client in clients:
        client.close()
    return [sample]


async def _drain(site: Site, number: int) -> Sequence[Sample]:
    """Messages that waited for a dead smarthost; from the first to the last that it takes once it lives again."""
    clients = await _signed_in(site)
    texts = _texts(number + 2_000, _senders(site), [_OUTSIDE] * CONNECTIONS)
    await asyncio.gather(*(_send_out(*each) for each in zip(clients, _senders(site), texts, strict=True)))
    for client in clients:
        client.close()
    await site.rest()
    async with Sink(site.peer.smarthost) as sink:
        before = site.peer.processor_time()
        await asyncio.to_thread(site.peer.flush)
        count = CONNECTIONS * _EACH
        times = await sink.arrivals(count, _LONGEST)
        await site.rest()
        cost = site.peer.processor_time() - before
    return [Sample((times[-1] - times[0]) * 1000 / (count - 1), cost * 1000 / count)]


def _senders(site: Site) -> list[str]:
    return [sender.address for sender in site.peer.senders]


def _texts(number: int, senders: Sequence[str], to: Sequence[str]) -> list[list[bytes]]:
    """What each connection sends."""
    start = _FIRST_NUMBER + number * CONNECTIONS * _EACH
    return [
        [message(start + place * _EACH + each, sender=sender, to=recipient) for each in range(_EACH)]
        for place, (sender, recipient) in enumerate(zip(senders, to, strict=True))
    ]


async def _signed_in(site: Site) -> list[SmtpClient]:
    peer = site.peer
    return [await SmtpClient.connect(peer.smtps, peer.tls, sender.address, sender.password) for sender in peer.senders]


async def _selected(site: Site, reader: Person) -> tuple[ImapClient, int]:
    """A client that has opened INBOX, and the messages that are there."""
    client = await ImapClient.connect(site.peer.imaps, site.peer.tls)
    await client.login(reader.address, reader.password)
    return client, _exists(await client.command(b"SELECT INBOX"))


async def _send(client: SmtpClient, sender: str, reader: Person, texts: Sequence[bytes]) -> None:
    for text in texts:
        await client.send(sender, [reader.address], text)


async def _send_out(client: SmtpClient, sender: str, texts: Sequence[bytes]) -> None:
    for text in texts:
        await client.send(sender, [_OUTSIDE], text)


async def _all_there(probe: ImapClient, there: int, start: float) -> None:
    """Ask until so many messages more are shown, each time after 5 % of what has passed: asking costs little."""
    wanted = there + _EACH
    while there < wanted:
        await asyncio.sleep(max(0.001, (time.perf_counter() - start) * 0.05))
        there = _exists(await probe.command(b"NOOP")) or there
        if time.perf_counter() - start > _LONGEST:
            raise TimeoutError("not everything arrived")


def _exists(answer: bytes) -> int:
    """The last count of messages that an answer tells, 0 when it tells none."""
    return max((int(line.split()[1]) for line in answer.splitlines() if line.endswith(b" EXISTS")), default=0)


def _people(_: Scale) -> int:
    return _READERS.stop


BENCHMARKS = (
    Benchmark("submission", [Row("Submission to mailboxes, 8 clients: shown, each")], _submission, people=_people),
    Benchmark("mx", [Row("Mail from other servers, 8 connections: shown, each")], _from_outside, people=_people),
    Benchmark("out", [Row("Submission to a smarthost, 8 clients: handed over, each")], _out, people=_people),
    Benchmark("drain", [Row("Queue of a smarthost that comes back: each")], _drain, people=_people),
)
