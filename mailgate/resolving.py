"""The resolver, as the settings have it."""

from __future__ import annotations

from mailgate.config import ConfigError, Dns
from mailgate.listeners import parse_endpoint
from smtp.resolver import Resolver


def resolver_of(settings: Dns) -> Resolver:
    """One for this process. Raises ConfigError for a name server that is not ``host:port``."""
    try:
        servers = [parse_endpoint(text) for text in settings.servers]
    except ValueError as error:
        raise ConfigError("settings", "dns.servers", str(error)) from error
    return Resolver([(one.host, one.port) for one in servers], timeout=settings.timeout)
