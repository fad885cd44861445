"""Taking entries of the queue up, and writing down what came of them. Any number of processes may do so at once.

Who takes an entry up has a lease on it: nobody else does until that ends, and it is prolonged while its owner lives.
A process that dies leaves leases that run out; its entries are then tried again, and counted as doubtful, since it may
have handed over the message before it died.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.policy.stops import keep_out, stop_of
from mailgate.queue.schedule import Priority
from mailgate.queue.schema import IS_WAITING, WAITING, queue_destination, queued_message, queued_recipient
from mailgate.store.retained import let_go
from mailgate.store.schema import number
from smtp.tls_demand import TlsDemand

MOST: Final = 100
"""Recipients of one transaction: what every server takes (RFC 5321 section 4.5.3.1.8)."""
STOPPED: Final = 60
"""Seconds until it is looked again whether a sender is still stopped."""

_r = queued_recipient.c
_waiting: Final = _r.state == IS_WAITING
_due = and_(_waiting, _r.domain == bindparam("domain", type_=Text), _r.due_at <= number("now"))
_FIRST: Final = {
    priority: Statement(
        select(_r.queue_id)
        .where(_due, _r.priority == literal_column(str(int(priority))))
        .order_by(_r.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    for priority in Priority
}
_some = (
    select(_r.number)
    .where(_due, _r.queue_id == number("of"))
    .order_by(_r.number)
    .limit(number("most"))
    .with_for_update(skip_locked=True)
    .cte("some")  # as a subquery PostgreSQL may run it more than once, each time past what it locked before
)
_LEASE: Final = Statement(
    update(queued_recipient)
    .where(_r.queue_id == number("of"), _r.number.in_(select(_some.c.number)))
    .values(
        lease_owner=bindparam("owner", type_=Text),
        due_at=number("until"),
        doubts=_r.doubts + case((_r.lease_owner.is_not(None), 1), else_=0),
    )
    .returning(_r.number, _r.address, _r.notify, _r.original, _r.attempts, _r.doubts, _r.person_id)
)
_MESSAGE_COLUMNS = (
    "queue_id", "content_id", "size", "sender_id", "mail_from", "dispatch_id", "eightbit", "utf8", "require_tls", "ret",
    "envelope_id", "created_at", "expires_at", "verp", "release_request", "accepted_at",
)  # fmt: skip
_one_message = select(*(queued_message.c[name] for name in _MESSAGE_COLUMNS)).where(
    queued_message.c.queue_id == number("of")
)
_MESSAGE: Final = Statement(_one_message)
_LOCK_MESSAGE: Final = Statement(_one_message.with_for_update())
_PUT_OFF: Final = Statement(
    update(queued_recipient)
    .where(_r.queue_id == number("of"), member(_r.number, "numbers"), _r.lease_owner == bindparam("owner"))
    .values(lease_owner=None, due_at=number("until"))
)
_PROLONG: Final = Statement(
    update(queued_recipient).where(_r.lease_owner == bindparam("owner")).values(due_at=number("until"))
)
_LET_GO_ALL: Final = Statement(
    update(queued_recipient).where(_r.lease_owner.is_not(None)).values(lease_owner=None, due_at=0, doubts=_r.doubts + 1)
)
_results = rows(
    "results", number=BigInteger, state=Text, due_at=BigInteger, attempts=BigInteger, doubts=BigInteger,
    code=BigInteger, status=Text, answer=Text, remote=Text, done_at=BigInteger,
)  # fmt: skip
_SETTLE: Final = Statement(
    update(queued_recipient)
    .where(
        _r.queue_id == number("of"),
        _r.number == _results.c.number,
        _r.lease_owner == bindparam("owner"),
        _r.state == WAITING,
    )
    .values(
        lease_owner=None,
        **{name: _results.c[name] for name in ("state", "due_at", "code", "status", "answer", "remote", "done_at")},
        attempts=_r.attempts + _results.c.attempts,
        doubts=_r.doubts + _results.c.doubts,
    )
)
_DONE: Final = Statement(
    update(queued_message)
    .where(
        queued_message.c.queue_id == number("of"),
        queued_message.c.done_at == 0,
        ~exists().where(_r.queue_id == number("of"), _r.done_at == 0),
    )
    .values(done_at=number("now"))
)

_d = queue_destination.c
_RETRY_AT: Final = Statement(select(_d.retry_at, _d.failures).where(_d.domain == bindparam("domain")))
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
_at = case((_when.c.retry_at > _when.c.due_at, _when.c.retry_at), else_=_when.c.due_at)
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
    """What was taken up: recipients of one message in one domain."""

    entry: Entry
    recipients: Sequence[Waiting]
    failures: int
    """How often in a row nothing could be handed to the servers of its lane."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one recipient: what its row is to be; `attempts` and `doubts` are added to it."""

    number: int
    state: str
    due_at: int
    attempts: int
    doubts: int
    code: int
    status: str
    answer: str
    remote: str
    done_at: int


