"""Mailboxes that several benchmarks read, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from benchmarks.clients.imap import ImapClient
from benchmarks.rows.benchmark import Site

_AT_ONCE = 50
SMALL = 100
"""Messages in the INBOX of each of the `CLIENTS`."""

LARGE = "Bench"
OWNER = 0
"""Who has the large mailboxes."""
CLIENTS = range(1, 51)
"""Who has a small INBOX."""
WRITERS = range(51, 60)
"""Who appends."""
FOLDERS = 60
"""Who has many folders."""


async def large(site: Site) -> None:
    """A mailbox with the whole corpus."""
    await site.once("large", _make_large)


async def small(site: Site) -> None:
    """Fifty INBOXes with the first messages of the corpus."""
    await site.once("small", _make_small)


async def fill(client: ImapClient, mailbox: str, messages: Sequence[bytes]) -> None:
    """Append by the fastest way that the server has."""
    many = b"MULTIAPPEND" in await client.command(b"CAPABILITY")
    source = iter(messages)
    while batch := list(islice(source, _AT_ONCE if many else 1)):
        await client.append(mailbox, batch)


async def _make_large(site: Site) -> None:
    client = await site.signed_in(OWNER)
    await client.command(b"CREATE " + LARGE.encode())
    await fill(client, LARGE, site.corpus)
    client.close()


async def _make_small(site: Site) -> None:
    for member in CLIENTS:
        client = await site.signed_in(member)
        await fill(client, "INBOX", site.corpus[:SMALL])
        client.close()
