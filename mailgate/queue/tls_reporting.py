"""The daily reports on TLS (RFC 8460): each domain that wants one gets one of each day, by mail or by HTTPS.

Any number of processes may look at once: who makes a report has it for a while, and the message goes into the queue in
the transaction that notes it as made.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Text, bindparam, delete, select, update

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.queue import tls_counts
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.schedule import Priority, Schedule
from mailgate.queue.schema import tls_report
from mailgate.signing.signer import Signer
from mailgate.store import MailStore, Parcel
from mailgate.store.schema import number
from smtp.client.https import Https, HttpsError, Request, TooLarge
from smtp.client.tls_report import DAY, Destinations, Submitter, TlsReport, destinations
from smtp.resolver import InvalidName, Resolver, Unanswered
from smtp.tls_demand import TlsDemand

log = structlog.stdlib.get_logger("mailgate.queue")

SPREAD: Final = 4 * 3_600
"""Seconds after midnight, UTC, over which the reports of a day are spread (section 4.1)."""
_MOST: Final = 10_000
"""Domains of a day that are reported to."""
_PAUSE: Final = 3_600
"""Seconds until a report is tried again that could not be handed over; a day long (section 5.5)."""
_FIRST_PAUSE: Final = 900

_r = tls_report.c
_CLAIM: Final = Statement(
    insert(tls_report)
    .values(day=number("day"), domain=bindparam("of", type_=Text), tried_at=number("now"), done_at=0)
    .on_conflict_do_update(
        index_elements=[_r.day, _r.domain],
        set_={"tried_at": number("now")},
        where=(_r.done_at == 0) & (_r.tried_at <= number("before")),
    )
)
_DONE: Final = Statement(
    update(tls_report)
    .where(_r.day == number("day"), _r.domain == bindparam("of", type_=Text), _r.done_at == 0)
    .values(done_at=number("now"))
)
_MADE: Final = Statement(select(_r.domain).where(_r.day == number("day"), _r.done_at > 0))
_FORGET: Final = Statement(delete(tls_report).where(_r.day < number("before")))


@dataclass(frozen=True, slots=True)
class TlsReporting:
    """Makes the reports of yesterday."""

    database: Database
    store: MailStore
    resolver: Resolver
    https: Https
    signer: Signer
    submitter: Submitter
    schedule: Schedule
    port: int = 443
    clock: Callable[[], float] = time.time

    async def look(self) -> int:
        """Make the reports that are due; give their number."""
        now = int(self.clock())
        day = now // DAY - 1
        wanted = await self.database.read(partial(tls_counts.domains_of, day=day, most=_MOST))
        made = {row[0] for row in await self.database.read(lambda tx: tx.all(_MADE, day=day))} if wanted else set()
        done = 0
        for domain in wanted:
            if domain in made or now % DAY < _delay(domain):
                continue
            try:
                done += await self._report(domain, day, now)
            except Exception:
                log.exception("a report on tls is not made", domain=domain)
        return done

    async def maintain(self) -> None:
        """The daily upkeep: what was counted and reported long ago."""
        today = int(self.clock()) // DAY
        await self.database.write(partial(tls_counts.forget, today=today))
        await self.database.write(lambda tx: tx.run(_FORGET, before=today - tls_counts.KEPT_DAYS))

    async def _report(self, domain: str, day: int, now: int) -> bool:
        before = now - (_FIRST_PAUSE if now % DAY < SPREAD + _PAUSE else _PAUSE)
        if not await self.database.write(lambda tx: tx.run(_CLAIM, day=day, of=domain, now=now, before=before)):
            return False
        try:
            to = destinations((await self.resolver.lookup(f"_smtp._tls.{domain}", "TXT")).texts())
        except (InvalidName, Unanswered):
            return False
        counted = await self.database.read(partial(tls_counts.counted_of, day=day, domain=domain))
        servers = {one.address for one in counted if one.result and one.address}
        report = TlsReport(self.submitter, domain, day, counted, {one: _local(one) for one in servers})
        if to and not await self._handed_over(report, to, now):
            return False
        await self.database.write(lambda tx: tx.run(_DONE, day=day, of=domain, now=now))
        return bool(to)

    async def _handed_over(self, report: TlsReport, to: Destinations, now: int) -> bool:
        """By mail where that is wanted and can be signed (section 3), else by HTTPS to the first that takes it."""
        signed = await self.signer.keys(f"From: <{self.submitter.contact}>\r\n".encode())
        if to.mail and signed:
            if mailed := await self._mail(report, to.mail, now):
                log.info("report on tls", domain=report.domain, to="mail")
            return mailed
        if to.mail and not to.https:
            log.warning("report on tls not sent: there is no DKIM key to sign it", domain=report.domain)
            return True
        return await self._posted(report, to.https)

    async def _mail(self, report: TlsReport, to: Sequence[str], now: int) -> bool:
        """False when another process was there first."""
        words = f"This is an aggregate report on TLS from {self.submitter.domain} (RFC 8460).\n"
        content = report.message(to, words, datetime.fromtimestamp(now, UTC))
        never = frozenset({"NEVER"})
        out = Outgoing(
            None, self.submitter.contact, [OutsideRecipient(one, never) for one in to], Priority.BULK,
            tls=TlsDemand.OPTIONAL,
        )  # fmt: skip

        async def note(tx: Tx) -> bool:
            return bool(await tx.run(_DONE, day=report.day, of=report.domain, now=now))

        parcel = Parcel(BytesIO(content), frozenset(), list_id=None, stored=enqueuing(out, self.schedule, self.clock))
        return await self.store.deliver_once([parcel], note)

    async def _posted(self, report: TlsReport, urls: Sequence[str]) -> bool:
        for url in urls:
            parts = urlsplit(url)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Content-Type": "application/tlsrpt+gzip"}
            request = Request("POST", parts.hostname or "", target, headers, report.packed(), self.port)
            try:
                response = await self.https.send(request)
            except (HttpsError, TooLarge) as error:
                log.info("report on tls not taken", domain=report.domain, reason=str(error)[:200])
                continue
            log.info("report on tls", domain=report.domain, to="https", status=response.status)
            if 200 <= response.status < 300:  # noqa: PLR2004 - the classes of HTTP
                return True
        return False


def _local(address: str) -> str:
    """The address of ours that leads there; nothing is sent to find out."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect((address, 9))
        return str(probe.getsockname()[0])
    return ""


def _delay(domain: str) -> int:
    """Seconds after midnight: another one for each domain, the same for all processes."""
    return int.from_bytes(hashlib.sha256(domain.encode("utf-8", "replace")).digest()[:4]) % SPREAD
