"""Fifty clients at once, each with the commands of a day: on a mailbox each, and ten on each of five."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from benchmarks.clients.imap import ImapClient
from benchmarks.messages import message
from benchmarks.rows import mailboxes
from benchmarks.rows.benchmark import Benchmark, Round, Row, Sample, Site

_COMMANDS = 30
_CLIENTS = 50
_FIRST_NUMBER = 5_000_000
_KINDS = {
    b"NOOP": 4,
    b"UID FETCH %(uid)d:%(later)d (UID FLAGS)": 4,
    b"UID FETCH %(uid)d (UID FLAGS BODY.PEEK[])": 4,
    b"UID FETCH %(uid)d:%(later)d (UID ENVELOPE BODYSTRUCTURE)": 3,
    b"UID STORE %(uid)d +FLAGS (\\Seen)": 2,
    b"UID STORE %(uid)d -FLAGS (\\Seen)": 2,
    b"UID SEARCH UNSEEN": 1,
    b"STATUS Drafts (MESSAGES UNSEEN)": 1,
    b"APPEND": 1,
}
"""Commands and how often each of them is sent."""


def _chosen(seed: int) -> list[bytes]:
    source = random.Random(seed)  # noqa: S311 no secret
    kinds = source.choices(list(_KINDS), list(_KINDS.values()), k=_COMMANDS)
    texts = []
    for kind in kinds:
        uid = source.randint(1, mailboxes.SMALL - 10)
        texts.append(kind % {b"uid": uid, b"later": uid + 9})
    return texts


async def _work(client: ImapClient, commands: Sequence[bytes], text: bytes) -> None:
    for command in commands:
        if command == b"APPEND":
            await client.append("Drafts", [text])
        else:
            await client.command(command)


def _round_of(accounts: int) -> Round:
    async def measure(site: Site, number: int) -> Sequence[Sample]:
        clients = [await site.selected(member=mailboxes.CLIENTS[one % accounts]) for one in range(_CLIENTS)]
        seeds = [number * _CLIENTS + one for one in range(_CLIENTS)]
        texts = [message(_FIRST_NUMBER + accounts * 10_000 + seed) for seed in seeds]

        async def work() -> None:
            await asyncio.gather(*map(_work, clients, map(_chosen, seeds), texts))

        sample = await site.timed(work(), per=_CLIENTS * _COMMANDS)
        for client in clients:
            client.close()
        return [sample]

    return measure


async def _make_drafts(site: Site) -> None:
    for member in mailboxes.CLIENTS:
        client = await site.signed_in(member)
        if b"Drafts" not in await client.command(b'LIST "" Drafts'):
            await client.command(b"CREATE Drafts")
        client.close()


async def _prepare(site: Site) -> None:
    await mailboxes.small(site)
    await site.once("drafts", _make_drafts)


BENCHMARKS = (
    Benchmark("mixed", [Row("Mixed commands: 50 clients on 50 mailboxes, each")], _round_of(50), _prepare),
    Benchmark("mixed-shared", [Row("Mixed commands: 50 clients on 5 mailboxes, each")], _round_of(5), _prepare),
)
