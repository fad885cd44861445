"""One message to a list of many: from the end of DATA until the last mailbox shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.clients.smtp import SmtpClient
from benchmarks.messages import message
from benchmarks.rows.benchmark import Benchmark, Row, Sample, Site

_PROBES = 20
_LONGEST = 120.0
_FIRST_NUMBER = 1_000_001


async def _measure(site: Site, number: int) -> Sequence[Sample]:
    """Send one message to the list.

    Twenty mailboxes spread over the list are asked again and again, each time after 5 % of what has passed, so that
    asking costs the server little and the last of them is known to 5 %.
    """
    peer = site.peer
    step = max(1, (len(peer.members) - 1) // (_PROBES - 1))
    probes = [await site.selected(member=member) for member in range(0, len(peer.members), step)]
    smtp = await SmtpClient.connect(peer.smtps, peer.tls, peer.sender.address, peer.sender.password)
    stored, before = peer.stored(), peer.processor_time()
    text = message(_FIRST_NUMBER + number * 20, sender=peer.sender.address, to=peer.list_address)
    sent = await smtp.send(peer.sender.address, [peer.list_address], text)
    shown = max(await asyncio.gather(*(_arrival(probe, sent.ended) for probe in probes)))
    cost = peer.processor_time() - before
    for probe in probes:
        probe.close()
    smtp.close()
    return [
        Sample((sent.answered - sent.ended) * 1000),
        Sample((shown - sent.ended) * 1000, cost * 1000),
        Sample((peer.stored() - stored) / len(peer.members)),
    ]


async def _arrival(probe: ImapClient, start: float) -> float:
    """Ask until a new message shows, and give when."""
    while time.perf_counter() - start < _LONGEST:
        if b" EXISTS" in await probe.command(b"NOOP"):
            return time.perf_counter()
        await asyncio.sleep(max(0.001, (time.perf_counter() - start) * 0.05))
    raise TimeoutError("a member of the list never got the message")


BENCHMARKS = (
    Benchmark(
        "fan-out",
        [
            Row("Message to a list of {people}: accepted"),
            Row("Message to a list of {people}: shown in the last mailbox"),
            Row("Message to a list of {people}: stored for each copy", "bytes"),
        ],
        _measure,
        people=lambda scale: scale.people,
    ),
)