def entry_of(row: Row) -> Entry:
    """From the columns of a message."""
    values = dict(zip(_MESSAGE_COLUMNS, row, strict=True))
    tls = TlsDemand(values.pop("require_tls"))
    flags = {name: bool(values[name]) for name in ("eightbit", "utf8", "verp")}
    return Entry(**{**values, **flags, "tls": tls})


async def claim(tx: Tx, domain: str, lane: str, owner: str, now: int, until: int) -> Claim | bool:
    """Take up what is due for a domain, the most urgent first: all recipients of one message, or `MOST` of them, or one
    where each has a reverse path of its own.

    False when nothing is due; True when what was found has to wait, as its sender is stopped: ask again.
    """
    retry_at, failures = await tx.one(_RETRY_AT, domain=lane) or (0, 0)
    for priority in [Priority.UNHINDERED] if retry_at > now else Priority:
        row = await tx.one(_FIRST[priority], domain=domain, now=now)
        if row is not None:
            break
    else:
        return False
    queue_id = row[0]
    entry = await find(tx, queue_id)
    if entry is None:
        return False
    most = 1 if entry.verp else MOST
    taken = await tx.all(_LEASE, of=queue_id, domain=domain, now=now, most=most, owner=owner, until=until)
    if not taken:
        return False
    waiting = [Waiting(n, to, tuple(notify.split(",")) if notify else (), *rest) for n, to, notify, *rest in taken]
    if entry.sender_id is not None:
        await keep_out(tx)
        if await stop_of(tx, entry.sender_id) is not None:
            await put_off(tx, queue_id, [one.number for one in waiting], owner, now + STOPPED)
            return True
    return Claim(entry, sorted(waiting, key=lambda one: one.number), failures)


async def put_off(tx: Tx, queue_id: int, numbers: Sequence[int], owner: str, until: int) -> None:
    """Give back what was taken up, and was not tried."""
    await tx.run(_PUT_OFF, of=queue_id, numbers=numbers, owner=owner, until=until)


async def prolong(tx: Tx, owner: str, until: int) -> None:
    """Keep everything that this owner has taken up."""
    await tx.run(_PROLONG, owner=owner, until=until)


async def free_all(tx: Tx) -> int:
    """End every lease: for a store that one process has to itself, when it begins. The number is of doubtful ones."""
    return await tx.run(_LET_GO_ALL)


async def lock(tx: Tx, queue_id: int) -> None:
    """Be the only one who changes what became of this message, until the transaction ends."""
    await tx.one(_LOCK_MESSAGE, of=queue_id)


async def find(tx: Tx, queue_id: int) -> Entry | None:
    """One message."""
    row = await tx.one(_MESSAGE, of=queue_id)
    return None if row is None else entry_of(row)


async def settle(tx: Tx, entry: Entry, owner: str, results: Sequence[Result], now: int) -> int:
    """Write what came of recipients that this owner still has; give their number."""
    await lock(tx, entry.queue_id)
    values = [tuple(getattr(one, name) for name in Result.__slots__) for one in results]
    settled = await tx.run(_SETTLE, of=entry.queue_id, owner=owner, results=values)
    await end_if_done(tx, entry, now)
    return settled


async def end_if_done(tx: Tx, entry: Entry, now: int) -> None:
    """Let the content go once no recipient needs it; call `lock` first."""
    if await tx.run(_DONE, of=entry.queue_id, now=now):
        await let_go(tx, entry.content_id, entry.queue_id, now)


async def silence(tx: Tx, lane: str, *, failures: int, retry_at: int, now: int, answer: str) -> None:
    """Note how it stands with the servers of a lane; nothing is tried before `retry_at`."""
    await tx.run(_SILENCE, domain=lane, failures=failures, retry_at=retry_at, tried_at=now, answer=answer)


async def silent(tx: Tx, lanes: Collection[str], now: int) -> dict[str, int]:
    """Those of these lanes that are left alone for now, and until when."""
    return {row[0]: row[1] for row in await tx.all(_SILENT, lanes=lanes, now=now)}


async def schedule(tx: Tx, most: int) -> list[tuple[str, int]]:
    """The domains that something waits for, with the time of the next attempt, the earliest first."""
    return [(domain, at) for domain, at in await tx.all(_SCHEDULE, most=most)]


async def forget_destinations(tx: Tx, before: int) -> int:
    """Forget domains that nothing waits for and that were not tried since: `enqueue.add_destinations` keeps it out."""
    names = [row[0] for row in await tx.all(_IDLE, before=before)]
    return await tx.run(_FORGET, names=names) if names else 0
