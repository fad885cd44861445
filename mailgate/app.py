"""One gateway process: starts the parts in order, stops them in reverse. The only place that knows them all."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec
import structlog

import imap.limits
import smtp.limits
from certs import CertificateFiles, ServerTls
from imap.features import Features
from imap.server import ImapServer
from mailgate.accounts import Accounts
from mailgate.accounts.activation import Activations
from mailgate.accounts.closed_sessions import ClosedSessions
from mailgate.accounts.imap_sign_in import ImapSignIn
from mailgate.config import ConfigError, Settings
from mailgate.database import Database, open_database
from mailgate.delivery.ending import Endings
from mailgate.delivery.incoming import Incoming
from mailgate.delivery.notices import Notices
from mailgate.delivery.submission import Submission
from mailgate.delivery.welcoming import Welcoming
from mailgate.filtering import configured
from mailgate.following.follower import Follower
from mailgate.i18n import ImapTexts
from mailgate.listeners import Listening, Place, UnixSocket, bind_all, direct, name_of, parse_place, rebind
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.links import service_of
from mailgate.naming.site import pages_url, site_of
from mailgate.proxied import ProxiedListeners
from mailgate.queue.outbound import Outbound
from mailgate.resolving import resolver_of
from mailgate.retention import keeping
from mailgate.school_year import clock
from mailgate.statistics.sign_ins import SignIns
from mailgate.statistics.upkeep import upkeep_of
from mailgate.store import MailStore, power_loss
from mailgate.store.search.indexer import Indexer
from mailgate.web import activation, discovery, stopping
from mailgate.web.pages import application
from mailgate.web.server import WebServer
from smtp.lmtp import LmtpServer
from smtp.mx import MxServer
from smtp.submission import SubmissionServer

log = structlog.stdlib.get_logger("mailgate")

MAINTENANCE_INTERVAL = 24 * 3600.0
STATISTICS_INTERVAL = 3600.0
CLOCK_INTERVAL = 60.0
_SMTP = 25


@dataclass(slots=True)
class Sockets:
    """Bound sockets of each kind of listener."""

    imap: list[Listening] = field(default_factory=list)
    imap_starttls: list[Listening] = field(default_factory=list)
    smtp: list[Listening] = field(default_factory=list)
    smtp_starttls: list[Listening] = field(default_factory=list)
    mx: list[Listening] = field(default_factory=list)
    lmtp: list[Listening] = field(default_factory=list)
    web: list[Listening] = field(default_factory=list)

    @classmethod
    def bound(cls, settings: Settings) -> Sockets:
        """Bind everything that the settings name. Raises ConfigError naming the key, OSError naming the address."""
        wanted = {key: _places(settings, key, texts) for key, texts in settings.listeners().items()}
        if not settings.proxy.networks() and any(place.proxied for places in wanted.values() for place in places):
            raise ConfigError("settings", "proxy.trusted", "a listener is for proxies, and none may connect")
        bound = iter(bind_all(itertools.chain(*wanted.values())))
        return cls(*(list(itertools.islice(bound, len(endpoints))) for endpoints in wanted.values()))

    def again(self) -> Sockets:
        """Sockets of one's own at the same addresses: the kernel spreads connections over those that listen."""
        return Sockets(*([rebind(sock) for sock in kind] for kind in self._kinds()))

    def _kinds(self) -> tuple[list[Listening], ...]:
        return self.imap, self.imap_starttls, self.smtp, self.smtp_starttls, self.mx, self.lmtp, self.web


def _places(settings: Settings, key: str, texts: Sequence[str]) -> list[Place]:
    try:
        places = list(map(parse_place, texts))
    except ValueError as error:
        raise ConfigError("settings", key, str(error)) from error
    if key == "web.listen" and any(place.proxied for place in places):
        raise ConfigError("settings", key, "the pages take no PROXY header")
    if key != "lmtp.listen":
        if any(isinstance(place.at, UnixSocket) for place in places):
            raise ConfigError("settings", key, "only LMTP is served on a Unix socket")
        return places
    if any(place.port == _SMTP for place in places):
        raise ConfigError("settings", key, "port 25 is for SMTP (RFC 2033 section 5)")
    mode, group = int(settings.lmtp.socket_mode, 8), settings.lmtp.socket_group
    return [
        replace(place, at=replace(place.at, mode=mode, group=group)) if isinstance(place.at, UnixSocket) else place
        for place in places
    ]


def load_tls(settings: Settings) -> ServerTls:
    """The certificate that the settings name. Raises TlsUnusable."""
    return ServerTls(CertificateFiles(None, settings.tls.certificate, settings.tls.key))


