"""What is counted, and the table of counts: numbers are added, never a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, select, update

from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.statistics.people import Standing
from mailgate.statistics.schema import statistic, statistic_mark
from mailgate.store.schema import number

ALL_SCHOOLS: Final = ""
"""In the place of an UAI: the whole gateway."""

ACCOUNTS: Final = "accounts"
"""Open accounts at the end of the month."""
ACTIVATED: Final = "activated"
"""Those among them that have a password of their own, or an app password that was used."""
ACTIVE: Final = "active"
"""Accounts that somebody signed in to in the month."""
READING: Final = "reading"
"""Those among them to which somebody signed in to read mail, not only to send."""
SIGN_INS: Final = "sign_ins"
"""By kind of client: `imap.clients.ClientKind`, or `SUBMISSION`."""
MESSAGES: Final = "messages"
"""By audience: that of a list, or one of those below."""

SUBMISSION: Final = "submission"
"""Sign-ins at the submission port, to send: of mail programs, of printers and of scripts."""
PERSON: Final = "person"
OUTSIDE: Final = "outside"
FROM_OUTSIDE: Final = "from-outside"
SEVERAL: Final = "several"
"""Audiences of more than one kind."""
MANUAL: Final = "manual"
"""Lists that people made."""


class Key(NamedTuple):
    """What a number counts."""

    month: int
    school: str
    profile: str
    measure: str
    kind: str


Counts = Counter[Key]


class Mark(NamedTuple):
    """Up to where something was counted."""

    at: int
    id: str


START: Final = Mark(0, "")
_c = statistic.c
_m = statistic_mark.c
_fresh = rows(
    "fresh", month=Integer, school=Text, profile=Text, measure=Text, kind=Text, number=BigInteger
)  # fmt: skip
# In the order of the key: two nodes that add at once wait for one another, and never both.
_insert = insert(statistic).from_select(
    [*Key._fields, "number"], select(_fresh).order_by(*(_fresh.c[name] for name in Key._fields))
)
_ADD: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=[_c[name] for name in Key._fields], set_={"number": _c.number + _insert.excluded.number}
    )
)
_READ: Final = Statement(
    select(*(_c[name] for name in Key._fields), _c.number)
    .where(_c.month.between(number("first"), number("last")))
    .order_by(*(_c[name] for name in Key._fields))
)
_FORGET: Final = Statement(delete(statistic).where(_c.month < number("before")))
_MARK: Final = Statement(select(_m.at, _m.id).where(_m.name == bindparam("name", type_=Text)))
_BEGIN: Final = Statement(
    insert(statistic_mark)
    .values(name=bindparam("name", type_=Text), at=number("at"), id=bindparam("id", type_=Text))
    .on_conflict_do_nothing()
)
_MOVE: Final = Statement(
    update(statistic_mark)
    .values(at=number("to_at"), id=bindparam("to_id", type_=Text))
    .where(
        _m.name == bindparam("name", type_=Text),
        _m.at == number("from_at"),
        _m.id == bindparam("from_id", type_=Text),
    )
)


def keys(month: int, who: Standing, measure: str, kind: str = "") -> Iterator[Key]:
    """What something that somebody did counts for: the whole gateway, and each of the person's schools."""
    for school in (ALL_SCHOOLS, *who.schools):
        yield Key(month, school, who.profile, measure, kind)


async def add(tx: Tx, counts: Mapping[Key, int]) -> None:
    """Add numbers; those may be less than nothing."""
    fresh = [(*key, count) for key, count in counts.items() if count]
    if fresh:
        await tx.run(_ADD, fresh=fresh)


async def read(tx: Tx, first: int, last: int) -> Counts:
    """The numbers of these months."""
    return Counter({Key(*key): count for *key, count in await tx.all(_READ, first=first, last=last)})


async def forget(tx: Tx, before: int) -> None:
    """Delete the numbers of the months before this one."""
    await tx.run(_FORGET, before=before)


async def mark_of(tx: Tx, name: str) -> Mark | None:
    """Up to where something was counted; None: it never was."""
    row = await tx.one(_MARK, name=name)
    return None if row is None else Mark(*row)


async def begin(tx: Tx, name: str, mark: Mark = START) -> None:
    """Have a mark where there is none yet."""
    await tx.run(_BEGIN, name=name, at=mark.at, id=mark.id)


async def move(tx: Tx, name: str, before: Mark, after: Mark) -> bool:
    """Move a mark on; whether it was still where it was read: else another process has counted meanwhile."""
    moved = await tx.run(
        _MOVE, name=name, from_at=before.at, from_id=before.id, to_at=after.at, to_id=after.id
    )  # fmt: skip
    return moved == 1
