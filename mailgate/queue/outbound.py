"""The outbound queue of a gateway process, as the settings have it: a way out, a worker, a clock."""

from __future__ import annotations

import ssl
from functools import partial

from mailgate.config import ConfigError, Dns, Queue, Settings
from mailgate.database import Database
from mailgate.delivery.reports import Reporter
from mailgate.listeners import parse_endpoint
from mailgate.queue.bounces import Bounces
from mailgate.queue.clock import Clock
from mailgate.queue.leaving import Leaving
from mailgate.queue.schedule import Schedule
from mailgate.queue.sending import Sending
from mailgate.queue.suspending import Suspensions
from mailgate.queue.worker import Limits, Worker
from mailgate.resolving import resolver_of
from mailgate.store import MailStore
from smtp.client.connection import Timeouts
from smtp.client.routes import DirectToMx, Route, Smarthost
from smtp.client.tls import Security


def schedule_of(settings: Queue) -> Schedule:
    """When something is tried again."""
    return Schedule(settings.pauses, settings.expiry, settings.delay_notice)


def route_of(settings: Queue, dns: Dns, hello: str) -> Route:
    """The way out. Raises ConfigError naming the key, OSError for a file that cannot be read."""
    patience = settings.answer_timeout
    timeouts = Timeouts(settings.connect_timeout, patience, patience, patience, settings.final_timeout)
    if settings.route == "direct":
        return DirectToMx(resolver_of(dns), hello, settings.direct_port, timeouts=timeouts)
    host, port = _endpoint("queue.smarthost", settings.smarthost)
    username, password = settings.smarthost_username, settings.smarthost_password
    return Smarthost(
        host, port, hello, Security(settings.smarthost_security), (username, password) if username else None,
        ssl.create_default_context(cafile=settings.smarthost_ca), timeouts,
    )  # fmt: skip


def _endpoint(key: str, text: str) -> tuple[str, int]:
    try:
        found = parse_endpoint(text)
    except ValueError as error:
        raise ConfigError("settings", key, str(error)) from error
    return found.host, found.port


class Outbound:
    """Worker and clock; of a gateway whose route is ``none`` there is no such part."""

    def __init__(self, database: Database, store: MailStore, settings: Settings) -> None:
        """Raises ConfigError."""
        queue, gateway = settings.queue, settings.gateway
        reporter = Reporter(f"postmaster@{settings.directory.domain}", gateway.hostname)
        bounces = Bounces(database, reporter, gateway.language)
        suspensions = Suspensions(database, settings)
        make = partial(
            Sending, database, store, route_of(queue, settings.dns, gateway.hostname), schedule_of(queue), bounces,
            Leaving(database, settings), suspensions,
        )  # fmt: skip
        limits = Limits(
            queue.connections, queue.connections_per_destination, queue.messages_per_connection, queue.lease
        )
        self._worker = Worker(database, make, limits)
        self.clock = Clock(database, store, bounces, suspensions, queue.history_days * 86_400)

    async def start(self) -> None:
        """Begin with what waits already."""
        await self._worker.start()

    async def close(self, grace: float) -> None:
        """Let the messages under way be finished for so many seconds."""
        await self._worker.close(grace)
