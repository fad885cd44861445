"""The resolver that the settings name."""

from __future__ import annotations

from mailgate.config import ConfigError, Dns
from mailgate.listeners import parse_endpoint
from smtp.resolver import Resolver


def resolver_of(settings: Dns) -> Resolver:
    """One with a cache of its own. Raises ConfigError naming the key."""
    try:
        servers = [parse_endpoint(text) for text in settings.servers]
    except ValueError as error:
        raise ConfigError("settings", "dns.servers", str(error)) from error
    return Resolver([(one.host, one.port) for one in servers], timeout=settings.timeout)
