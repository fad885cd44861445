"""Sessions with other servers counted by day, domain, policy and what came of them, for the reports of RFC 8460.

A process counts in memory and adds to the database now and then: what a killed one had not added yet is not reported.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from sqlalchemy import BigInteger, LargeBinary, Text, bindparam, delete, select

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.queue.schema import tls_session
from mailgate.store.schema import number
from smtp.client.sessions import Judged, TlsSession
from smtp.client.tls_report import DAY, Counted
from smtp.resolver import InvalidName, ascii_name

KEPT_DAYS: Final = 7
"""Days after which counts are forgotten, reported or not."""
_MOST: Final = 10_000
"""Kinds of sessions that are told apart until they are added; beyond that the reason is left out."""
_REASON: Final = 200
_Key = tuple[int, TlsSession]

_t = tls_session.c
_NAMES: Final = ("day", "domain", "digest", "policy", "result", "host", "address", "reason", "number")
_fresh = rows(
    "counted", day=BigInteger, domain=Text, digest=LargeBinary, policy=Text, result=Text, host=Text, address=Text,
    reason=Text, number=BigInteger,
)  # fmt: skip
_insert = insert(tls_session).from_select(
    list(_NAMES), select(*(_fresh.c[name] for name in _NAMES)).order_by(_fresh.c.day, _fresh.c.domain, _fresh.c.digest)
)
_ADD: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=[_t.day, _t.domain, _t.digest], set_={"number": _t.number + _insert.excluded.number}
    )
)
_DOMAINS: Final = Statement(
    select(_t.domain).where(_t.day == number("day")).distinct().order_by(_t.domain).limit(number("most"))
)
_OF: Final = Statement(
    select(_t.policy, _t.result, _t.host, _t.address, _t.reason, _t.number)
    .where(_t.day == number("day"), _t.domain == bindparam("of", type_=Text))
    .order_by(_t.policy, _t.result, _t.host, _t.digest)
)
_FORGET: Final = Statement(delete(tls_session).where(_t.day < number("before")))


class TlsCounts:
    """Counts for one process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._counted: Counter[_Key] = Counter()

    def observe(self, session: TlsSession) -> None:
        """Count a session."""
        reason = session.reason[:_REASON] if len(self._counted) < _MOST else ""
        with contextlib.suppress(InvalidName):
            key = replace(session, domain=ascii_name(session.domain), reason=reason)
            self._counted[int(self._clock()) // DAY, key] += 1

    async def flush(self) -> None:
        """Add what was counted to the database; nothing is lost when it is away."""
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        values = [_row(day, session, times) for (day, session), times in counted.items()]
        try:
            await self._database.write(lambda tx: tx.run(_ADD, counted=values), durable=False)
        except BaseException:
            self._counted.update(counted)
            raise


def _row(day: int, session: TlsSession, times: int) -> tuple[int, str, bytes, str, str, str, str, str, int]:
    policy = msgspec.json.encode(session.judged).decode()
    result = "" if session.failure is None else session.failure.value
    texts = (policy, result, session.host, session.address, session.reason)
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).digest()
    return (day, session.domain, digest, *texts, times)


async def domains_of(tx: Tx, day: int, most: int) -> list[str]:
    """The domains that there were sessions with."""
    return [row[0] for row in await tx.all(_DOMAINS, day=day, most=most)]


async def counted_of(tx: Tx, day: int, domain: str) -> Sequence[Counted]:
    """What was counted of a domain."""
    found = await tx.all(_OF, day=day, of=domain)
    return [Counted(msgspec.json.decode(policy, type=Judged), *rest) for policy, *rest in found]


async def forget(tx: Tx, today: int) -> None:
    """Delete what is too old to be reported."""
    await tx.run(_FORGET, before=today - KEPT_DAYS)
