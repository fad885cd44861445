"""Whatever happens in whatever order: nobody has a held message before a decision, and all have it once after it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from imap.backend import Rendering
from mailgate.database import Database, Statement, Tx, open_database
from mailgate.delivery.recipients import ListRecipient, PersonRecipient, reached, resolve
from mailgate.moderation import held as table
from mailgate.moderation.deciding import DecidedError, Decider, Moderation
from mailgate.moderation.held import OPEN, HeldMessage, State
from mailgate.moderation.schema import held_content
from mailgate.policy.schema import sending
from mailgate.store import Gate, MailStore, Parcel
from mailgate.store.dispatches import Dispatch, copies_of
from mailgate.store.messages import read_rendered
from mailgate.store.schema import entry
from tests.end_to_end.school import DOMAIN, PARENTS, members
from tests.moderation.desk import SERVICE, Desk

WRITER, READER = members(PARENTS)[:2]
TEACHER = members(f"6eme-a.profs@{DOMAIN}")[0]
EVERYBODY = f"parents@{DOMAIN}"
PUPILS = f"6eme-a.eleves@{DOMAIN}"
KINDS: dict[str, tuple[str, list[str], list[str]]] = {
    # Writer, recipients, and those of them that wait
    "parent": (WRITER, [PARENTS], [PARENTS]),
    "both": (WRITER, [TEACHER, READER, PARENTS], [PARENTS]),
    "two lists": (WRITER, [PARENTS, PUPILS], [PARENTS, PUPILS]),
    "teacher": (TEACHER, [PARENTS, EVERYBODY], [EVERYBODY]),
}
BY = Decider("Somebody", "somebody@ent.example.org")
SUBJECT = re.compile(rb"^Subject: (message \d+)\r\n", re.MULTILINE)
OPERATION = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(sorted(KINDS))),
    st.tuples(st.sampled_from(["approve", "refuse", "cancel", "race", "crash"]), st.integers(0, 20)),
    st.tuples(st.just("tick"), st.sampled_from([3600.0, 73 * 3600.0])),
    st.tuples(st.just("reopen"), st.just(0)),
)
_numbers = count()
_INBOXES = Statement(select(entry.c.account_id, entry.c.message_id).where(entry.c.mailbox_id == 1))
_FORGET = Statement(delete(sending))
_CONTENTS = Statement(select(held_content.c.content_id))


class Crash(Exception):
    """The process ends here."""


class CrashingStore(MailStore):
    """Writes everything but the commit."""

    async def deliver_all(
        self,
        parcels: Sequence[Parcel],
        *,
        internal_date: int | None = None,
        first: Callable[[Tx], Awaitable[None]] | None = None,
        dispatch: Dispatch | None = None,
        gate: Gate | None = None,
    ) -> None:
        async def dying(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            raise Crash

        await super().deliver_all(parcels, internal_date=internal_date, first=dying, dispatch=dispatch)


@dataclass
class Model:
    """What must be: for each subject who has it, and how many times."""

    has: dict[str, Counter[int]] = field(default_factory=dict)
    waits: dict[int, tuple[str, frozenset[int]]] = field(default_factory=dict)
    """By number of a held message: its subject, and who is to get it."""
    states: dict[int, State] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    def deliver(self, subject: str, people: frozenset[int]) -> None:
        self.has[subject] |= Counter(people)


@dataclass
class World:
    """A gateway beside its model."""

    url: str
    desk: Desk
    model: Model = field(default_factory=Model)

    async def send(self, kind: str) -> None:
        writer, to, waiting = KINDS[kind]
        subject = f"message {next(_numbers)}"
        self.model.has[subject] = Counter()
        # Nobody sends so much in an hour as this test does.
        await self.desk.database.write(_forget_sending)
        await self.desk.send(writer, to, subject)
        direct = await self._behind([one for one in to if one not in waiting])
        self.model.deliver(subject, direct)
        for held in await self._open():
            if held.subject == subject:
                self.model.waits[held.held_id] = subject, await self._behind([held.target])
                self.model.states[held.held_id] = held.state
                self.model.ends[held.held_id] = held.expires_at

    async def _behind(self, addresses: list[str]) -> frozenset[int]:
        async def work(tx: Tx) -> frozenset[int]:
            found = [await resolve(tx, one) for one in addresses]
            people = [one.account_id for one in found if isinstance(one, PersonRecipient)]
            lists = [one.list_id for one in found if isinstance(one, ListRecipient)]
            return frozenset().union(*(await reached(tx, people, lists)).values())

        return await self.desk.database.read(work)

    async def _open(self) -> list[HeldMessage]:
        return await self.desk.database.read(table.waiting)

    def _is_open(self, held_id: int) -> bool:
        return self.model.states[held_id] in OPEN and self.model.ends[held_id] > self.desk.clock()

    async def decide(self, operation: str, number: int) -> None:
        if not self.model.waits:
            return
        held_id = sorted(self.model.waits)[number % len(self.model.waits)]
        was_open = self._is_open(held_id)
        if operation == "crash":
            crashing = Moderation(self.desk.database, CrashingStore(self.desk.database), SERVICE, self.desk.clock)
            done = [await _outcome(crashing.approve(held_id, BY))]
            assert done == [Crash if was_open else DecidedError]
            return
        names = ["approve", "refuse", "approve"] if operation == "race" else [operation]
        desk = self.desk.moderation
        ways = {
            "approve": lambda: desk.approve(held_id, BY),
            "refuse": lambda: desk.refuse(held_id, BY, "Non."),
            "cancel": lambda: desk.cancel(held_id, BY),
        }
        done = await asyncio.gather(*(_outcome(ways[name]()) for name in names))
        won = [one for one in done if isinstance(one, State)]
        assert len(won) == was_open
        assert all(one is DecidedError for one in done if not isinstance(one, State))
        for state in won:
            self.model.states[held_id] = state
            if state is State.APPROVED:
                self.model.deliver(*self.model.waits[held_id])

    async def tick(self, seconds: float) -> None:
        self.desk.clock.ahead += seconds
        while any(await asyncio.gather(*(self.desk.moderation.look_at_the_clock() for _ in range(2)))):
            pass  # so many are looked at in one go
        for held_id, state in self.model.states.items():
            if state in OPEN and self.model.ends[held_id] <= self.desk.clock():
                self.model.states[held_id] = State.EXPIRED

    async def reopen(self) -> None:
        await self.desk.database.close()
        self.desk = await replace(self.desk, database=await open_database(self.url)).start()

    async def check(self) -> None:
        """The mailboxes are as the model has them, and nothing is kept that nobody waits for."""
        database = self.desk.database
        found: dict[str, Counter[int]] = {subject: Counter() for subject in self.model.has}
        entries = await database.read(lambda tx: tx.all(_INBOXES))
        contents = {message_id for _, message_id in entries}
        texts = await database.read(lambda tx: read_rendered(tx, contents, Rendering.HEADER))
        for account_id, message_id in entries:
            named = SUBJECT.search(texts[message_id].header)
            if named and named[1].decode() in found:
                found[named[1].decode()][account_id] += 1
        assert found == self.model.has
        held = await self._open()
        assert {one.held_id for one in held} & self.model.states.keys() == {
            number for number, state in self.model.states.items() if state in OPEN
        }
        await self._check_history()
        kept = {row[0] for row in await database.read(lambda tx: tx.all(_CONTENTS))}
        assert kept == {one.content_id for one in held}

    async def _check_history(self) -> None:
        """Who got a message is noted, those who got it after a decision too, and no moderator."""

        async def work(tx: Tx) -> dict[str, Counter[int]]:
            noted: dict[str, Counter[int]] = {}
            for held_id, (subject, _) in self.model.waits.items():
                held = await table.find(tx, held_id)
                assert held is not None
                assert held.dispatch_id is not None
                copies = await copies_of(tx, held.dispatch_id)
                noted[subject] = sum((Counter(copy.account_ids) for copy in copies), Counter())
            return noted

        for subject, people in (await self.desk.database.read(work)).items():
            assert people == self.model.has[subject]


async def _outcome(decision: Awaitable[HeldMessage]) -> Any:  # noqa: ANN401 - a state, or the kind of an error
    try:
        return (await decision).state
    except (DecidedError, Crash) as error:
        return type(error)


async def _forget_sending(tx: Tx) -> None:
    await tx.run(_FORGET)


async def _play(url: str, operations: list[tuple[str, Any]]) -> None:
    database: Database = await open_database(url)
    world = World(url, await Desk(database).start())
    try:
        for name, value in operations:
            match name:
                case "send":
                    await world.send(value)
                case "tick":
                    await world.tick(value)
                case "reopen":
                    await world.reopen()
                case _:
                    await world.decide(name, value)
            await world.check()
        for number in range(len(world.model.waits)):
            await world.decide("race", number)
        await world.check()
    finally:
        await world.desk.database.close()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operations=st.lists(OPERATION, min_size=3, max_size=10).map(
        lambda rest: [("send", "teacher"), ("send", "both"), *rest]
    )
)
def test_mailboxes_are_as_the_decisions_have_it(academy_url: str, operations: list[tuple[str, Any]]) -> None:
    asyncio.run(_play(academy_url, operations))
