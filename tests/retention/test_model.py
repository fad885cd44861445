"""Leaving, coming back, merges, holds, runs and time in any order, against a model that knows days and owners.

Addresses are the same for ever, UIDs, UIDVALIDITY and flags until the mail is purged, whatever imports say.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, insert, select, update

from directory.exclusions import FamilyError
from directory.list_definitions import Author
from directory.schema import ACTIVE, address, former_school, list_member, person
from mailgate import families
from mailgate.config import Retention
from mailgate.database import async_engine
from mailgate.directory_import import Provisioning, import_and_provision
from mailgate.migrations.tables import METADATA
from mailgate.retention import holds
from mailgate.retention.due import all_leavers, to_purge
from mailgate.retention.leavers import DAY, end_graces
from mailgate.retention.proofs import find
from mailgate.retention.purging import purge
from mailgate.retention.schema import leaver
from mailgate.store.provisioning import INBOX_ID
from mailgate.store.schema import account, entry, mailbox
from tests.directory.academy import AAF, SETTINGS, guardian_of, pupil, relative, small, teacher
from tests.support.examples import MODEL_EXAMPLES
from tests.support.templates import Fill, tables_of

PARENTS: Final = (11, 12, 13)
STAFF: Final = 21
PEOPLE: Final = (*PARENTS, STAFF)
READING: Final = 60
KEPT: Final = {**dict.fromkeys(PARENTS, 365), STAFF: 730}
AUTHOR: Final = Author("root", 1_760_000_000)
TABLES: Final = tables_of(*METADATA)
PHASES: Final = (Phase.explicit, Phase.generate)
"""An import takes a while: shrinking would take minutes."""
ENDS: Final = [("run", 0, 0), ("release", 12, 0), ("run", 0, 0)]

Step = tuple[str, int, int]
leaving = st.tuples(st.just("import"), st.integers(0, 2 ** len(PEOPLE) - 1), st.just(0))
waiting = st.tuples(st.just("wait"), st.sampled_from([20, 45, 70, 400]), st.just(0))
merging = st.tuples(st.just("merge"), st.sampled_from(PARENTS), st.sampled_from(PARENTS))
others = st.tuples(st.sampled_from(["split", "hold", "release"]), st.sampled_from(PARENTS), st.just(0))
running = st.just(("run", 0, 0))
steps = st.lists(st.one_of(leaving, leaving, waiting, waiting, merging, others, running), min_size=1, max_size=10)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the tables."""
    return TABLES


@dataclass
class Model:
    """Whose child, or function, is there; who was merged into whom; since how many days leavers have left."""

    here: set[int] = field(default_factory=lambda: set(PEOPLE))
    active: set[int] = field(default_factory=lambda: set(PEOPLE))
    kept: dict[int, int] = field(default_factory=dict)
    state: dict[int, str] = field(default_factory=lambda: dict.fromkeys(PEOPLE, "active"))
    left: dict[int, int] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    purged: list[int] = field(default_factory=list)

    def root(self, one: int) -> int:
        return self._way(one)[-1]

    def below(self, root: int) -> set[int]:
        """The records that stand for a person, or would if the person were none's."""
        return {one for one in PEOPLE if root in self._way(one)}

    def _way(self, one: int) -> list[int]:
        found = [one]
        while found[-1] in self.kept:
            found.append(self.kept[found[-1]])
        return found

    def bring(self, here: set[int]) -> None:
        self.here = here
        for one in [one for one in PEOPLE if one not in self.kept]:
            if self.below(one) & here:
                self.active.add(one)
                self.left.pop(one, None)
                self.state[one] = "active"
            else:
                self.active.discard(one)
                if one not in self.left and self.state[one] != "purged":
                    self.left[one] = 0
                    self.state[one] = "leaving" if one == STAFF else "reading"
        self.end_graces()

    def end_graces(self) -> None:
        for one in [one for one, days in self.left.items() if days >= READING and self.state[one] != "purged"]:
            self.state[one] = "suspended"

    def run(self) -> None:
        self.end_graces()
        over = [one for one, days in self.left.items() if days >= READING + KEPT[one] and one not in self.kept]
        for one in over:
            if not self.below(one) & self.held:
                for each in self.below(one):
                    self.purged += [each] if self.state[each] != "purged" else []
                    self.state[each] = "purged"
                    self.left.pop(each, None)

    def merge(self, keep: int, drop: int) -> None:
        self.kept[drop] = keep
        self.active.discard(drop)
        if self.state[drop] != "purged":
            self.state[drop] = "suspended"

    def split(self, one: int) -> None:
        del self.kept[one]
        if self.below(one) & self.here:
            self.active.add(one)
            self.state[one] = "active"
            self.left.pop(one, None)
        elif one not in self.left and self.state[one] != "purged":
            self.left[one] = READING  # parted while nobody of theirs is there: no grace, but back at once on return


