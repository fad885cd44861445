"""Several sessions at random on one mailbox: every answer must be legal, and in the end all must agree."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imap import flags
from imap.backend import Hint
from tests.imap.client_model import ClientModel
from tests.imap.conftest import Gateway, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import Client

P = ParamSpec("P")
T = TypeVar("T")

_KINDS = ("plain", "condstore", "qresync", "rev2")
_ENABLE = {"condstore": "ENABLE CONDSTORE", "qresync": "ENABLE QRESYNC", "rev2": "ENABLE IMAP4rev2"}


class HesitantAccount(MemoryAccount):
    """A store that answers late: others act between a commit and its answer, and news comes when it comes."""

    def __init__(self, account_id: int, username: str, password: str, pauses: Sequence[int]) -> None:
        super().__init__(account_id, username, password)
        self._pauses = itertools.cycle(pauses or [0])

    async def _hesitate(self) -> None:
        for _ in range(next(self._pauses)):
            await asyncio.sleep(0)

    def _late(self, answer: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            await self._hesitate()
            value = await answer(*args, **kwargs)
            await self._hesitate()
            return value

        return call

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 (as object has it)
        value = super().__getattribute__(name)
        return self._late(value) if name in _LATE else value

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def later(hint: Hint) -> None:
            loop.call_later(0.0005 * next(self._pauses), notify, hint)

        return super().watch(owner, later)


_LATE = {"changes", "snapshot", "entries", "store", "expunge", "copy", "move", "claim_recent", "rendered"}


@dataclass
class Actor:
    """One session and its model."""

    client: Client
    model: ClientModel

    async def run(self, command: str) -> str:
        """Run a command, checking all that is said meanwhile; give the condition of its completion."""
        verb = command.split(maxsplit=1)[0]
        allowed = verb not in {"FETCH", "STORE", "SEARCH"}
        if verb == "SELECT":
            self.model.select()
        *lines, completion = await self.client.command(command)
        for line in lines:
            self.model.hear(line, expunge_allowed=allowed)
        if ".SILENT" in command:
            self.model.store_silently()
        self.model.uids()
        return completion.split()[1].decode()

    async def idle(self) -> None:
        """IDLE and DONE at once: what is waiting is told."""
        await self.client.send(b"i IDLE\r\n")
        while (line := await self.client.line()) != b"+ idling":
            self.model.hear(line, expunge_allowed=False)
        await self.client.send(b"DONE\r\n")
        for line in (await self.client.until("i"))[:-1]:
            self.model.hear(line, expunge_allowed=True)


_numbers = st.integers(1, 8)
_flags = st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$label1", "\\Deleted"])
_steps = st.one_of(
    st.tuples(st.just("deliver")),
    st.tuples(st.just("idle")),
    st.builds(
        lambda n, sign, flag: ("cmd", f"STORE {n} {sign}FLAGS ({flag})"), _numbers, st.sampled_from("+-"), _flags
    ),
    st.builds(lambda n, flag: ("cmd", f"UID STORE {n}:* +FLAGS.SILENT ({flag})"), _numbers, _flags),
    st.builds(lambda n: ("cmd", f"FETCH {n}:* (UID FLAGS)"), _numbers),
    st.builds(lambda n: ("cmd", f"FETCH {n} (UID BODY[TEXT])"), _numbers),
    st.builds(lambda n: ("cmd", f"UID FETCH {n}:* (FLAGS)"), _numbers),
    st.builds(lambda n: ("cmd", f"COPY {n} INBOX"), _numbers),
    st.builds(lambda n: ("cmd", f"UID MOVE {n} Archive"), _numbers),
    st.builds(lambda n: ("cmd", f"MOVE {n} INBOX"), _numbers),
    st.sampled_from(
        [
            ("cmd", "EXPUNGE"),
            ("cmd", "NOOP"),
            ("cmd", "SEARCH ALL"),
            ("cmd", "UID SEARCH DELETED"),
            ("cmd", "SELECT INBOX"),
            ("cmd", "UID FETCH 1:* (UID RFC822.SIZE)"),
            ("cmd", "UID EXPUNGE 1:4"),
        ]
    ),
)


async def play(
    tls: Tls, kinds: list[str], rounds: list[list[tuple[int, tuple[str, ...]]]], pauses: Sequence[int]
) -> None:
    gateway = Gateway(MemoryBackend(HesitantAccount(1, "ada", "secret", pauses)), tls)
    await gateway.start()
    try:
        for number in range(4):
            gateway.account.deliver(message(f"m{number}"))
        actors = []
        for kind in kinds:
            actor = Actor(await gateway.client(), ClientModel())
            if kind in _ENABLE:
                await actor.client.ok(_ENABLE[kind])
            await actor.run("SELECT INBOX")
            actors.append(actor)
        for steps in rounds:
            await asyncio.gather(*(take(gateway, actors, list(work)) for work in by_actor(steps, len(actors))))
        await all_agree(gateway.account, actors)
    finally:
        await gateway.stop()


def by_actor(steps: list[tuple[int, tuple[str, ...]]], count: int) -> list[list[tuple[int, tuple[str, ...]]]]:
    """The steps of one round, which the actors take at the same time, each its own in order."""
    return [[(actor % count, step) for actor, step in steps if actor % count == index] for index in range(count)]


async def take(gateway: Gateway, actors: list[Actor], steps: list[tuple[int, tuple[str, ...]]]) -> None:
    for number, step in steps:
        if step[0] == "deliver":
            gateway.account.deliver(message("new"))
        elif step[0] == "idle":
            await actors[number].idle()
        else:
            assert await actors[number].run(step[1]) in {"OK", "NO", "BAD"}


async def all_agree(account: MemoryAccount, actors: list[Actor]) -> None:
    """After a last look each client believes what the store holds, first as it was told, then as it reads it."""
    box = account.find("INBOX")
    uids = list(box.messages)
    names = [_names(one.flags, box.keywords) for one in box.messages.values()]
    for actor in actors:
        await actor.run("NOOP")
        assert len(actor.model.messages) == len(uids)
        for belief, uid, flag in zip(actor.model.messages, uids, names, strict=True):
            assert belief.uid in {None, uid}
            assert belief.flags is None or belief.flags == flag, (uid, belief.flags, flag)
        await actor.run("FETCH 1:* (UID FLAGS)")
        assert actor.model.uids() == uids
        assert [belief.flags for belief in actor.model.messages] == names


def _names(mask: int, keywords: tuple[str, ...]) -> frozenset[bytes] | None:
    return frozenset(name.encode() for name in flags.flag_names(mask, keywords))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(_KINDS), min_size=2, max_size=4),
    rounds=st.lists(st.lists(st.tuples(st.integers(0, 3), _steps), max_size=8), max_size=6),
    pauses=st.lists(st.integers(0, 6), max_size=12),
)
def test_sessions_at_random(
    tls: Tls, kinds: list[str], rounds: list[list[tuple[int, tuple[str, ...]]]], pauses: list[int]
) -> None:
    asyncio.run(play(tls, kinds, rounds, pauses))
