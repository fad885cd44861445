"""One message to a list of many: from the end of DATA until the last mailbox shows it."""

from __future__ import annotations

import asyncio
import statistics
import time

from benchmarks.clients.imap import ImapClient
from benchmarks.clients.smtp import SmtpClient
from benchmarks.figures import Figure
from benchmarks.messages import message
from benchmarks.peers.peer import Peer, Person

ROUNDS = 5
_PROBES = 20
_CHECKERS = 8
_LONGEST = 120.0


async def measure(peer: Peer, *, rounds: int = ROUNDS) -> list[Figure]:
    """Send `rounds` messages to the list, one after the other.

    Twenty mailboxes spread over the list are asked again and again, each time after 5 % of what has passed, so that
    asking costs the server little and the last of them is known to 5 %. At the end every mailbox is counted.
    """
    step = max(1, (len(peer.members) - 1) // (_PROBES - 1))
    probes = [await _selected(peer, member) for member in peer.members[::step]]
    smtp = await SmtpClient.connect(peer.smtps, peer.tls, peer.sender.address, peer.sender.password)
    stored = peer.stored()
    accepted: list[float] = []
    shown: list[float] = []
    costs: list[float] = []
    for number in range(rounds):
        text = message(1_000_001 + number * 20, sender=peer.sender.address, to=peer.list_address)
        before = peer.processor_time()
        sent = await smtp.send(peer.sender.address, [peer.list_address], text)
        accepted.append(sent.answered - sent.ended)
        shown.append(max(await asyncio.gather(*(_arrival(probe, sent.ended) for probe in probes))) - sent.ended)
        costs.append(peer.processor_time() - before)
    for probe in probes:
        probe.close()
    smtp.close()
    await _check_all(peer, rounds)
    per_copy = (peer.stored() - stored) / rounds / len(peer.members)
    people = f"{len(peer.members):,}"
    return [
        Figure(f"Message to {people}: accepted", statistics.median(accepted) * 1000, "ms"),
        Figure(f"Message to {people}: shown in the last mailbox", statistics.median(shown) * 1000, "ms"),
        Figure(f"Message to {people}: processor time", statistics.median(costs) * 1000, "ms"),
        Figure("Stored for each copy", per_copy, "bytes"),
    ]


async def _selected(peer: Peer, person: Person) -> ImapClient:
    client = await ImapClient.connect(peer.imaps, peer.tls)
    await client.login(person.address, person.password)
    await client.command(b"SELECT INBOX")
    return client


async def _arrival(probe: ImapClient, start: float) -> float:
    """Ask until a new message shows, and give when."""
    while time.perf_counter() - start < _LONGEST:
        if b" EXISTS" in await probe.command(b"NOOP"):
            return time.perf_counter()
        await asyncio.sleep(max(0.001, (time.perf_counter() - start) * 0.05))
    raise TimeoutError("a member of the list never got the message")


async def _check_all(peer: Peer, expected: int) -> None:
    """Raises AssertionError unless every member has exactly the messages sent."""
    waiting = iter(peer.members)

    async def check() -> None:
        for person in waiting:
            client = await ImapClient.connect(peer.imaps, peer.tls)
            await client.login(person.address, person.password)
            deadline = time.monotonic() + _LONGEST
            while f"MESSAGES {expected})".encode() not in (answer := await client.command(b"STATUS INBOX (MESSAGES)")):
                assert time.monotonic() < deadline, (person.address, answer)
                await asyncio.sleep(0.5)
            client.close()

    await asyncio.gather(*(check() for _ in range(_CHECKERS)))