@dataclass
class World:
    """The same in a database."""

    connection: Connection
    ids: dict[int, int] = field(default_factory=dict)
    own: dict[int, str] = field(default_factory=dict)
    mail: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)

    def bring(self, here: set[int]) -> None:
        children = [
            pupil(one - 10, f"P{one} Roy", links=(guardian_of(one),), in_class=f"6{one}")
            for one in PARENTS
            if one in here
        ]
        team = [teacher(STAFF, "Ada Petit", "6A")] if STAFF in here else []
        always = pupil(9, "Reste Ici")
        records = small(always, *children, *(relative(one, "Éva Roy") for one in PARENTS), *team)
        import_and_provision(self.connection, [(AAF, records)], replace(SETTINGS, force=True), Provisioning())

    def settle(self) -> None:
        """Note who is who, and give everybody mail with flags."""
        numbered = select(person.c.source_id, person.c.person_id, address.c.address).join(
            address, address.c.person_id == person.c.person_id
        )
        for source_id, person_id, text in self.connection.execute(numbered):
            if int(source_id) in PEOPLE and person_id not in self.ids.values():
                self.ids[int(source_id)], self.own[int(source_id)] = person_id, text
        for number, one in self.ids.items():
            for uid in range(1, 3):
                row = {"account_id": one, "mailbox_id": INBOX_ID, "uid": uid, "modseq": uid + 1, "flags": uid}
                more = {"internal_date": 0, "saved_at": 0, "size": 10, "message_id": b"%d" % number}
                self.connection.execute(insert(entry).values({**row, **more}))
            its = (mailbox.c.account_id == one, mailbox.c.mailbox_id == INBOX_ID)
            self.connection.execute(update(mailbox).where(*its).values(uidnext=3, highestmodseq=3, messages=2, size=20))
            self.mail[number] = self.rows(one)

    def rows(self, one: int) -> list[tuple[Any, ...]]:
        """Mailboxes with their UIDVALIDITY, and messages with UIDs and flags."""

        def of(table: Table) -> list[tuple[Any, ...]]:
            found = self.connection.execute(select(table).where(table.c.account_id == one))
            return sorted(tuple(row) for row in found)

        return [*of(mailbox), *of(entry)]

    def wait(self, days: int) -> None:
        """Everything lies so many days more back."""
        then = {name: leaver.c[name] - days * DAY for name in ("left_at", "reads_until")}
        self.connection.execute(update(leaver).values(then))

    def run(self) -> None:
        now = int(time.time())
        end_graces(self.connection, now)
        for one in to_purge(all_leavers(self.connection, Retention()), now):
            for account_id in one.accounts:
                purge(self.connection, one, account_id, None, now)

    def merge(self, keep: int, drop: int) -> None:
        families.merge(self.connection, self.own[keep], self.own[drop], AUTHOR, SETTINGS.today, force=True)

    def split(self, one: int) -> None:
        families.split(self.connection, self.own[one], AUTHOR, SETTINGS.today, quota=0)

    def check(self, model: Model, before: set[str]) -> None:
        """What is there is what the model says."""
        states = dict(self.connection.execute(select(account.c.account_id, account.c.state)).all())
        assert {one: states.get(number, "purged") for one, number in self.ids.items()} == model.state
        for one, number in self.ids.items():
            there = self.rows(number)
            if one not in model.purged:
                assert there == self.mail[one], one
            elif model.state[one] == "purged":
                assert there == []
            else:
                assert len(there) == 6, "new mailboxes, without the mail of before"
        assert set(self.connection.scalars(select(address.c.address))) == before
        present = select(person.c.person_id).where(person.c.state == ACTIVE)
        active = {one for one, number in self.ids.items() if number in set(self.connection.scalars(present))}
        assert active == model.active
        gone = {self.ids[one] for one in PEOPLE if one not in model.active}
        assert gone.isdisjoint(self.connection.scalars(select(list_member.c.person_id)))
        former = set(self.connection.scalars(select(former_school.c.person_id)))
        assert former.isdisjoint(self.ids[one] for one in model.active)
        noted = set(self.connection.scalars(select(leaver.c.account_id)))
        assert {one for one, number in self.ids.items() if number in noted} == set(model.left)
        proofs = [one.account_id for one in find(self.connection, None, None)]
        assert sorted(one for one in proofs if one in self.ids.values()) == sorted(
            self.ids[one] for one in model.purged
        )


