"""SEARCH by text in the store, without the wire: on each engine, what the index costs and what it gives.

Run from the root of the tree: ``python -m benchmarks.search [--messages 10000]``. `benchmarks.compare` sets the same
searches beside Dovecot.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks.messages import RARE_SENDERS, RARE_SUBJECTS, RARE_WORDS, messages
from imap.backend import Account, Entry, MailboxRef
from imap.parsing.search import Search
from imap.parsing.search_keys import SearchKey
from imap.parsing.sequence import SequenceSet
from imap.search import search
from imap.search.sent import read_sent_days
from mailgate import migrations
from mailgate.database import Database, async_engine, open_database
from mailgate.store import MailStore
from mailgate.store.search.indexer import Indexer, index_status
from tests.imap_parsing.framing import parse
from tests.support.postgresql import PostgresqlServer

SEARCHES: tuple[tuple[str, str], ...] = (
    ("BODY, a rare word", f'BODY "{RARE_WORDS[3]}"'),
    ("BODY, inside a rare word", f'BODY "{RARE_WORDS[4][1:-1]}"'),
    ("BODY, a phrase", f'BODY "{RARE_WORDS[6]} "'),
    ("BODY, a word of all", "BODY absence"),
    ("BODY, no word at all", 'BODY "zzyzx"'),
    ("TEXT, a rare word", f'TEXT "{RARE_WORDS[5]}"'),
    ("TEXT, two letters", 'TEXT "qu"'),
    ("SUBJECT, a rare word", f"SUBJECT {RARE_SUBJECTS[1]}"),
    ("SUBJECT, a common word", "SUBJECT cantine"),
    ("FROM, a rare name", f'FROM "{RARE_SENDERS[0]}"'),
    ("FROM, everybody", "FROM example.org"),
    ("OR SUBJECT FROM TO", f"OR SUBJECT {RARE_SUBJECTS[0]} OR FROM {RARE_SUBJECTS[0]} TO {RARE_SUBJECTS[0]}"),
    ("FUZZY TEXT, a rare word", f'FUZZY TEXT "{RARE_WORDS[9]}"'),
)
ROUNDS = 5


@dataclass(frozen=True)
class View:
    """A mailbox as a session sees it."""

    uids: Sequence[int]
    flags: array[int]
    modseqs: Sequence[int]
    keywords: Sequence[str] = ()

    def is_recent(self, uid: int) -> bool:
        return uid < 0

    def positions(self, messages: SequenceSet, *, uid: bool) -> list[range]:
        return messages.uid_positions(self.uids) if uid else messages.number_positions(len(self.uids))


class Source:
    """An account whose entries are in memory, as those of a selected mailbox are."""

    def __init__(self, account: Account, entries: Sequence[Entry]) -> None:
        self._entries = {entry.uid: entry for entry in entries}
        self.find_text = account.find_text
        self.rendered = account.rendered
        self.read = account.read
        self.read_whole = account.read_whole

    async def entries(self, _: MailboxRef, uids: Sequence[int]) -> Sequence[Entry]:
        return [self._entries[uid] for uid in uids]

    async def sent_days(self, mailbox: MailboxRef, uids: Sequence[int]) -> Sequence[int]:
        return await read_sent_days(self, mailbox, uids)


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Wall and CPU seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


def key_of(program: str) -> SearchKey:
    """The key that a client's words stand for."""
    command = parse(f"A UID SEARCH {program}".encode(), utf8=True)
    assert isinstance(command, Search)
    return command.key


async def measure(url: str, count: int) -> list[tuple[str, str]]:
    """One engine's figures, each with its name."""
    engine = async_engine(url)
    await migrations.upgrade(engine)
    await engine.dispose()
    database = await open_database(url)
    store = MailStore(database)
    await store.create_accounts([(1, 0)])
    account = store.account(1, "anne@example.org")
    try:
        figures = await _indexing(url, database, store, count)
        snapshot = await account.snapshot(MailboxRef(1, 1))
        view = View(snapshot.uids, array("q", snapshot.flags), snapshot.modseqs)
        source = Source(account, await account.entries(MailboxRef(1, 1), view.uids))
        figures += [(name, await _searching(source, view, program)) for name, program in SEARCHES]
    finally:
        await store.close()
        await database.close()
    return figures


async def _indexing(url: str, database: Database, store: MailStore, count: int) -> list[tuple[str, str]]:
    waiting = iter(messages(count))

    async def deliver() -> None:
        for content in waiting:
            await store.deliver(content, [1])

    delivered, _ = await timed(lambda: asyncio.gather(*(deliver() for _ in range(8))))
    before = await _size(url, database)
    indexer = Indexer(database)

    async def index() -> None:
        while await indexer.index_batch(16):
            pass

    wall, cpu = await timed(index)
    grown = await _size(url, database) - before
    status = await index_status(database)
    return [
        ("delivered, 8 at once", f"{count / delivered:,.0f}/s"),
        ("indexed", f"{status.indexed / wall:,.0f}/s, {cpu / status.indexed * 1000:.2f} ms CPU each"),
        ("the index takes", f"{grown / status.indexed / 1024:.1f} KiB per message, {status.words:,} words"),
    ]


async def _size(url: str, database: Database) -> int:
    statements = {
        "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
        "WHERE relkind = 'r' AND relname LIKE 'search%'",
        "sqlite": "SELECT page_count * page_size - freelist_count * page_size "
        "FROM pragma_page_count, pragma_page_size, pragma_freelist_count",
    }
    engine = async_engine(url)
    async with engine.connect() as connection:
        size = (await connection.execute(text(statements[database.engine]))).scalar_one()
    await engine.dispose()
    return int(size)


async def _searching(source: Source, view: View, program: str) -> str:
    key = key_of(program)
    walls: list[float] = []
    cpus: list[float] = []
    found: list[int] = []

    async def work() -> None:
        found[:] = await search(key, view, source, MailboxRef(1, 1))

    for _ in range(ROUNDS):
        wall, cpu = await timed(work)
        walls.append(wall)
        cpus.append(cpu)
    return (
        f"{len(found):6,} found  first {walls[0] * 1000:6.1f} ms  then {min(walls[1:]) * 1000:6.1f} ms "
        f"({min(cpus[1:]) * 1000:.1f} CPU)"
    )


async def main() -> None:
    """Both engines, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    if options.engine != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            _print(console, "SQLite", await measure(f"sqlite:///{folder}/mailgate.db", options.messages))
    if options.engine != "sqlite":
        with PostgresqlServer(durable=True) as server:
            _print(console, "PostgreSQL", await measure(server.create_database(), options.messages))


def _print(console: Console, title: str, figures: Sequence[tuple[str, str]]) -> None:
    table = Table(title=title, show_header=False)
    for name, figure in figures:
        table.add_row(name, figure)
    console.print(table)


if __name__ == "__main__":
    uvloop.run(main())