class Gateway:
    """IMAP and submission over one store. `stop` may be called at any time after `start`."""

    def __init__(self, settings: Settings, *, indexes: bool = True) -> None:
        """`indexes`: whether it has the contents that wait for the search index indexed, and follows the sources of the
        directory, or leaves both to another.
        """
        self._settings = settings
        self._indexes = indexes
        self._tls = load_tls(settings)
        self._parts = contextlib.AsyncExitStack()
        self._background: list[asyncio.Task[None]] = []

    async def start(self, sockets: Sockets) -> None:
        """Open the store and serve `sockets`; when this raises, nothing is left running."""
        try:
            await self._start(sockets)
        except BaseException:
            await self.stop()
            raise

    async def _start(self, sockets: Sockets) -> None:
        settings = self._settings
        grace = settings.gateway.stop_grace
        database = await open_database(settings.database.url, pool_size=settings.database.pool_size)
        self._parts.push_async_callback(database.close)
        if await power_loss.begin(database, power_loss.boot_id()):
            log.warning("the machine lost power while the gateway served: numbers go on beyond what may have been seen")
        self._parts.push_async_callback(power_loss.end, database)
        store = MailStore(
            database,
            append_limit=settings.imap.max_message_size,
            server_annotations=settings.imap.server_annotations(),
            sent_history=settings.smtp.sent_history_days * 86_400,
        )
        await store.start()
        self._parts.push_async_callback(store.close)
        if self._indexes:
            await self._start_apart(database)
        accounts = Accounts(database)
        self._parts.callback(accounts.close)

        sign_ins = SignIns(database, settings.gateway.zone())
        self._parts.push_async_callback(sign_ins.close)
        ports = [sock.getsockname()[1] for sock in (*sockets.imap, *sockets.imap_starttls)]
        service = service_of(settings, base_url(settings, sockets.web), next(iter(ports), 0))
        moderation = Moderation(database, store, service, notices=Notices(database, settings))
        imap_server = ImapServer(
            ImapSignIn(accounts, store.account),
            ssl_context=self._tls.context,
            limits=imap_limits(settings),
            features=Features(compress=settings.imap.compress, unauthenticate=settings.imap.unauthenticate),
            catalogue=ImapTexts(settings.gateway.language),
            hostname=settings.gateway.hostname,
            observer=sign_ins,
        )
        resolver = resolver_of(settings.dns)
        sent_by_people, sent_by_servers = (
            configured.for_submission(settings),
            configured.for_incoming(settings, resolver),
        )
        self._parts.push_async_callback(sent_by_people.close)
        self._parts.push_async_callback(sent_by_servers.close)
        handler = Submission(database, store, accounts, settings, moderation, sent_by_people, sign_ins.submitting)
        welcoming = Welcoming(database, store, service, settings.gateway.language)
        submission = SubmissionServer(
            handler,
            self._tls.context,
            hostname=settings.gateway.hostname,
            limits=smtp.limits.Limits(
                message_size=settings.smtp.max_message_size,
                recipients=settings.smtp.max_recipients,
                future_release=settings.smtp.send_later_days * 86_400,
            ),
        )
        incoming = Incoming(database, store, settings, moderation, sent_by_servers, resolver)
        mx = MxServer(
            incoming,
            self._tls.context,
            hostname=settings.gateway.hostname,
            limits=mx_limits(settings),
            trusted=settings.mx.networks(),
            dsn=settings.reports_outside,
        )
        lmtp = LmtpServer(
            incoming,
            self._tls.context,
            hostname=settings.gateway.hostname,
            limits=smtp.limits.Limits(message_size=settings.smtp.max_message_size, hops=settings.mx.received_fields),
            trusted=settings.lmtp.networks(),
            dsn=settings.reports_outside,
        )
        web = self._web(database, moderation, incoming.endings)
        outbound = Outbound(database, store, settings, service.base_url) if settings.queue.route != "none" else None
        # All at once: none takes new clients while the others let their own finish.
        self._parts.push_async_callback(
            lambda: asyncio.gather(
                imap_server.stop(grace),
                submission.stop(grace),
                mx.stop(grace),
                lmtp.stop(grace),
                web.stop(grace),
                *([] if outbound is None else [outbound.close(grace)]),
            )
        )
        proxied = ProxiedListeners(settings.proxy.networks(), settings.proxy.timeout)
        self._parts.push_async_callback(proxied.stop)
        await imap_server.start(direct(sockets.imap), starttls=direct(sockets.imap_starttls))
        await submission.start(direct(sockets.smtp))
        await submission.start(direct(sockets.smtp_starttls), starttls=True)
        await mx.start(direct(sockets.mx), starttls=True)
        await lmtp.start(direct(sockets.lmtp), starttls=True)
        await web.start(sockets.web)
        for kind, server, starttls in (
            (sockets.imap, imap_server, False), (sockets.imap_starttls, imap_server, True),
            (sockets.smtp, submission, False), (sockets.smtp_starttls, submission, True),
            (sockets.mx, mx, True), (sockets.lmtp, lmtp, True),
        ):  # fmt: skip
            proxied.start([sock for sock in kind if sock.proxied], partial(server.adopt, starttls=starttls))

        leavers = keeping.Keeping(settings, database, store)
        self._background = [
            asyncio.create_task(repeat(settings.tls.reload_interval, self._reload_tls)),
            asyncio.create_task(repeat(MAINTENANCE_INTERVAL, store.maintain)),
            asyncio.create_task(repeat(MAINTENANCE_INTERVAL, handler.maintain)),
            asyncio.create_task(repeat(MAINTENANCE_INTERVAL, incoming.maintain)),
            asyncio.create_task(repeat(MAINTENANCE_INTERVAL, moderation.forget)),
            asyncio.create_task(repeat(CLOCK_INTERVAL, sign_ins.flush)),
            asyncio.create_task(repeat(CLOCK_INTERVAL, ClosedSessions(database, imap_server).look)),
            asyncio.create_task(repeat(STATISTICS_INTERVAL, upkeep_of(database, settings).run)),
            *(asyncio.create_task(repeat(keeping.INTERVAL, work)) for work in (leavers.tell, leavers.look)),
            asyncio.create_task(repeat(settings.moderation.interval, moderation.look_at_the_clock)),
            asyncio.create_task(repeat(settings.moderation.interval, welcoming.send_due)),
            asyncio.create_task(repeat(clock.INTERVAL, clock.SwitchClock(database, settings).look)),
        ]
        if outbound is not None:
            await outbound.start()
            self._background += [
                asyncio.create_task(repeat(CLOCK_INTERVAL, outbound.look)),
                asyncio.create_task(repeat(MAINTENANCE_INTERVAL, outbound.maintain)),
            ]
        log.info(
            "serving",
            imap=names(sockets.imap + sockets.imap_starttls),
            smtp=names(sockets.smtp + sockets.smtp_starttls),
            mx=names(sockets.mx),
            lmtp=names(sockets.lmtp),
            web=names(sockets.web),
        )

    async def _start_apart(self, database: Database) -> None:
        """What one process does for all that share the database."""
        for part in (Indexer(database), Follower(self._settings)):
            await part.start()
            self._parts.push_async_callback(part.close)

    def _web(self, database: Database, moderation: Moderation, endings: Endings) -> WebServer:
        """The pages."""
        settings, site = self._settings, site_of(self._settings)
        activations = Activations(database)
        self._parts.callback(activations.close)
        others = [
            *discovery.routes(site, settings.directory.domain, "ENT"),
            *stopping.routes(endings, settings.gateway.language),
            *activation.routes(activations, site, settings.web.help, settings.gateway.language),
        ]
        return WebServer(application(moderation, settings.gateway.language, others), self._tls.context)

    def reload(self) -> None:
        """Look at the certificate files now."""
        self._tls.reload_if_changed()

    async def stop(self) -> None:
        """Finish what runs, tell clients, close the store."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._parts.aclose()

    async def _reload_tls(self) -> None:
        self._tls.reload_if_changed()


def imap_limits(settings: Settings) -> imap.limits.Limits:
    """What one IMAP connection may cost."""
    return imap.limits.Limits(message=settings.imap.max_message_size, **msgspec.structs.asdict(settings.imap.limits))


def mx_limits(settings: Settings) -> smtp.limits.Limits:
    """What other servers may cost."""
    mx = settings.mx
    return smtp.limits.Limits(
        message_size=settings.smtp.max_message_size,
        recipients=mx.recipients,
        recipients_per_connection=mx.recipients_per_connection,
        messages=mx.messages_per_connection,
        connections=mx.connections,
        connections_per_peer=mx.connections_per_address,
        connections_per_network=mx.connections_per_network,
        connection_rate=mx.connections_per_minute,
        message_rate=mx.messages_per_minute,
        recipient_rate=mx.recipients_per_minute,
        bad_commands=mx.errors,
        hops=mx.received_fields,
    )


def names(sockets: Sequence[socket.socket]) -> list[str]:
    """Where each listens, for the log."""
    return list(map(name_of, sockets))


def base_url(settings: Settings, sockets: Sequence[socket.socket]) -> str:
    """Where people find the pages; empty when there are none."""
    return pages_url(settings, sockets[0].getsockname()[1]) if sockets else ""


async def repeat(interval: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` every `interval` seconds for ever; a failure is logged and does not end it."""
    while True:
        await asyncio.sleep(interval)
        try:
            await work()
        except Exception:
            log.exception("background work failed", work=work.__name__)
