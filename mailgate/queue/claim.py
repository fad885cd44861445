"""Taking entries of the queue up. Any number of processes may do so at once.

Who takes an entry up has a lease on it: nobody else does until that ends, and it is prolonged while its owner lives.
A process that dies leaves leases that run out; its entries are then tried again, and counted as doubtful, since it may
have handed over the message before it died. What came of them is written down by `mailgate.queue.settling`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.policy.schema import stop
from mailgate.policy.stops import stop_of
from mailgate.queue.schedule import Priority
from mailgate.queue.schema import (
    ASKED_FOR,
    AT_ONCE,
    DELETED,
    IS_WAITING,
    aside,
    queue_destination,
    queued_message,
    queued_recipient,
)
from mailgate.store.schema import body_chunk, number
from smtp.tls_demand import TlsDemand

MOST: Final = 100
"""Recipients of one transaction: what every server takes (RFC 5321 section 4.5.3.1.8)."""
AHEAD: Final = 64 * 1024
"""Octets of a content that is read when its message is taken up: one chunk; larger ones are read as they are sent."""
STOPPED: Final = 60
"""Seconds until it is looked again whether a sender is still stopped."""

_r = queued_recipient.c
_m = queued_message.c
_d = queue_destination.c
_waiting: Final = _r.state == IS_WAITING
_for_domain = and_(_waiting, _r.domain == bindparam("domain", type_=Text))
_left_alone = exists().where(_d.domain == bindparam("lane", type_=Text), _d.retry_at > number("now"))


def _foremost(priority: Priority) -> Select[Any]:
    """What has waited longest of a priority: a part of a UNION, so that each is found in the index.

    Of what waits for servers that are left alone, what is asked for.
    """
    now = number("now")
    latest = now if priority is Priority.UNHINDERED else case((_left_alone, literal_column(str(AT_ONCE))), else_=now)
    found = (
        select(_r.queue_id, _r.number)
        .where(_for_domain, _r.due_at <= latest, _r.priority == literal_column(str(int(priority))))
        .order_by(_r.due_at)
        .limit(number("most"))
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return select(*found.c)


_first = union_all(*map(_foremost, Priority)).limit(number("most")).cte("first")
_with_others = exists().where(_m.queue_id == _r.queue_id, _m.verp == 0)
_some = (
    select(_r.queue_id, _r.number)
    .where(
        aside(_r.state) == IS_WAITING,
        aside(_r.domain) == bindparam("domain", type_=Text),
        _r.due_at <= number("now"),
        _r.queue_id.in_(select(_first.c.queue_id)),
        or_(_with_others, tuple_(_r.queue_id, _r.number).in_(select(*_first.c))),
    )
    .order_by(_r.priority, _r.due_at, _r.queue_id, _r.number)
    .limit(literal_column(str(MOST)))
    .with_for_update(skip_locked=True)
    .cte("some")  # as a subquery PostgreSQL may run it more than once, each time past what it locked before
)
_LEASE: Final = Statement(
    update(queued_recipient)
    .where(_r.queue_id == _some.c.queue_id, _r.number == _some.c.number)
    .values(
        lease_owner=bindparam("owner", type_=Text),
        due_at=number("until"),
        doubts=_r.doubts + case((_r.lease_owner.is_not(None), 1), else_=0),
        asked=case((_r.due_at == AT_ONCE, ASKED_FOR), else_=0),
    )
    .returning(
        _r.queue_id, _r.priority, _r.created_at,
        _r.number, _r.address, _r.notify, _r.original, _r.attempts, _r.doubts, _r.person_id,
    )
)  # fmt: skip
_MESSAGE_COLUMNS = (
    "queue_id", "content_id", "size", "sender_id", "mail_from", "dispatch_id", "eightbit", "utf8", "require_tls", "ret",
    "envelope_id", "created_at", "expires_at", "verp", "release_request", "accepted_at",
)  # fmt: skip
_message = select(*(_m[name] for name in _MESSAGE_COLUMNS))
_MESSAGE: Final = Statement(_message.where(_m.queue_id == number("of")))
_chunk = (
    select(body_chunk.c.data)
    .where(body_chunk.c.message_id == _m.content_id, body_chunk.c.chunk == 0)
    .correlate(queued_message)
    .scalar_subquery()
)
_MESSAGES: Final = Statement(
    _message.add_columns(
        select(func.max(_r.number)).where(_r.queue_id == _m.queue_id).correlate(queued_message).scalar_subquery(),
        func.coalesce(select(_d.failures).where(_d.domain == bindparam("lane", type_=Text)).scalar_subquery(), 0),
        case((_m.size <= literal_column(str(AHEAD)), _chunk)),
        exists().where(stop.c.ends_at > number("now")),
    ).where(member(_m.queue_id, "ids"))
)
_URGENCY: Final = itemgetter(1, 2, 0, 3)
"""Of a row that was leased: priority, age; recipients of one message stay together."""
_given_back = rows("given_back", queue_id=BigInteger, number=BigInteger)
_nobody = case((_r.state == DELETED, _r.lease_owner), else_=None)
"""Who has a row that is given back; what was deleted meanwhile keeps its lease until `mailgate.queue.clock` ends it."""
_put_off = update(queued_recipient).where(
    _r.queue_id == _given_back.c.queue_id,
    _r.number == _given_back.c.number,
    aside(_r.lease_owner) == bindparam("owner", type_=Text),
)
_PUT_OFF: Final = Statement(_put_off.values(lease_owner=_nobody, due_at=number("until"), asked=0))
_untried = {"lease_owner": _nobody, "due_at": case((_r.asked > 0, AT_ONCE), else_=number("now")), "asked": 0}
_GIVE_BACK: Final = Statement(_put_off.values(_untried))
_kept = rows("kept", queue_id=BigInteger, number=BigInteger)
_PROLONG: Final = Statement(
    update(queued_recipient)
    .where(
        _r.queue_id == _kept.c.queue_id,
        _r.number == _kept.c.number,
        aside(_r.lease_owner) == bindparam("owner", type_=Text),
    )
    .values(due_at=number("until"))
)
_LET_GO_ALL: Final = Statement(
    update(queued_recipient).where(_r.lease_owner.is_not(None)).values(**_untried, doubts=_r.doubts + 1)
)

_silence = insert(queue_destination).values(
    {name: bindparam(name) for name in ("domain", "failures", "retry_at", "tried_at", "answer")}
)
_SILENCE: Final = Statement(
    _silence.on_conflict_do_update(
        index_elements=[_d.domain],
        set_={name: _silence.excluded[name] for name in ("failures", "retry_at", "tried_at", "answer")},
    )
)
_SILENT: Final = Statement(
    select(_d.domain, _d.retry_at).where(member(_d.domain, "lanes"), _d.retry_at > number("now"))
)
_next = (
    select(func.min(_r.due_at)).where(_waiting, _r.domain == _d.domain).correlate(queue_destination).scalar_subquery()
)
_when = select(_d.domain, _d.retry_at, _next.label("due_at")).subquery("destination")
_at = case(
    (_when.c.due_at == AT_ONCE, AT_ONCE), (_when.c.retry_at > _when.c.due_at, _when.c.retry_at), else_=_when.c.due_at
)
_SCHEDULE: Final = Statement(
    select(_when.c.domain, _at).where(_when.c.due_at.is_not(None)).order_by(_at).limit(number("most"))
)
_IDLE: Final = Statement(
    select(_d.domain)
    .where(_d.tried_at < number("before"), ~exists().where(_waiting, _r.domain == _d.domain))
    .limit(1_000)
    .with_for_update(skip_locked=True)
)
_FORGET: Final = Statement(
    delete(queue_destination).where(
        member(_d.domain, "names"), ~exists().where(_waiting, _r.domain == _d.domain)
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the queue, as enqueued."""

    queue_id: int
    content_id: bytes
    size: int
    sender_id: int | None
    mail_from: str
    dispatch_id: str | None
    eightbit: bool
    utf8: bool
    tls: TlsDemand
    ret: str | None
    envelope_id: str | None
    created_at: int
    expires_at: int
    verp: bool
    release_request: str | None
    accepted_at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient of it that waits, or was taken up."""

    number: int
    address: str
    notify: tuple[str, ...]
    original: str | None
    attempts: int
    doubts: int
    person_id: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken up to be handed over at once: recipients of one message in one domain."""

    entry: Entry
    recipients: Sequence[Waiting]
    failures: int
    """How often in a row nothing could be handed to the servers of its lane."""
    whole: bool
    """The message has no other recipients."""
    chunk: bytes | None
    """The content, compressed, where it is short (`AHEAD`)."""

    @property
    def keys(self) -> list[tuple[int, int]]:
        """Those of the rows that are leased."""
        return [(self.entry.queue_id, one.number) for one in self.recipients]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken up at a time, in the order in which it is to be handed over."""

    claims: Sequence[Claim]
    more: bool
    """There may be more."""


def entry_of(row: Row) -> Entry:
    """From the columns of a message."""
    values = dict(zip(_MESSAGE_COLUMNS, row, strict=True))
    tls = TlsDemand(values.pop("require_tls"))
    flags = {name: bool(values[name]) for name in ("eightbit", "utf8", "verp")}
    return Entry(**{**values, **flags, "tls": tls})


async def claim(
    database: Database, *, domain: str, lane: str, owner: str, now: int, until: int, most: int = 1
) -> Taken:  # fmt: skip
    """Take up what is due for a domain: of so many recipients, the most urgent first, the messages, each with all that
    is due of it there, `MOST` at the most; where each recipient has a reverse path of its own, no others.

    What is of a sender who is stopped is put off. Two statements, each by itself; a lease that nobody hears of, as the
    connection was lost, runs out.
    """
    take = partial(_lease, domain=domain, lane=lane, owner=owner, now=now, until=until, most=most)
    leased = await database.write_alone(take)
    if not leased:
        return Taken((), more=False)
    messages = await database.read(partial(_messages, ids={row[0] for row in leased}, lane=lane, now=now))
    claims = [
        one
        for queue_id, some in groupby(leased, itemgetter(0))
        if queue_id in messages
        for one in _claims(messages[queue_id], list(some))
    ]
    if any(row[-1] for row in messages.values()):
        claims = await _without_stopped(database, claims, owner, now)
    return Taken(claims, more=len(leased) >= most)


async def _lease(tx: Tx, **values: object) -> list[Row]:
    """By urgency."""
    return sorted(await tx.all(_LEASE, **values), key=_URGENCY)


async def _messages(tx: Tx, ids: Collection[int], lane: str, now: int) -> dict[int, Row]:
    return {row[0]: row for row in await tx.all(_MESSAGES, ids=ids, lane=lane, now=now)}


def _claims(message: Row, leased: Sequence[Row]) -> Iterator[Claim]:
    """Those of one message."""
    *columns, last, failures, chunk, _ = message
    entry = entry_of(columns)
    waiting = [
        Waiting(one, to, tuple(notify.split(",")) if notify else (), *rest)
        for _, _, _, one, to, notify, *rest in leased
    ]  # fmt: skip
    for some in [[one] for one in waiting] if entry.verp else [waiting]:
        yield Claim(entry, some, failures, whole=len(some) == last + 1, chunk=chunk)


async def _without_stopped(database: Database, claims: Sequence[Claim], owner: str, now: int) -> list[Claim]:
    """Put off what senders have queued who are stopped."""
    senders = {one.entry.sender_id for one in claims} - {None}

    async def work(tx: Tx) -> set[int]:
        return {sender for sender in senders if sender is not None and await stop_of(tx, sender) is not None}

    stopped = await database.read(work)
    held = [key for one in claims if one.entry.sender_id in stopped for key in one.keys]
    if held:
        await database.write(partial(put_off, keys=held, owner=owner, until=now + STOPPED), durable=False)
    return [one for one in claims if one.entry.sender_id not in stopped]


async def put_off(tx: Tx, keys: Collection[tuple[int, int]], owner: str, until: int) -> None:
    """Give back what was taken up, and is not to be tried before `until`."""
    await tx.run(_PUT_OFF, given_back=keys, owner=owner, until=until)


async def give_back(tx: Tx, keys: Collection[tuple[int, int]], owner: str, now: int) -> None:
    """Let others have what was taken up, and was not tried."""
    await tx.run(_GIVE_BACK, given_back=keys, owner=owner, now=now)


async def prolong(tx: Tx, keys: Collection[tuple[int, int]], owner: str, until: int) -> None:
    """Keep what this owner has taken up, and still means to hand over or is handing over."""
    await tx.run(_PROLONG, kept=sorted(keys), owner=owner, until=until)


async def free_all(tx: Tx, now: int) -> int:
    """End every lease: for a store that one process has to itself, when it begins. The number is of doubtful ones."""
    return await tx.run(_LET_GO_ALL, now=now)


async def find(tx: Tx, queue_id: int) -> Entry | None:
    """One message."""
    row = await tx.one(_MESSAGE, of=queue_id)
    return None if row is None else entry_of(row)


async def silence(tx: Tx, lane: str, *, failures: int, retry_at: int, now: int, answer: str) -> None:
    """Note how it stands with the servers of a lane; nothing is tried before `retry_at`."""
    await tx.run(_SILENCE, domain=lane, failures=failures, retry_at=retry_at, tried_at=now, answer=answer)


async def silent(tx: Tx, lanes: Collection[str], now: int) -> dict[str, int]:
    """Those of these lanes that are left alone for now, and until when."""
    return {row[0]: row[1] for row in await tx.all(_SILENT, lanes=lanes, now=now)}


async def schedule(tx: Tx, most: int) -> list[tuple[str, int]]:
    """The domains that something waits for, with the time of the next attempt, the earliest first: `AT_ONCE` though
    their servers are left alone.
    """
    return [(domain, at) for domain, at in await tx.all(_SCHEDULE, most=most)]


async def forget_destinations(tx: Tx, before: int) -> int:
    """Forget domains that nothing waits for and that were not tried since: `enqueue.add_destinations` keeps it out."""
    names = [row[0] for row in await tx.all(_IDLE, before=before)]
    return await tx.run(_FORGET, names=names) if names else 0
