"""A message put into the queue, in the transaction that stores its content and answers 250."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import BigInteger, Text, bindparam, literal, select

from directory.schema import new_id
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.queue.schedule import Priority, Schedule
from mailgate.queue.schema import WAITING, queue_destination, queued_message, queued_recipient
from mailgate.store.retained import retain, retaining
from mailgate.store.schema import number
from smtp.tls_demand import TlsDemand

TOPIC: Final = "queue"
"""The topic of the notification that names domains with something to send; alone: look at all of them."""
_PAYLOAD: Final = 7_000

_MESSAGE: Final = (
    "queue_id", "content_id", "size", "sender_id", "mail_from", "dispatch_id", "eightbit", "utf8", "require_tls", "ret",
    "envelope_id", "created_at", "expires_at", "verp", "release_request", "accepted_at",
)  # fmt: skip
_insert_message = insert(queued_message).values(
    {name: bindparam(name, type_=queued_message.c[name].type) for name in _MESSAGE} | {"done_at": 0}
)
_fresh = rows(
    "recipients", number=BigInteger, address=Text, domain=Text, notify=Text, original=Text, person_id=BigInteger
)
_insert_recipients = insert(queued_recipient).from_select(
    [
        "queue_id", "number", "address", "domain", "priority", "state", "created_at", "due_at", "notice_at",
        "attempts", "doubts", "code", "status", "answer", "remote", "notify", "original", "done_at",
        "person_id",
    ],
    select(
        number("queue_id"), _fresh.c.number, _fresh.c.address, _fresh.c.domain, number("priority"),
        bindparam("state", WAITING, type_=Text), number("created_at"), number("due_at"), number("notice_at"),
        *(literal(0, BigInteger) for _ in range(3)), *(literal("", Text) for _ in range(3)),
        _fresh.c.notify, _fresh.c.original, literal(0, BigInteger), _fresh.c.person_id,
    ),
)  # fmt: skip
_INSERT_MESSAGE: Final = Statement(_insert_message)
_INSERT_RECIPIENTS: Final = Statement(_insert_recipients)
_ADD_DESTINATIONS: Final = Statement(
    insert(queue_destination)
    .from_select(
        ["domain", "failures", "retry_at", "tried_at", "answer"],
        select(
            rows("domains", domain=Text).c.domain, *(literal(0, BigInteger) for _ in range(3)), literal("", Text)
        ).order_by("domain"),
    )
    .on_conflict_do_nothing()
)
_share_destinations = (
    select(queue_destination.c.domain)
    .where(member(queue_destination.c.domain, "names"))
    .order_by(queue_destination.c.domain)
    .with_for_update(read=True, key_share=True)
)
_SHARE_DESTINATIONS: Final = Statement(_share_destinations)


def _entering() -> Statement:
    """All of it at once, for PostgreSQL; it gives the domains that are known."""
    known = _share_destinations.cte("known")
    content_id = bindparam("content_id", type_=queued_message.c.content_id.type)
    return Statement(
        select(known.c.domain).add_cte(
            retaining(content_id, number("queue_id")).cte("kept"),
            _insert_message.cte("entered"),
            _insert_recipients.cte("of_recipients"),
        )
    )


_ENTER: Final = _entering()


@dataclass(frozen=True, slots=True)
class OutsideRecipient:
    """An address whose mail is not here, with its DSN parameters (RFC 3461 section 4)."""

    address: str
    notify: frozenset[str] = frozenset()
    original: str | None = None
    person_id: int | None = None
    """Who wished it to be sent there (`mailgate.queue.wishes`)."""

    @property
    def domain(self) -> str:
        """In small letters."""
        return self.address.rpartition("@")[2].lower()

    @property
    def key(self) -> str:
        """The same for addresses that are the same: only the domain's case is known to mean nothing."""
        return f"{self.address.rpartition('@')[0]}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to leave; `sender_id` is the account that sends it, None for the service itself."""

    sender_id: int | None
    mail_from: str
    recipients: Sequence[OutsideRecipient]
    priority: Priority
    dispatch_id: str | None = None
    eightbit: bool = False
    utf8: bool = False
    tls: TlsDemand = TlsDemand.POLICY
    ret: str | None = None
    envelope_id: str | None = None
    not_before: int = 0
    """When the first attempt may be made (RFC 4865); its life is counted from there."""
    release_request: str | None = None
    accepted_at: int | None = None
    """Of a message that was to be sent later (RFC 4865): what was asked for, and when it was taken."""
    verp: bool = False
    """Each recipient, who has a `person_id`, gets it from a reverse path of its own, with the header of a copy outside
    (`mailgate.queue.leaving`).
    """