def step(world: World, model: Model, what: str, one: int, other: int) -> None:
    """Do one thing to both."""
    match what:
        case "import":
            here = {number for bit, number in enumerate(PEOPLE) if one >> bit & 1}
            world.bring(here)
            model.bring(here)
        case "wait":
            world.wait(one)
            model.left = {number: days + one for number, days in model.left.items()}
        case "run":
            world.run()
            model.run()
        case "hold":
            holds.hold(world.connection, world.ids[one], world.own[one], "Procédure")
            model.held.add(one)
        case "release":
            assert holds.release(world.connection, world.ids[one], world.own[one]) == (one in model.held)
            model.held.discard(one)
        case "merge":
            keep, drop = model.root(one), model.root(other)
            if keep == drop or keep not in model.active:
                with pytest.raises(FamilyError), world.connection.begin_nested():
                    world.merge(one, other)
            else:
                world.merge(one, other)
                model.merge(keep, drop)
        case "split":
            if one not in model.kept:
                with pytest.raises(FamilyError), world.connection.begin_nested():
                    world.split(one)
            else:
                world.split(one)
                model.split(one)


def play(connection: Connection, done: Sequence[Step]) -> None:
    """One sequence, which is taken back."""
    whole = connection.begin_nested()
    try:
        world, model = World(connection), Model()
        world.bring(set(PEOPLE))
        world.settle()
        before = set(connection.scalars(select(address.c.address)))
        for one in done:
            step(world, model, *one)
            world.check(model, before)
    finally:
        whole.rollback()


def explore(connection: Connection) -> None:
    @settings(max_examples=MODEL_EXAMPLES or 3, phases=PHASES, suppress_health_check=list(HealthCheck), database=None)
    @given(steps)
    @example([("merge", 11, 12), ("import", 13, 0), ("split", 12, 0), ("import", 15, 0)])
    @example(
        [("merge", 11, 12), ("import", 12, 0), *[("wait", 400, 0)] * 2, *ENDS, ("import", 15, 0), ("split", 12, 0)]
    )
    @example([("import", 1, 0), ("hold", 12, 0), *[("wait", 400, 0)] * 2, *ENDS, ("import", 15, 0), ("import", 7, 0)])
    def sequences(done: Sequence[Step]) -> None:
        play(connection, done)

    sequences()


async def test_any_sequence_is_what_the_model_says(database_url: str) -> None:
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(explore)
    await engine.dispose()
