"""A queue on each engine: tables, a few people of one school, a store, and a worker that sends to a sink."""

from __future__ import annotations

import asyncio
import datetime
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import Connection, delete, insert, select

from directory.nomenclature import Profile
from directory.schema import address, person
from mailgate import migrations
from mailgate.config import Queue, Settings
from mailgate.database import Database, Statement, Tx, open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery.reports import Reporter
from mailgate.queue.bounces import Bounces
from mailgate.queue.clock import Clock
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.forms import Forms
from mailgate.queue.leaving import Leaving
from mailgate.queue.schedule import Priority, Schedule
from mailgate.queue.schema import queue_destination, queued_message, queued_recipient
from mailgate.queue.sending import Sending
from mailgate.queue.suspending import Suspensions
from mailgate.queue.worker import Limits, Worker
from mailgate.signing.signer import Signer
from mailgate.store import MailStore, Parcel
from mailgate.store.messages import joined, read_chunks
from mailgate.store.provisioning import INBOX_ID
from mailgate.store.schema import account, body_chunk, entry, mailbox, message, number, retained
from smtp.client.connection import Timeouts
from smtp.client.routes import Route, Smarthost
from smtp.client.tls import Security
from tests.queue import family as relatives
from tests.support.postgresql import PostgresqlServer

PEOPLE = {1: "alice@ent.example.org", 2: "bob@ent.example.org"}
MESSAGE = b"From: alice@ent.example.org\r\nSubject: Voyage\r\nMessage-ID: <one@client.example>\r\n\r\nBonjour\r\n.\r\n"
SETTINGS = Settings(queue=Queue(route="smarthost", smarthost="127.0.0.1:1"))
SCHEDULE = Schedule((300, 900), 4 * 86_400, 4 * 3_600)
_INBOX = Statement(
    select(entry.c.message_id)
    .where(entry.c.account_id == number("number"), entry.c.mailbox_id == INBOX_ID)
    .order_by(entry.c.uid)
)
_EMPTY = [
    Statement(delete(table))
    for table in (
        queued_recipient,
        queued_message,
        queue_destination,
        retained,
        entry,
        mailbox,
        account,
        message,
        body_chunk,
    )
]
PATIENT = Timeouts(60, 60, 60, 60, 60)


def _people(connection: Connection) -> None:
    for person_id, mail in PEOPLE.items():
        connection.execute(
            insert(person).values(
                person_id=person_id, source="test", academy="", source_id=str(person_id), profile=Profile.TEACHER,
                sdet="", sn=mail, given="", title="", display=mail, state="active",
            )
        )  # fmt: skip
        today = datetime.date(2026, 9, 1)
        row = {
            "address": mail,
            "person_id": person_id,
            "is_primary": True,
            "given_at": today,
            "base": mail,
            "number": 1,
        }
        connection.execute(insert(address).values(row))


@dataclass
class Desk:
    """What a test does to a queue; `now` moves by hand."""

    database: Database
    store: MailStore
    stack: AsyncExitStack
    now: float = 1_000_000.0
    schedule: Schedule = SCHEDULE
    bounces: Bounces = field(init=False)
    suspensions: Suspensions = field(init=False)

    def __post_init__(self) -> None:
        self.bounces = Bounces(self.database, Reporter("postmaster@ent.example.org", "gate.example.org"), "fr")
        self.suspensions = Suspensions(self.database, SETTINGS)
        self.settings = SETTINGS
        """How copies leave."""

    async def put(self, *to: str | OutsideRecipient, content: bytes = MESSAGE, **changes: object) -> None:
        """Queue a message from alice."""
        recipients = [one if isinstance(one, OutsideRecipient) else OutsideRecipient(one) for one in to]
        out = Outgoing(1, PEOPLE[1], recipients, Priority.PERSONAL, eightbit=not content.isascii())
        out = replace(out, **changes)  # type: ignore[arg-type]
        stored = enqueuing(out, self.schedule, clock=lambda: self.now)
        body = b"Return-Path: <alice@ent.example.org>\r\n" + content
        await self.store.deliver_all([Parcel(io.BytesIO(body), frozenset(), stored=stored)])

    def smarthost(self, port: int, security: Security = Security.NONE) -> Smarthost:
        return Smarthost("127.0.0.1", port, "gate.example.org", security, timeouts=PATIENT)

    async def worker(self, route: Route, **limits: int) -> Worker:
        """One that runs until the test is over."""
        worker = Worker(self.database, self.making(route), Limits(**limits))
        await worker.start()
        self.stack.push_async_callback(worker.close)
        return worker

    def making(self, route: Route) -> Callable[[str], Sending]:
        return lambda owner: Sending(
            self.database, self.store, route, self.schedule, self.bounces, self.forms(), self.suspensions,
            owner, lambda: self.now,
        )  # fmt: skip

    def forms(self) -> Forms:
        signer = Signer(self.database, self.settings.directory.holds, "gate.example.org", lambda: self.now)
        return Forms(self.database, Leaving(self.database, self.settings), signer)

    def clock(self) -> Clock:
        return Clock(self.database, self.store, self.bounces, self.suspensions, 30 * 86_400, lambda: self.now)

    async def inbox(self, number: int = 1) -> list[bytes]:
        """The messages of somebody's INBOX."""
        rows = await self.database.read(lambda tx: tx.all(_INBOX, number=number))
        contents = joined(await self.database.read(lambda tx: read_chunks(tx, [row[0] for row in rows])))
        return [contents[row[0]] for row in rows]

    async def rows(self, *names: str) -> list[tuple[object, ...]]:
        """These columns of the queued recipients, by number."""
        statement = Statement(select(*(queued_recipient.c[name] for name in names)).order_by(queued_recipient.c.number))
        return [tuple(row) for row in await self.database.read(lambda tx: tx.all(statement))]

    async def until(self, *names: str, is_: object, timeout: float = 20.0) -> None:
        """Wait until these columns are `is_`: for what no notification tells."""
        async with asyncio.timeout(timeout):
            while await self.rows(*names) != is_:  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0.02)


def addresses(found: Sequence[str]) -> list[str]:
    """Of RCPT lines."""
    return [line.partition("<")[2].partition(">")[0] for line in found]


async def _make(url: str) -> None:
    async with batch_engine(url, create=True) as engine, engine.begin() as connection:
        await connection.run_sync(migrations.upgrade_within)
        await connection.run_sync(_people)


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def queue_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> str:
    """A database that the tests share, each of which finds its queue and its mailboxes empty."""
    if request.param == "postgresql":
        url = postgresql_server.create_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('queue') / 'mailgate.db'}"
    asyncio.run(_make(url))
    return url


async def _empty(tx: Tx) -> None:
    for statement in _EMPTY:
        await tx.run(statement)


@pytest.fixture
async def desk(queue_url: str) -> AsyncIterator[Desk]:
    """The queue, and what a test does to it."""
    database = await open_database(queue_url)
    await database.write(_empty)
    store = MailStore(database)
    await store.start()
    await store.create_accounts([(number, 0) for number in PEOPLE])
    async with AsyncExitStack() as stack:
        yield Desk(database, store, stack)
    await store.close()
    await database.close()


@pytest.fixture
async def family(desk: Desk, queue_url: str) -> AsyncIterator[Desk]:
    """The same with relatives (`tests.queue.family`)."""
    await relatives.batch(queue_url, relatives.found)
    yield desk
    await relatives.batch(queue_url, relatives.gone)
