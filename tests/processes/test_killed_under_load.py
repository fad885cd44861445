"""kill -9 of any process at random moments, under a load of submissions, mail from outside and mail that leaves.

Every 250 is delivered once here; outside at least once, or returned once. Twice goes only what was under way between
the 250 of the other side and its note here, which nobody can avoid (RFC 5321 section 4.5.3.2.6): it is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import smtplib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
from sqlalchemy import Text, bindparam, func, select, update

from mailgate.database import Database, Row, Statement, open_database
from mailgate.queue.schema import IS_WAITING, queued_recipient
from tests.processes.conftest import Start
from tests.processes.serving import WITHIN, Serving
from tests.queue.conftest import addresses
from tests.support.sink import Sink

WRITERS = 3
"""Of each kind."""
LANES = 4
"""Connections to the other side, at the most."""
REFUSED = 5
"""Of so many recipients outside, one is refused."""
FRIEND = "ami@elsewhere.example"
_r = queued_recipient.c
_LEFT = Statement(
    select(_r.domain, _r.due_at, _r.lease_owner, _r.attempts, _r.code, _r.answer).where(_r.state == IS_WAITING)
)
_DOUBTS = Statement(select(func.sum(_r.doubts)))
_RUN_OUT = Statement(
    update(queued_recipient).where(_r.lease_owner.like(bindparam("owner", type_=Text))).values(due_at=1)
)
_SUBJECT = re.compile(rb"^Subject: ([SM]\d+-\d+)\r$", re.MULTILINE)
_RETURNED = re.compile(rb"^Final-Recipient: rfc822; gone\.(\S+?)@", re.MULTILINE)


@dataclass
class Load:
    """Writers that send as fast as they are answered, and begin anew with another message when the server is gone."""

    serving: Serving
    accepted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """What was under way when a connection broke, or went to some of its recipients alone."""
    refused: dict[str, object] = field(default_factory=dict)
    """The answers of recipients who were refused, by message."""
    _over: threading.Event = field(default_factory=threading.Event)
    _news: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        for number in range(WRITERS):
            for kind, work in (("S", self._submit), ("M", self._relay)):
                thread = threading.Thread(target=self._write, args=(f"{kind}{number}", work))
                thread.start()
                self._threads.append(thread)

    def _write(self, name: str, work: Callable[[Iterator[str]], None]) -> None:
        subjects = (f"{name}-{number}" for number in itertools.count())
        while not self._over.is_set():
            with contextlib.suppress(smtplib.SMTPException, OSError, LookupError):
                work(subjects)
            self._over.wait(0.02)

    def _submit(self, subjects: Iterator[str]) -> None:
        with self.serving.smtp() as client:
            self._send(client, subjects, self.serving.teacher, self.serving.pupil)

    def _relay(self, subjects: Iterator[str]) -> None:
        with smtplib.SMTP(*self.serving.mx, "relay.elsewhere.example", timeout=WITHIN) as client:
            self._send(client, subjects, FRIEND, self.serving.teacher)

    def _send(self, client: smtplib.SMTP, subjects: Iterator[str], sender: str, to: str) -> None:
        while not self._over.is_set():
            subject = next(subjects)
            self.doubtful.add(subject)
            recipients = [to, *([] if sender == FRIEND else [outside(subject)])]
            content = f"From: <{sender}>\r\nSubject: {subject}\r\n\r\nBonjour\r\n"
            if refused := client.sendmail(sender, recipients, content):
                self.refused[subject] = refused
                continue
            self.accepted.add(subject)
            self._news.release()

    def wait_for(self, number: int) -> None:
        """Until so many more were accepted."""
        for _ in range(number):
            assert self._news.acquire(timeout=WITHIN)

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WITHIN)
            assert not thread.is_alive()
        self.doubtful -= self.accepted


def outside(subject: str) -> str:
    """Another recipient for each message, some of whom do not exist."""
    number = int(subject.partition("-")[2])
    return f"{'gone' if number % REFUSED == 0 else 'ami'}.{subject}@d{number % 3}.example"


def kill(serving: Serving, what: str, chance: random.Random) -> set[int]:
    """Kill one process, or with its supervisor all that serve; give those that died, once others serve."""
    pids = serving.pids()
    if what == "everything":
        serving.end()
        serving.start()
    elif what == "indexer":
        served = len(serving.of("worker died"))
        serving.indexer.kill()
        serving.wait_for("worker died", served + 1)
        return set()
    elif what == "worker":
        pids = {chance.choice(sorted(pids))}
        served = len(serving.of("serving"))
        psutil.Process(next(iter(pids))).kill()
        serving.wait_for("serving", served + 1)
    else:
        workers = [psutil.Process(pid) for pid in pids]
        serving.process.kill()
        psutil.wait_procs(workers, timeout=WITHIN)
        serving.end()
        serving.start()
    return pids


async def test_every_250_is_delivered_once_or_returned(start: Start, store: str) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    turns = ["worker", "indexer", "supervisor", "worker"] if store else ["everything"] * 2
    chance.shuffle(turns)

    async def script(verb: str, rest: str) -> str | None:
        if verb == ".":
            await asyncio.sleep(0.02)
        return "550 5.1.1 no such user" if verb == "RCPT" and "<gone." in rest else None

    async with Sink(script) as sink:
        queue = {
            "route": "smarthost", "smarthost": f"127.0.0.1:{sink.port}", "smarthost_security": "none", "lease": 10,
            "connections_per_destination": LANES,
        }  # fmt: skip
        mx = {"listen": ["127.0.0.1:0"], "trusted": ["127.0.0.0/8"]}
        serving = await asyncio.to_thread(
            start,
            store,
            queue=queue,
            mx=mx,
            gateway={"stop_grace": 2.0},
            **{"filters.authentication": {"enabled": False}},
        )
        for limit in ("messages_per_hour", "recipients_per_hour"):
            serving.command.good("policy", "limits", "set", "0000001A", "teacher", limit, "unlimited")
        async with contextlib.AsyncExitStack() as stack:
            database = await open_database(serving.url)
            stack.push_async_callback(database.close)
            load = Load(serving)
            load.begin()
            died = 0
            try:
                for what in turns:
                    await asyncio.to_thread(load.wait_for, 60)
                    await asyncio.sleep(chance.random() / 4)
                    gone = await asyncio.to_thread(kill, serving, what, chance)
                    died += len(gone)
                    for pid in gone:  # their leases run out
                        await database.write(lambda tx, pid=pid: tx.run(_RUN_OUT, owner=f"%:{pid}:%"))  # type: ignore[misc]
            finally:
                await asyncio.to_thread(load.end)
            await _until_all_left(database)
            row = await database.read(lambda tx: tx.one(_DOUBTS))
        pupil, teacher = await asyncio.to_thread(
            lambda: [inbox(serving, one) for one in (serving.pupil, serving.teacher)]
        )
        assert await asyncio.to_thread(serving.stop) == 0
    assert row is not None
    there = Counter(_subjects(pupil) + _subjects(teacher))
    returned = Counter(name.decode() for one in teacher for name in _RETURNED.findall(one))
    left = Counter(one.partition("@")[0].partition(".")[2] for taken in sink.taken for one in addresses(taken.rcpt))
    twice = left.total() - len(left)
    sys.stdout.write(
        f"seed {seed}, {', '.join(turns)}: {len(load.accepted)} accepted, {len(load.doubtful)} doubtful, "
        f"{len(there)} there, {len(left)} outside ({twice} twice, {row[0]} doubts), {len(returned)} returned\n"
    )  # fmt: skip
    assert (load.refused, serving.faults) == ({}, []), "nothing went wrong that the gateway can help"
    assert set(there.values()) == {1}, "nothing is here twice"
    assert load.accepted <= there.keys() <= load.accepted | load.doubtful
    sent = {subject for subject in there if subject.startswith("S")}
    refused = {subject for subject in sent if outside(subject).startswith("gone")}
    assert left.keys() == sent - refused, "what is here is outside too: nothing is delivered in part"
    assert returned == Counter(refused)
    assert twice <= row[0], "what may have gone out twice is noted"
    assert twice <= died * LANES, "and was under way when a process died"


async def _until_all_left(database: Database) -> None:
    """Wait for what no event tells."""
    waiting: list[Row] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WITHIN):
            while waiting := await database.read(lambda tx: tx.all(_LEFT)):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)
    assert not waiting, f"still waiting at {time.time():.0f}"


def inbox(serving: Serving, address: str) -> list[bytes]:
    """Whole messages."""
    with serving.imap(address) as client:
        _, (exist,) = client.select("INBOX", readonly=True)
        status, data = client.fetch("1:*", "(BODY.PEEK[])")
        whole = [part[1] for part in data if isinstance(part, tuple)]
        assert (status, len(whole)) == ("OK", int(exist or b"0"))
        return whole


def _subjects(messages: list[bytes]) -> list[str]:
    """Of those that writers sent; reports have another."""
    found = [_SUBJECT.search(one.partition(b"\r\n\r\n")[0] + b"\r\n") for one in messages]
    return [one[1].decode() for one in found if one is not None]