def enqueuing(
    out: Outgoing, schedule: Schedule, clock: Callable[[], float] = time.time
) -> Callable[[Tx, bytes, int], Awaitable[None]]:
    """What `mailgate.store.Parcel.stored` is to be, for the content that leaves."""

    async def stored(tx: Tx, content_id: bytes, size: int) -> None:
        await enqueue(tx, out, content_id, size, schedule, now=int(clock()))

    return stored


async def enqueue(tx: Tx, out: Outgoing, content_id: bytes, size: int, schedule: Schedule, *, now: int) -> int:
    """Put a message of stored content into the queue, wake who sends, and give its number.

    The domains are shared with those who write to them too. One statement on PostgreSQL where all of them are known.
    """
    queue_id, begins = new_id(), max(now, out.not_before)
    expires_at = begins + schedule.expiry
    message = {
        "queue_id": queue_id, "content_id": content_id, "size": size, "sender_id": out.sender_id,
        "mail_from": out.mail_from, "dispatch_id": out.dispatch_id, "eightbit": int(out.eightbit),
        "utf8": int(out.utf8), "require_tls": int(out.tls), "ret": out.ret, "envelope_id": out.envelope_id,
        "created_at": now, "expires_at": expires_at, "verp": int(out.verp),
        "release_request": out.release_request or None, "accepted_at": out.accepted_at or 0,
    }  # fmt: skip
    priority = Priority.UNHINDERED if out.tls is TlsDemand.OPTIONAL else out.priority
    recipients = {
        "queue_id": queue_id, "priority": int(priority), "created_at": now, "due_at": begins,
        "notice_at": schedule.first_notice(begins, expires_at),
        "recipients": [
            (at, one.address, one.domain, ",".join(sorted(one.notify)), one.original, one.person_id)
            for at, one in enumerate(out.recipients)
        ],
    }  # fmt: skip
    domains = sorted({one.domain for one in out.recipients})
    if tx.engine == "postgresql":
        known = {row[0] for row in await tx.all(_ENTER, **{**message, **recipients}, names=domains)}
        await add_destinations(tx, [domain for domain in domains if domain not in known])
    else:
        await retain(tx, content_id, queue_id)
        await tx.run(_INSERT_MESSAGE, **message)
        await tx.run(_INSERT_RECIPIENTS, **recipients)
        await add_destinations(tx, domains)
    for payload in payloads(domains):
        await tx.notify(payload)
    return queue_id


async def add_destinations(tx: Tx, domains: Sequence[str]) -> None:
    """Have these domains known, and none of them forgotten before this commits (`forget_destinations`)."""
    missing = list(domains)
    while missing:
        await tx.run(_ADD_DESTINATIONS, domains=[(domain,) for domain in missing])
        if tx.engine == "sqlite":
            return
        there = {row[0] for row in await tx.all(_SHARE_DESTINATIONS, names=domains)}
        missing = [domain for domain in domains if domain not in there]


def payloads(domains: Collection[str]) -> Iterator[str]:
    """Notifications that name these domains."""
    room = [0]

    def payload_of(domain: str) -> int:
        room[0] += len(domain.encode()) + 1
        return room[0] // _PAYLOAD

    for _, some in groupby(domains, payload_of):
        yield " ".join([TOPIC, *some])


def domains_in(payload: str) -> list[str] | None:
    """The domains that a notification names; [] says all of them, None that it is about something else."""
    topic, *domains = payload.split(" ")
    return domains if topic == TOPIC else None
