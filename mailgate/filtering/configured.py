"""The checks of each door, as the settings have them."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.config import Settings
from mailgate.filtering.attachments import Attachments
from mailgate.filtering.authentication import Authentication
from mailgate.filtering.chain import Chain, Guarded
from mailgate.filtering.clamav import Clamav
from smtp.resolver import Resolver


def for_incoming(settings: Settings, resolver: Resolver) -> Chain:
    """For what other servers send."""
    checks = [*_authentication(settings, resolver), *_for_everybody(settings), *_rspamd(settings)]
    return Chain(checks, settings.gateway.language)


def for_submission(settings: Settings) -> Chain:
    """For what people of the schools send."""
    rspamd = _rspamd(settings) if settings.filters.rspamd.submission else ()
    return Chain([*_for_everybody(settings), *rspamd], settings.gateway.language)


def _for_everybody(settings: Settings) -> Iterator[Guarded]:
    """What concerns people inside and outside."""
    language = settings.gateway.language
    own = settings.filters.attachments
    check = Attachments(own.types(), language, archives=own.archives)
    yield Guarded(check, own.timeout, own.on_failure, own.skip_trusted)
    clamav = settings.filters.clamav
    if clamav.server:
        scanner = Clamav(clamav.server, language, max_size=clamav.max_size, too_large=clamav.too_large)
        yield Guarded(scanner, clamav.timeout, clamav.on_failure, clamav.skip_trusted)


def _rspamd(settings: Settings) -> Iterator[Guarded]:
    own = settings.filters.rspamd
    if own.url:
        from mailgate.filtering.rspamd import Rspamd  # noqa: PLC0415 - its HTTP client takes long to import

        check = Rspamd(
            own.url,
            settings.gateway.language,
            hostname=settings.gateway.hostname,
            password=own.password,
            max_size=own.max_size,
        )
        yield Guarded(check, own.timeout, own.on_failure, own.skip_trusted)


def _authentication(settings: Settings, resolver: Resolver) -> Iterator[Guarded]:
    own, gateway = settings.filters.authentication, settings.gateway
    if own.enabled:
        check = Authentication(resolver, own, hostname=gateway.hostname, language=gateway.language)
        yield Guarded(check, own.timeout, own.on_failure, own.skip_trusted)
