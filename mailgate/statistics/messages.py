"""Messages by audience, counted after the fact from what the store notes of each that is sent, so that sending pays
nothing for it.

Each message counts once: the mark up to which they were counted moves on in the transaction that adds the numbers, and
only from where it was read. So of several nodes that count at once one wins, and of a killed one nothing is left.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import LargeBinary, Text, and_, bindparam, case, literal, or_, select

from directory.schema import list_, school
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.moderation.schema import held_message
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.queue.schema import queued_message
from mailgate.statistics.counts import (
    ALL_SCHOOLS,
    FROM_OUTSIDE,
    MANUAL,
    MESSAGES,
    OUTSIDE,
    PERSON,
    SEVERAL,
    START,
    Counts,
    Key,
    Mark,
    add,
    begin,
    keys,
    mark_of,
    move,
)
from mailgate.statistics.months import month_of
from mailgate.statistics.people import NOBODY, STRANGER, Standing, standings
from mailgate.store.schema import dispatch, dispatch_copy, number

MARK: Final = "messages"
LAG: Final = 3600
"""Seconds after which a message that is being sent is surely noted."""
PIECE: Final = 500
_PEOPLE_NAMED: Final = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent, or taken from outside: lists and people that it is for, those who still wait for a
    moderator included.
    """

    at: int
    sender_id: int
    lists: frozenset[int] = frozenset()
    people: frozenset[int] = frozenset()
    outside: bool = False


class ListFacts(NamedTuple):
    """What of a list counts."""

    audience: str
    school: str | None


_FOLLOWING: Final = Statement(
    select(dispatch.c.at, dispatch.c.dispatch_id, dispatch.c.sender_id)
    .where(
        dispatch.c.at >= number("after"),
        dispatch.c.at < number("until"),
        or_(dispatch.c.at > number("after"), dispatch.c.dispatch_id > bindparam("id", type_=Text)),
    )
    .order_by(dispatch.c.at, dispatch.c.dispatch_id)
    .limit(PIECE)
)
# Of a list it is enough to know the list: who is on one may fill megabytes.
_COPIES: Final = Statement(
    select(
        dispatch_copy.c.dispatch_id,
        dispatch_copy.c.list_id,
        case((dispatch_copy.c.list_id == _PEOPLE_NAMED, dispatch_copy.c.accounts), else_=literal(b"", LargeBinary)),
    ).where(member(dispatch_copy.c.dispatch_id, "ids"))
)
_HELD: Final = Statement(
    select(held_message.c.dispatch_id, held_message.c.kind, held_message.c.target_id).where(
        member(held_message.c.dispatch_id, "ids"), held_message.c.kind.in_(["list", "person"])
    )
)
# What has a reverse path for each recipient are copies for relatives, who are no recipients outside.
_QUEUED: Final = Statement(
    select(queued_message.c.dispatch_id).where(
        and_(member(queued_message.c.dispatch_id, "ids"), queued_message.c.verp == 0)
    )
)
_LISTS: Final = Statement(
    select(list_.c.list_id, list_.c.audience, school.c.uai)
    .outerjoin(school, school.c.school_id == list_.c.school_id)
    .where(member(list_.c.list_id, "lists"))
)


async def fold(database: Database, zone: ZoneInfo, now: float) -> int:
    """Count what was sent since it was counted last, but for the last hour; give the number of messages.

    Where another process does the same, this one leaves it the rest.
    """
    counted = 0
    while True:
        mark, found = await database.read(partial(_following, until=int(now) - LAG))
        if not found:
            return counted
        counts, after = await database.read(partial(_counts_of, found=found, zone=zone)), Mark(*found[-1][:2])
        if not await database.write(partial(_put, before=mark, after=after, counts=counts), durable=False):
            return counted
        counted += len(found)


async def _following(tx: Tx, until: int) -> tuple[Mark, list[tuple[int, str, int]]]:
    mark = await mark_of(tx, MARK) or START
    rows = await tx.all(_FOLLOWING, after=mark.at, id=mark.id, until=until)
    return mark, [(at, dispatch_id, sender_id) for at, dispatch_id, sender_id in rows]


async def _put(tx: Tx, before: Mark, after: Mark, counts: Counts) -> bool:
    await begin(tx, MARK)
    if not await move(tx, MARK, before, after):
        return False
    await add(tx, counts)
    return True


async def _counts_of(tx: Tx, found: Sequence[tuple[int, str, int]], zone: ZoneInfo) -> Counts:
    sent = await _described(tx, found)
    named = sorted({list_id for one in sent for list_id in one.lists})
    lists = {
        list_id: ListFacts(audience or MANUAL, uai)
        for list_id, audience, uai in (await tx.all(_LISTS, lists=named) if named else ())
    }
    strangers = (one for one in sent if one.sender_id == OUTSIDE_WRITER)
    readers = {account_id for one in strangers for account_id in one.people}
    people = await standings(tx, readers | {one.sender_id for one in sent})
    return counts_of(sent, lists, people, zone)


async def _described(tx: Tx, found: Sequence[tuple[int, str, int]]) -> list[Sent]:
    ids = [dispatch_id for _, dispatch_id, _ in found]
    lists: defaultdict[str, set[int]] = defaultdict(set)
    people: defaultdict[str, set[int]] = defaultdict(set)
    for dispatch_id, list_id, accounts in await tx.all(_COPIES, ids=ids):
        if list_id == _PEOPLE_NAMED:
            people[dispatch_id].update(account_id for (account_id,) in struct.iter_unpack("<q", accounts))
        else:
            lists[dispatch_id].add(list_id)
    for dispatch_id, kind, target_id in await tx.all(_HELD, ids=ids):
        (lists if kind == "list" else people)[dispatch_id].add(target_id)
    outside = {row[0] for row in await tx.all(_QUEUED, ids=ids)}
    return [
        Sent(at, sender_id, frozenset(lists[one]), frozenset(people[one]), one in outside)
        for at, one, sender_id in found
    ]


def counts_of(
    sent: Iterable[Sent], lists: Mapping[int, ListFacts], people: Mapping[int, Standing], zone: ZoneInfo
) -> Counts:
    """The numbers that these messages make; `people` has their senders, and the readers of what came from outside."""
    counts: Counts = Counter()
    for one in sent:
        month = month_of(one.at, zone)
        if one.sender_id == OUTSIDE_WRITER:
            counts.update(
                Key(month, uai, STRANGER.profile, MESSAGES, FROM_OUTSIDE) for uai in _reached(one, lists, people)
            )
        elif audience := audience_of(one, lists):
            counts.update(keys(month, people.get(one.sender_id, NOBODY), MESSAGES, audience))
    return counts


def audience_of(one: Sent, lists: Mapping[int, ListFacts]) -> str | None:
    """For whom a message of a person is; None for one that reached nobody and waits for nobody."""
    found = {lists[list_id].audience if list_id in lists else MANUAL for list_id in one.lists}
    found |= {PERSON} if one.people else set()
    found |= {OUTSIDE} if one.outside else set()
    return SEVERAL if len(found) > 1 else next(iter(found), None)


def _reached(one: Sent, lists: Mapping[int, ListFacts], people: Mapping[int, Standing]) -> Collection[str]:
    """The schools that a message from outside came to, and the whole gateway."""

    def each() -> Iterator[str]:
        yield ALL_SCHOOLS
        for list_id in one.lists:
            if list_id in lists and (uai := lists[list_id].school) is not None:
                yield uai
        for account_id in one.people:
            yield from people.get(account_id, NOBODY).schools

    return set(each())
