"""The graded emergency stop: sending is stopped, or goes to a moderator, while reading stays open.

A stop names what it concerns: people of a profile, a school (who belongs to it, and its lists), a list, an account;
with several of these, what meets all; with none, everybody. It is read by an indexed statement each time, never
kept in memory, so it holds on every node from the moment it is committed; and it ends by itself.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    false,
    insert,
    or_,
    select,
    text,
    update,
)

from directory.list_schema import list_alias
from directory.nomenclature import Profile
from directory.schema import address, list_, new_id, person, school
from directory.ties import schools_concerned, schools_of
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.i18n import Language
from mailgate.policy.matrix import Verdict
from mailgate.policy.schema import stop
from mailgate.policy.schools import school_id_of

REASON_LIMIT: Final = 300
"""Letters of a reason: it is one line of an SMTP reply."""
PROFILES: Final = tuple(profile.value for profile in Profile if profile is not Profile.SHARED)
EFFECTS: Final = (Verdict.REFUSE, Verdict.MODERATE)

_sender = bindparam("sender", type_=BigInteger)
_profile = select(person.c.profile).where(person.c.person_id == _sender).scalar_subquery()
_FOUND: Final = ("stop_id", "effect", "school_id", "reason_fr", "reason_en", "ends_at")
_still_holds = stop.c.ends_at > bindparam("now", type_=BigInteger)
_of_sender = (
    or_(stop.c.account_id.is_(None), stop.c.account_id == _sender),
    or_(stop.c.profile.is_(None), stop.c.profile == _profile),
)
_by_schools_of_sender = or_(
    stop.c.school_id.is_(None), stop.c.school_id.in_(select(schools_of(_sender).subquery().c.school_id))
)
_holding = select(*(stop.c[name] for name in _FOUND)).where(_still_holds)
HOLDING: Final = _holding.where(
    *_of_sender,
    or_(stop.c.list_id.is_(None), member(stop.c.list_id, "lists")),
    or_(_by_schools_of_sender, and_(stop.c.list_id.is_(None), member(stop.c.school_id, "list_schools"))),
)
"""The stops that concern a message, with the parameters of `asked`."""
HOLDING_UNTIL_COMMIT: Final = HOLDING.with_for_update(read=True, key_share=True, of=stop)
"""The same, and none begins before the transaction has ended.

PostgreSQL locks the table, whatever its rows, before it takes the snapshot of the statement: `begin` waits for that
lock, and who waits for `begin` sees what it did.
"""
HOLDING_TO_PERSON: Final = _holding.where(*_of_sender, stop.c.list_id.is_(None), _by_schools_of_sender)
"""Those that concern a message to somebody who is no list, with ``sender`` and ``now``."""


def holding_inward(recipient: ColumnElement[int]) -> Select[Any]:
    """Those that concern a message from outside to a person, with ``now``."""
    its = stop.c.school_id.in_(select(schools_concerned(recipient).subquery().c.school_id))
    return _holding.where(
        stop.c.account_id.is_(None),
        stop.c.profile.is_(None),
        stop.c.list_id.is_(None),
        or_(stop.c.school_id.is_(None), its),
    )


_HOLDING: Final = Statement(HOLDING)
_HOLDING_UNTIL_COMMIT: Final = Statement(HOLDING_UNTIL_COMMIT)
_SCHOOLS: Final = Statement(select(schools_concerned(bindparam("person", type_=BigInteger)).subquery().c.school_id))
_SHARE: Final = Statement(select(stop.c.stop_id).where(false()).with_for_update(read=True, key_share=True))
_BEGIN: Final = "LOCK TABLE stop IN EXCLUSIVE MODE"


class StopError(ValueError):
    """A stop that cannot be made or lifted: why."""


class Stop(msgspec.Struct, frozen=True):
    """A stop that concerns a message."""

    stop_id: int
    verdict: Verdict
    school_id: int | None
    reason_fr: str
    reason_en: str
    ends_at: int

    def reason(self, language: Language) -> str:
        """What the administrator wrote for senders, in this language if there is such a text; may be empty."""
        one, other = (self.reason_fr, self.reason_en) if language == "fr" else (self.reason_en, self.reason_fr)
        return one or other


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A stop to be made, in the words of an administrator: UAI, addresses."""

    verdict: Verdict
    ends_at: int
    profile: str | None = None
    school: str | None = None
    list_: str | None = None
    account: str | None = None
    reason_fr: str = ""
    reason_en: str = ""


class StopView(msgspec.Struct, frozen=True):
    """A stop as an administrator sees it; times are seconds since the epoch, UTC."""

    id: str
    effect: Verdict
    profile: str | None
    school: str | None
    list: str | None
    account: str | None
    reason_fr: str
    reason_en: str
    made_at: int
    ends_at: int

    @property
    def subject(self) -> str:
        """What it concerns, in a few words."""
        named = (("profile", self.profile), ("school", self.school), ("list", self.list), ("account", self.account))
        return ", ".join(f"{word} {value}" for word, value in named if value) or "everybody"


async def stop_of(
    tx: Tx,
    sender: int,
    *,
    lists: Collection[int] = (),
    list_schools: Collection[int] = (),
    until_commit: bool = False,
) -> Stop | None:
    """The strictest stop that concerns a message from this person to these lists, of these schools.

    `until_commit`: none begins before this transaction, which writes, has ended.
    """
    statement = _HOLDING_UNTIL_COMMIT if until_commit else _HOLDING
    return strictest(await tx.all(statement, **asked(sender, lists, list_schools)))


