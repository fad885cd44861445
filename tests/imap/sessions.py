"""Several sessions at random on one mailbox: every answer must be legal, and in the end all must agree.

The driver of the model checks, whatever the store: in memory (`tests.imap.test_model`), or real
(`tests.model.test_sessions`).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, ParamSpec, Protocol, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from imap.backend import Account, Change, Hint, MailboxRef
from tests.imap.client_contexts import Context
from tests.imap.client_model import ClientModel
from tests.imap.compressed import CompressedClient
from tests.imap.conftest import message
from tests.imap.history import Flags, History, named
from tests.imap.wire import Client
from tests.support.examples import MODEL_EXAMPLES

P = ParamSpec("P")
T = TypeVar("T")

SETTINGS: Final = settings(
    max_examples=MODEL_EXAMPLES or 20,
    phases=set(Phase) if "MODEL_SHRINK" in os.environ else {Phase.explicit, Phase.reuse, Phase.generate},
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""Shrinking takes minutes with sessions over sockets."""
INBOX, ARCHIVE = "INBOX", "Archive"
KINDS: Final = ("plain", "condstore", "qresync", "rev2", "uidonly", "uidonly qresync", "notify", "qresync notify")
_ENABLE: Final = {"condstore": "CONDSTORE", "qresync": "QRESYNC", "rev2": "IMAP4rev2", "uidonly": "UIDONLY"}
_NOTIFY: Final = (
    "NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))"
    " (personal (MessageNew FlagChange MessageExpunge))"
)
_LATE: Final = frozenset(
    {
        *("append", "changes", "claim_recent", "copy", "entries", "expunge", "mark"),
        *("move", "read_whole", "rendered", "replace", "snapshot", "store"),
    }
)


