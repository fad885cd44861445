"""The checks of each door, as the settings have them."""

from __future__ import annotations

from mailgate.config import Settings
from mailgate.filtering.attachments import Attachments
from mailgate.filtering.authentication import Authentication
from mailgate.filtering.chain import Chain, Guarded
from smtp.resolver import Resolver


def for_incoming(settings: Settings, resolver: Resolver) -> Chain:
    """For what other servers send."""
    checks = [_attachments(settings)]
    if settings.filters.authentication.enabled:
        checks.insert(0, _authentication(settings, resolver))
    return Chain(checks, settings.gateway.language)


def for_submission(settings: Settings) -> Chain:
    """For what people of the schools send."""
    return Chain([_attachments(settings)], settings.gateway.language)


def _attachments(settings: Settings) -> Guarded:
    own = settings.filters.attachments
    check = Attachments(own.types(), settings.gateway.language, archives=own.archives)
    return Guarded(check, own.timeout, own.on_failure, own.skip_trusted)


def _authentication(settings: Settings, resolver: Resolver) -> Guarded:
    own, gateway = settings.filters.authentication, settings.gateway
    check = Authentication(resolver, own, hostname=gateway.hostname, language=gateway.language)
    return Guarded(check, own.timeout, own.on_failure, own.skip_trusted)
