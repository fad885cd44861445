"""The outbound queue of a gateway process, as the settings have it: a way out, a worker, a clock."""

from __future__ import annotations

import contextlib
import time
from functools import partial

from mailgate.config import ConfigError, Dns, Queue, Settings
from mailgate.database import Database, DatabaseError
from mailgate.delivery.reports import Reporter
from mailgate.listeners import parse_endpoint
from mailgate.queue.bounces import Bounces
from mailgate.queue.clock import Clock
from mailgate.queue.forms import Forms
from mailgate.queue.leaving import Leaving
from mailgate.queue.policies import StoredPolicies
from mailgate.queue.schedule import Schedule
from mailgate.queue.sending import Sending
from mailgate.queue.suspending import Suspensions
from mailgate.queue.suspension_notices import SuspensionNotices
from mailgate.queue.tls_counts import TlsCounts
from mailgate.queue.tls_reporting import TlsReporting
from mailgate.queue.worker import Limits, Worker
from mailgate.resolving import resolver_of
from mailgate.signing.signer import Signer
from mailgate.store import MailStore
from smtp.client.connection import Timeouts
from smtp.client.direct import DirectToMx
from smtp.client.https import Https
from smtp.client.mta_sts import MtaSts
from smtp.client.policy_host import PolicyHost
from smtp.client.routes import Route, Smarthost
from smtp.client.sessions import Observer
from smtp.client.tls import Security, trusting
from smtp.client.tls_report import Submitter


def schedule_of(settings: Queue) -> Schedule:
    """When something is tried again."""
    return Schedule(settings.pauses, settings.expiry, settings.delay_notice)


def route_of(
    settings: Queue, dns: Dns, hello: str, database: Database, observe: Observer | None = None
) -> Route:  # fmt: skip
    """The way out. Raises ConfigError naming the key, OSError for a file that cannot be read."""
    patience = settings.answer_timeout
    timeouts = Timeouts(settings.connect_timeout, patience, patience, patience, settings.final_timeout)
    if settings.route == "direct":
        resolver, context = resolver_of(dns), trusting(settings.direct_ca)
        policies = MtaSts(resolver, StoredPolicies(database), PolicyHost(resolver, context))
        return DirectToMx(
            resolver, hello, settings.direct_port, timeouts, context, policies if settings.mta_sts else None,
            dane=dns.dnssec != "off", observe=observe,
        )  # fmt: skip
    host, port = _endpoint("queue.smarthost", settings.smarthost)
    username, password = settings.smarthost_username, settings.smarthost_password
    return Smarthost(
        host, port, hello, Security(settings.smarthost_security), (username, password) if username else None,
        trusting(settings.smarthost_ca), timeouts, resolver_of(dns) if dns.dnssec != "off" else None,
    )  # fmt: skip


def _endpoint(key: str, text: str) -> tuple[str, int]:
    try:
        found = parse_endpoint(text)
    except ValueError as error:
        raise ConfigError("settings", key, str(error)) from error
    return found.host, found.port


class Outbound:
    """Worker and clock; of a gateway whose route is ``none`` there is no such part."""

    def __init__(self, database: Database, store: MailStore, settings: Settings, base_url: str = "") -> None:
        """`base_url` is that of the pages; empty where there are none. Raises ConfigError."""
        queue, gateway = settings.queue, settings.gateway
        reporter = Reporter(f"postmaster@{settings.directory.domain}", gateway.hostname)
        bounces = Bounces(database, reporter, gateway.language)
        suspensions = Suspensions(database, settings)
        self._counts = TlsCounts(database) if queue.tls_reports and queue.route == "direct" else None
        observe = None if self._counts is None else self._counts.observe
        route = route_of(queue, settings.dns, gateway.hostname, database, observe)
        signer = Signer(database, settings.directory.holds, gateway.hostname)
        forms = Forms(database, Leaving(database, settings, base_url), signer)
        make = partial(
            Sending, database, store, route, schedule_of(queue), bounces, forms, suspensions,
        )  # fmt: skip
        limits = Limits(
            queue.connections, queue.connections_per_destination, queue.messages_per_connection, queue.lease
        )
        self._worker = Worker(database, make, limits)
        self._clock = Clock(database, store, bounces, suspensions, queue.history_days * 86_400)
        self._suspension_notices = SuspensionNotices(database, store, settings)
        self._policies = StoredPolicies(database)
        self._sts = route.sts if isinstance(route, DirectToMx) else None
        self._reporting = None
        if self._counts is not None:
            resolver, submitter = resolver_of(settings.dns), Submitter(settings.directory.domain, reporter.address)
            https = Https(resolver, trusting(queue.direct_ca))
            self._reporting = TlsReporting(database, store, resolver, https, signer, submitter, schedule_of(queue))

    async def start(self) -> None:
        """Begin with what waits already."""
        await self._worker.start()

    async def close(self, grace: float) -> None:
        """Let the messages under way be finished for so many seconds."""
        await self._worker.close(grace)
        if self._counts is not None:
            with contextlib.suppress(DatabaseError):
                await self._counts.flush()

    async def look(self) -> None:
        """What time brings about: notices, the end of what waited too long, reports."""
        await self._clock.look()
        await self._suspension_notices.look()
        if self._counts is not None and self._reporting is not None:
            await self._counts.flush()
            await self._reporting.look()

    async def maintain(self) -> None:
        """The daily upkeep."""
        await self._clock.forget()
        if self._reporting is not None:
            await self._reporting.maintain()
        if self._sts is not None:
            await self._policies.maintain(self._sts, time.time)