class Hesitant:
    """An account that answers late: others act between a commit and its answer, and news comes when it comes.

    It is the place where the results of writes are noted.
    """

    def __init__(self, account: Account, pauses: Sequence[int], history: History) -> None:
        self._account = account
        self._pauses = itertools.cycle(pauses or [0])
        self._history = history

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (as object has it)
        value = getattr(self._account, name)
        return self._late(name, value) if name in _LATE else value

    def _late(self, name: str, answer: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            await self._hesitate()
            value = await answer(*args, **kwargs)
            self._note(name, args, value)
            await self._hesitate()
            return value

        return call

    async def _hesitate(self) -> None:
        for _ in range(next(self._pauses)):
            await asyncio.sleep(0)

    def _note(self, name: str, args: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
        match name:
            case "snapshot" | "changes":
                self._history.named_by(args[0], value.keywords)
            case "store":
                self._history.named_by(args[0], value.keywords)
                self._history.stored(args[0], value.changed)
            case "mark" if value:
                self._history.stored(args[0], map(Change, args[1].uids, args[1].flags, args[1].modseqs))
            case "append":
                self._history.appended(value, args[1])
            case "replace":
                self._history.appended(value.appended, args[3:4])
            case "copy" | "move":
                self._history.copied(args[0], value)

    def watch(self, owner: int, notify: Callable[[Hint], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def later(hint: Hint) -> None:
            loop.call_later(0.0005 * next(self._pauses), notify, hint)

        return self._account.watch(owner, later)


class World(Protocol):
    """What the sessions work on."""

    history: History

    @property
    def names(self) -> Mapping[str, str]:
        """The wire names of `INBOX` and `ARCHIVE`."""
        ...

    async def client(self, actor: int) -> Client:
        """Another connection of this actor, signed in."""
        ...

    async def deliver(self, content: bytes) -> None:
        """A new message comes into `INBOX`."""
        ...

    def account(self, actor: int) -> Account:
        """Whose mailboxes the actor sees."""
        ...


class Step(NamedTuple):
    """Something that an actor does."""

    kind: str
    text: str = ""
    number: int = 0


@dataclass
class Actor:
    """One session and its model."""

    world: World
    number: int
    kind: str
    compressed: bool
    client: Client = field(init=False)
    model: ClientModel = field(init=False)
    box: str = INBOX
    transcript: list[str | bytes] = field(default_factory=list)
    """What it said and heard, for the report of a failure."""

    async def begin(self) -> None:
        """Sign in and select; what was cached before a disconnection is brought up to date."""
        client = await self.world.client(self.number)
        self.client = await CompressedClient.of(client).start() if self.compressed else client
        extensions = [_ENABLE[word] for word in self.kind.split() if word in _ENABLE]
        if extensions:
            await self.client.ok(f"ENABLE {' '.join(extensions)}")
        self.model.expunges_any_time = False
        await self.select(self.box)
        if "notify" in self.kind:
            self.model.expunges_any_time = True
            await self.run(_NOTIFY)

    async def select(self, box: str) -> None:
        """SELECT, with QRESYNC where something is cached."""
        self.box = box
        if self.model.expunges_any_time:
            await self.run("UNSELECT")  # what is told of the mailbox before is not of the next
        cache = self.model.select(box)
        parameter = f" (QRESYNC ({cache.uidvalidity} {cache.modseq}))" if cache else ""
        assert await self.run(f"SELECT {self.world.names[box]}{parameter}", expunges=True) == "OK"
        self.model.selected()

    async def run(self, command: str | bytes, *, expunges: bool | None = None) -> str:
        """Run a command, checking all that is said meanwhile; give the condition of its completion."""
        verb = command.split(maxsplit=1)[0]
        allowed = verb not in {"FETCH", "STORE", "SEARCH", "SORT"} if expunges is None else expunges
        *lines, completion = await self.client.command(command)
        self.transcript += [command, *lines, completion]
        for line in lines:
            self.model.hear(line, expunge_allowed=allowed)
        self.model.hear_completion(completion)
        if ".SILENT" in str(command):
            self.model.store_silently()
        self.model.uids()
        return completion.split()[1].decode()

    async def idle(self, pause: int) -> None:
        """IDLE, and DONE some time later: what comes meanwhile is told."""
        await self.client.send(b"i IDLE\r\n")
        while (line := await self.client.line()) != b"+ idling":
            self.model.hear(line, expunge_allowed=False)
        await asyncio.sleep(0.001 * pause)
        await self.client.send(b"DONE\r\n")
        *lines, completion = await self.client.until("i")
        self.transcript += ["IDLE", *lines, completion]
        for line in lines:
            self.model.hear(line, expunge_allowed=True)
        self.model.hear_completion(completion)

    async def follow(self, key: str, *, uid: bool, ordered: bool) -> None:
        """A search whose results are kept up to date."""
        uid = uid or ordered or not set(self.kind.split()).isdisjoint({"uidonly", "qresync"})
        tag = f"t{self.client.tags + 1}"
        self.model.contexts[tag] = Context(key, uid, ordered)
        verb = "SORT" if ordered else "SEARCH"
        program = f"(REVERSE SUBJECT) UTF-8 {key}" if ordered else key
        if await self.run(f"{'UID ' if uid else ''}{verb} RETURN (UPDATE ALL) {program}") != "OK":
            del self.model.contexts[tag]

    async def append(self, verb: str, number: int) -> None:
        """APPEND and REPLACE, of a message that no other is like."""
        content = new_message(self.world)
        place = f"{self.world.names[INBOX]} (\\Flagged) {{{len(content)}+}}\r\n".encode()
        if verb == "REPLACE":
            uid = b"UID " if "uidonly" in self.kind else b""
            await self.run(b"%bREPLACE %d %b%b" % (uid, number, place, content), expunges=True)
        else:
            await self.run(b"APPEND %b%b" % (place, content), expunges=True)

    async def take(self, step: Step) -> None:
        """Do one thing."""
        match step.kind:
            case "deliver":
                await self.world.deliver(new_message(self.world))
            case "idle":
                await self.idle(step.number)
            case "append":
                await self.append(step.text, step.number)
            case "select":
                await self.select(step.text)
            case "disconnect":
                await self.client.close()
                await self.begin()
            case "follow":
                await self.follow(step.text, uid=step.number % 2 == 0, ordered=step.number > 5)
            case "cancel":
                for tag in list(self.model.contexts):
                    del self.model.contexts[tag]  # what goes within the command may be told of it no more
                    await self.run(f'CANCELUPDATE "{tag}"')
            case _:
                await self.command(step.text)

    async def command(self, text: str) -> None:
        """A command as this kind of client may give it."""
        by_number = text.split(maxsplit=1)[0] in {"FETCH", "STORE", "COPY", "MOVE", "SEARCH"}
        if by_number and "uidonly" in self.kind:
            text = f"UID {text}"
        if "VANISHED" in text and "qresync" not in self.kind:
            text = text.replace(" VANISHED", "")
        for box, name in self.world.names.items():
            text = text.replace(f"<{box}>", name)
        assert await self.run(text) in {"OK", "NO", "BAD"}


_counter = itertools.count(1)


def new_message(world: World) -> bytes:
    """A message that no other is like."""
    return message(f"m{next(_counter):08}")


_numbers = st.integers(1, 8)
_flags = st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$label1", "\\Deleted"])
_boxes = st.sampled_from([INBOX, ARCHIVE])


def _commands(pattern: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(lambda *chosen: Step("command", pattern.format(*chosen)), *values)


steps: Final[st.SearchStrategy[Step]] = st.one_of(
    st.just(Step("deliver")),
    st.builds(lambda n: Step("idle", number=n), _numbers),
    st.builds(lambda verb, n: Step("append", verb, n), st.sampled_from(["APPEND", "REPLACE"]), _numbers),
    st.builds(lambda box: Step("select", box), st.sampled_from([INBOX, INBOX, INBOX, ARCHIVE])),
    st.just(Step("disconnect")),
    st.builds(
        lambda key, n: Step("follow", key, n), st.sampled_from(["UNSEEN", "FLAGGED", "NOT DELETED", "ALL"]), _numbers
    ),
    st.just(Step("cancel")),
    _commands("STORE {} {}FLAGS ({})", _numbers, st.sampled_from("+-"), _flags),
    _commands("STORE {}:* FLAGS ({})", _numbers, _flags),
    _commands("UID STORE {}:* +FLAGS.SILENT ({})", _numbers, _flags),
    _commands("UID STORE 1:* (UNCHANGEDSINCE {}) -FLAGS ({})", st.integers(1, 25), _flags),
    _commands("FETCH {}:* (UID FLAGS)", _numbers),
    _commands("FETCH {} (UID BODY[TEXT])", _numbers),
    _commands("FETCH {}:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])", _numbers),
    _commands("UID FETCH {}:* (FLAGS)", _numbers),
    _commands("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {} VANISHED)", st.integers(1, 25)),
    _commands("COPY {} <{}>", _numbers, _boxes),
    _commands("MOVE {} <{}>", _numbers, _boxes),
    _commands("UID MOVE {}:{} <{}>", _numbers, _numbers, _boxes),
    st.sampled_from(
        ["EXPUNGE", "NOOP", "SEARCH ALL", "UID SEARCH DELETED", "UID FETCH 1:* (UID RFC822.SIZE)", "UID EXPUNGE 1:4"]
    ).map(lambda text: Step("command", text)),
)

Round = list[tuple[int, Step]]
rounds: Final[st.SearchStrategy[list[Round]]] = st.lists(
    st.lists(st.tuples(st.integers(0, 3), steps), max_size=8), max_size=8
)
actors: Final = st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), min_size=2, max_size=4)
pauses: Final = st.lists(st.integers(0, 6), max_size=12)


async def play(world: World, kinds: Sequence[tuple[str, bool]], rounds: Sequence[Round]) -> None:
    """Let the actors take the steps of each round at the same time, each its own in order; then compare."""
    for _ in range(4):
        await world.deliver(new_message(world))
    playing = []
    for number, (kind, compressed) in enumerate(kinds):
        actor = Actor(world, number, kind, compressed)
        actor.model = ClientModel(
            world.history, str(world.account(number).account_id), uidonly="uidonly" in kind, qresync="qresync" in kind
        )
        playing.append(actor)
        await actor.begin()
    try:
        await _play(world, playing, rounds)
    except AssertionError as error:
        for actor in playing:
            error.add_note(f"{actor.number} {actor.kind}: " + "\n  ".join(map(str, actor.transcript[-25:])))
        raise


async def _play(world: World, playing: Sequence[Actor], rounds: Sequence[Round]) -> None:
    for steps in rounds:
        await asyncio.gather(*(_take(actor, steps, len(playing)) for actor in playing))
        if len({number % len(playing) for number, _ in steps}) == 1:
            for actor in playing:
                await agrees(world, actor)
    for actor in playing:
        await agrees(world, actor)
    for actor in playing:
        await agrees_in_full(world, actor)
    refs = {box: (await world.account(0).mailbox(name)).ref for box, name in world.names.items()}
    world.history.check(refs, own_seen=len({world.account(number).account_id for number in range(len(playing))}) > 1)


async def _take(actor: Actor, steps: Round, count: int) -> None:
    for number, step in steps:
        if number % count == actor.number:
            await actor.take(step)


async def truth(world: World, actor: Actor) -> dict[int, Flags]:
    """What the store holds in the actor's mailbox, as its person sees it."""
    account = world.account(actor.number)
    snapshot = await account.snapshot(await ref_of(world, actor))
    return {uid: named(mask, snapshot.keywords) for uid, mask in zip(snapshot.uids, snapshot.flags, strict=True)}


async def ref_of(world: World, actor: Actor) -> MailboxRef:
    return (await world.account(actor.number).mailbox(world.names[actor.box])).ref


async def agrees(world: World, actor: Actor) -> None:
    """After a look the client believes what the store holds, as far as it was told."""
    await actor.run("NOOP")
    expected = await truth(world, actor)
    model = actor.model
    assert len(model.messages) == len(expected)
    if model.uidonly:
        told = [belief for belief in model.messages if belief.uid is not None]
        assert {belief.uid for belief in told} <= expected.keys()
    else:
        told = model.messages
        assert all(one.uid in {None, uid} for one, uid in zip(told, expected, strict=True))
    for belief, (uid, flags) in zip(told, _aligned(told, expected), strict=True):
        assert belief.flags in {None, flags}, (actor.kind, uid, belief.flags, flags)
    for context in model.contexts.values():
        await _results_agree(actor, context, expected)


def _aligned(told: Sequence[Any], expected: Mapping[int, Flags]) -> list[tuple[int, Flags]]:
    if len(told) == len(expected):
        return list(expected.items())
    return [(belief.uid, expected[belief.uid]) for belief in told]


async def _results_agree(actor: Actor, context: Context, expected: Mapping[int, Flags]) -> None:
    fit: dict[str, Callable[[Flags], bool]] = {
        "UNSEEN": lambda flags: b"\\Seen" not in flags,
        "FLAGGED": lambda flags: b"\\Flagged" in flags,
        "NOT DELETED": lambda flags: b"\\Deleted" not in flags,
        "ALL": lambda _: True,
    }
    uids = [uid for uid, flags in expected.items() if fit[context.key](flags)]
    if context.ordered:
        texts = await actor.client.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        subjects = {
            int(found.group(1)): found.group(2)
            for line in texts
            if (found := re.search(rb"(?:UID |\* )(\d+)(?= BODY| UIDFETCH).*Subject: (\S+)", line, re.DOTALL))
        }
        assert context.results == sorted(uids, key=subjects.__getitem__, reverse=True), context
    elif context.uid:
        assert sorted(context.results, key=str) == sorted(uids, key=str), context
    else:
        order = list(expected)
        places = [actor.model.messages.index(one) for one in context.results]  # type: ignore[arg-type]
        assert sorted(order[place] for place in places) == uids, context


async def agrees_in_full(world: World, actor: Actor) -> None:
    """What it reads itself is what the store holds; so is a cache that is brought up to date after a disconnection."""
    expected = await truth(world, actor)
    await actor.run("UID FETCH 1:* (FLAGS)")
    assert actor.model.uids() == list(expected)
    assert [belief.flags for belief in actor.model.messages] == list(expected.values())
    if actor.model.qresync:
        await actor.take(Step("disconnect"))
        assert actor.model.caches[actor.box].messages == expected, actor.kind
