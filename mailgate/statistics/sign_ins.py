"""Sign-ins by kind of client, and the accounts that are in use.

A process counts in memory and adds to the database once a minute and when it stops: signing in pays a number in a
dictionary. What a killed process had not added yet is lost, a minute of sign-ins at the most.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import BigInteger, ColumnElement, Integer, exists, literal_column, select

from imap.clients import ClientKind
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.statistics.counts import ACTIVE, READING, SIGN_INS, SUBMISSION, Counts, add, keys
from mailgate.statistics.months import month_of
from mailgate.statistics.people import Standing, standings
from mailgate.statistics.schema import account_month

log = structlog.stdlib.get_logger("mailgate.statistics")

_a = account_month.c
_fresh = rows("fresh", account_id=BigInteger, month=Integer)


def _noting(column: ColumnElement[int], reading: ColumnElement[int]) -> Statement:
    """What notes in a column the month of accounts, once for each month, whichever node is the first to; gives those
    that it noted.
    """
    known = exists(literal_column("1")).where(_a.account_id == _fresh.c.account_id, column >= _fresh.c.month)
    fresh = select(_fresh.c.account_id, _fresh.c.month, reading).where(~known).order_by(_fresh.c.account_id)
    noted = insert(account_month).from_select(["account_id", "month", "reading_month"], fresh)
    later = noted.excluded.month
    return Statement(
        noted.on_conflict_do_update(
            index_elements=[_a.account_id], set_={column: later}, where=column < later
        ).returning(_a.account_id)
    )


_SEEN: Final = _noting(_a.month, literal_column("0", Integer))
_READ: Final = _noting(_a.reading_month, _fresh.c.month)


class SignIn(NamedTuple):
    """One of which it is not known yet which client it was."""

    month: int
    account_id: int


class SignIns:
    """Counts for one process: an `imap.clients.SignInObserver`."""

    def __init__(self, database: Database, zone: ZoneInfo, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock
        self._counted: Counter[tuple[SignIn, str]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def signed_in(self, account_id: int, client: ClientKind) -> object:
        """Count a sign-in to read mail."""
        return self._count(account_id, client.value)

    def identified(self, sign_in: object, client: ClientKind) -> None:
        """A client of which nothing was known when it signed in is of this kind."""
        if isinstance(sign_in, SignIn):
            self._counted[sign_in, ClientKind.OTHER.value] -= 1
            self._counted[sign_in, client.value] += 1

    def submitting(self, account_id: int) -> None:
        """Count a sign-in to send."""
        self._count(account_id, SUBMISSION)

    def _count(self, account_id: int, kind: str) -> SignIn:
        sign_in = SignIn(month_of(self._clock(), self._zone), account_id)
        self._counted[sign_in, kind] += 1
        return sign_in

    async def flush(self) -> None:
        """Add what was counted to the database; nothing is lost when it is away."""
        # To be cancelled amid the transaction would leave open whether it counts: it ends, whoever waits for it.
        self._writing = asyncio.create_task(self._write())
        await asyncio.shield(self._writing)

    async def close(self) -> None:
        """Add the rest; a database that is away does not keep the gateway from stopping."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        try:
            await self._write()
        except Exception:
            log.exception("sign-ins of the last minute are not counted")

    async def _write(self) -> None:
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        try:
            accounts = {sign_in.account_id for sign_in, _ in counted}
            people = await self._database.read(partial(standings, account_ids=accounts))
            await self._database.write(partial(_put, counted=counted, people=people), durable=False)
        except BaseException:
            self._counted.update(counted)
            raise


async def _put(tx: Tx, counted: Mapping[tuple[SignIn, str], int], people: Mapping[int, Standing]) -> None:
    counts: Counts = Counter()
    seen, readers = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for (sign_in, kind), times in counted.items():
        seen[sign_in.month].add(sign_in.account_id)
        if kind != SUBMISSION:
            readers[sign_in.month].add(sign_in.account_id)
        for key in keys(sign_in.month, people[sign_in.account_id], SIGN_INS, kind):
            counts[key] += times
    for statement, measure, months in ((_SEEN, ACTIVE, seen), (_READ, READING, readers)):
        for month, accounts in sorted(months.items()):
            fresh = [(account_id, month) for account_id in sorted(accounts)]
            for (account_id,) in await tx.all(statement, fresh=fresh):
                counts.update(keys(month, people[account_id], measure))
    await add(tx, counts)
