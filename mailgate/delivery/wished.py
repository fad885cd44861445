"""Who of those that get a message wants something of it outside, where the schools of their children allow it.

A word may go where one of these schools wants it; the message itself where all of them let copies out, since a message
does not say which of the children it is about. Who may not have the copy that was asked for gets the word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, case, exists, or_, select, update

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import enrolment, guardian
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.policy.schema import school_setting
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.queue.wishes import Mode, outside_wish

HOUR: Final = 3_600
"""Seconds between two words to one person."""
REPORTS: Final = frozenset({"FAILURE"})
"""What other servers are to report: to the reverse path, which is counted; nobody waits for more."""

_w = outside_wish.c
_child: Final = and_(
    guardian.c.person_id == _w.person_id,
    guardian.c.legal == LEGAL_GUARDIAN,
    enrolment.c.person_id == guardian.c.pupil_id,
)


def _of_school(*values: str) -> ColumnElement[bool]:
    return and_(
        school_setting.c.school_id == enrolment.c.school_id,
        school_setting.c.name == "outside",
        school_setting.c.value.in_(values),
    )


_told: Final = exists().where(_child, _of_school("notify", "copy")).correlate(outside_wish)
_closed: Final = (
    exists().where(_child, ~exists().where(_of_school("copy")).correlate(enrolment)).correlate(outside_wish)
)
_here: Final = and_(member(_w.person_id, "accounts"), _w.address != "", _w.suspended_at == 0, _told)
_copied: Final = and_(_here, _w.mode == Mode.COPY.value, ~_closed)
_notified: Final = and_(
    _here,
    or_(_w.mode != Mode.COPY.value, _closed),
    _w.notified_at <= bindparam("before", type_=BigInteger),
)
_FIND: Final = Statement(
    select(_w.person_id, case((_copied, 1), else_=0)).where(or_(_copied, _notified)).order_by(_w.person_id)
)
_COPIES: Final = Statement(select(_w.person_id, _w.address).where(_copied).order_by(_w.person_id))
_TAKE: Final = Statement(
    update(outside_wish)
    .where(_notified)
    .values(notified_at=bindparam("now", type_=BigInteger))
    .returning(_w.person_id, _w.address)
)


class Wished(NamedTuple):
    """The people who want a copy, and those who want a word."""

    copies: frozenset[int]
    words: frozenset[int]


async def find(tx: Tx, accounts: Collection[int], now: int) -> Wished:
    """Who of these wants something."""
    rows = await tx.all(_FIND, accounts=accounts, before=now - HOUR)
    return Wished(frozenset(row[0] for row in rows if row[1]), frozenset(row[0] for row in rows if not row[1]))


async def copies(tx: Tx, accounts: Collection[int]) -> list[OutsideRecipient]:
    """Where copies go for these people; to one address one."""
    return _recipients((row[0], row[1]) for row in await tx.all(_COPIES, accounts=accounts))


async def take_words(tx: Tx, accounts: Collection[int], now: int) -> list[OutsideRecipient]:
    """Where a word goes for these people, noted as gone; another message may have been quicker."""
    return _recipients(
        sorted((row[0], row[1]) for row in await tx.all(_TAKE, accounts=accounts, before=now - HOUR, now=now))
    )


def _recipients(rows: Iterable[tuple[int, str]]) -> list[OutsideRecipient]:
    found = dict[str, OutsideRecipient]()
    for number, address in rows:
        one = OutsideRecipient(address, REPORTS, person_id=number)
        found.setdefault(one.key, one)
    return list(found.values())