def asked(sender: int, lists: Collection[int] = (), list_schools: Collection[int] = ()) -> dict[str, object]:
    """The parameters of `HOLDING`."""
    return {"sender": sender, "now": now(), "lists": lists, "list_schools": list_schools}


def strictest(rows: Iterable[Row]) -> Stop | None:
    """Of what `HOLDING` found."""
    found = [Stop(row[0], Verdict(row[1]), *row[2:]) for row in rows]
    return min(found, key=lambda one: (EFFECTS.index(one.verdict), -one.ends_at), default=None)


async def schools_stopped_for(tx: Tx, person_id: int) -> frozenset[int]:
    """The schools whose stops hold what comes in for a person: `list_schools` of `stop_of`, for a writer outside."""
    return frozenset(row[0] for row in await tx.all(_SCHOOLS, person=person_id))


async def keep_out(tx: Tx) -> None:
    """Let no stop begin until this transaction has ended, so that `stop_of` holds until its commit.

    SQLite needs nothing: it lets one transaction write at a time.
    """
    if tx.engine == "postgresql":
        await tx.all(_SHARE)


def begin(connection: Connection) -> None:
    """Wait for the deliveries under way, and let no other begin before this transaction has ended.

    SQLite needs nothing: it lets one transaction write at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(_BEGIN))


def add(connection: Connection, wanted: Wanted) -> StopView:
    """Make a stop; call `begin` first. Raises StopError, SchoolError."""
    at = now()
    if wanted.ends_at <= at:
        raise StopError("a stop ends in the future")
    if wanted.profile is not None and wanted.profile not in PROFILES:
        raise StopError(f"{wanted.profile!r} is no profile; use one of {', '.join(PROFILES)}")
    row = {
        "stop_id": new_id(),
        "effect": wanted.verdict,
        "profile": wanted.profile,
        "school_id": None if wanted.school is None else school_id_of(connection, wanted.school),
        "list_id": None if wanted.list_ is None else _list_id(connection, wanted.list_),
        "account_id": None if wanted.account is None else _person_id(connection, wanted.account),
        "reason_fr": _checked(wanted.reason_fr),
        "reason_en": _checked(wanted.reason_en),
        "made_at": at,
        "ends_at": wanted.ends_at,
    }
    connection.execute(insert(stop).values(row))
    return _views(connection, stop.c.stop_id == row["stop_id"])[0]


def lift(connection: Connection, stop_id: str | None) -> list[StopView]:
    """End a stop now, or (None) all that hold; give those that held. Raises StopError when there is no such."""
    at = now()
    holds = stop.c.ends_at > at
    if stop_id is not None:
        holds = and_(holds, stop.c.stop_id == (int(stop_id) if stop_id.isdecimal() else 0))
    found = _views(connection, holds)
    if stop_id is not None and not found:
        raise StopError(f"no stop {stop_id} holds; `mailgate stop list` shows them")
    connection.execute(update(stop).where(holds).values(ends_at=at))
    return found


def all_stops(connection: Connection, *, past: bool = False) -> list[StopView]:
    """Those that hold, and with `past` those that ended, in the order in which they were made, then by profile."""
    at = now()
    return _views(connection, stop.c.stop_id != 0 if past else stop.c.ends_at > at)


def _views(connection: Connection, condition: Any) -> list[StopView]:  # noqa: ANN401 - an SQL condition
    of_account = and_(address.c.person_id == stop.c.account_id, address.c.is_primary)
    rows = connection.execute(
        select(
            stop.c.stop_id,
            stop.c.effect,
            stop.c.profile,
            school.c.uai,
            list_.c.address,
            address.c.address,
            *(stop.c[name] for name in ("reason_fr", "reason_en", "made_at", "ends_at")),
        )
        .outerjoin(school, school.c.school_id == stop.c.school_id)
        .outerjoin(list_, list_.c.list_id == stop.c.list_id)
        .outerjoin(address, of_account)
        .where(condition)
        .order_by(stop.c.made_at, stop.c.profile, stop.c.stop_id)
    )
    return [StopView(str(row[0]), Verdict(row[1]), *row[2:]) for row in rows]


def _list_id(connection: Connection, text: str) -> int:
    folded = text.strip().lower()
    by_alias = select(list_alias.c.list_id).where(list_alias.c.address == folded)
    found: int | None = connection.scalar(
        select(list_.c.list_id).where(or_(list_.c.address == folded, list_.c.list_id.in_(by_alias)))
    )
    if found is None:
        raise StopError(f"there is no list {text}; `mailgate list show` lists them")
    return found


def _person_id(connection: Connection, text: str) -> int:
    found: int | None = connection.scalar(select(address.c.person_id).where(address.c.address == text.strip().lower()))
    if found is None:
        raise StopError(f"nobody has the address {text}")
    return found


def _checked(reason: str) -> str:
    line = " ".join(reason.split())
    if len(line) > REASON_LIMIT:
        raise StopError(f"a reason has {REASON_LIMIT} letters at most")
    if not line.isprintable():
        raise StopError("a reason is one line of text")
    return line


def now() -> int:
    """The moment, as stops have it: seconds since the epoch, UTC."""
    return int(time.time())
