"""Kinds of values, and what every table of the settings is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
FilterSeconds = Annotated[float, Meta(gt=0, le=300)]
"""The client waits for the answer to its message; RFC 5321 section 4.5.3.2.6 has it wait 10 minutes at least."""
OnFailure = Literal["accept", "defer"]
Share = Annotated[float, Meta(gt=0, le=1)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Iterable[str]) -> list[Network]:
    """Networks as their texts say. Raises ValueError."""
    return [ipaddress.ip_network(text) for text in texts]


def is_loopback(endpoint: str) -> bool:
    """Whether ``host:port`` is on this machine."""
    try:
        return ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors, since a misspelt limit is no limit."""
