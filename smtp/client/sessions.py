"""What came of TLS with the servers of a destination: what reports to it are made of (RFC 8460)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from smtp.client.tls import TlsFailure


class PolicyType(StrEnum):
    """By what a session was judged (RFC 8460 section 4.4)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


@dataclass(frozen=True, slots=True)
class Judged:
    """The policy that was applied."""

    type: PolicyType = PolicyType.NONE
    lines: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """The mx of an MTA-STS policy."""


@dataclass(frozen=True, slots=True)
class TlsSession:
    """One session, or an attempt at one, with a server of a domain; `failure` None: there was TLS as it was wanted."""

    domain: str
    judged: Judged
    host: str = ""
    address: str = ""
    failure: TlsFailure | None = None
    reason: str = ""


Observer = Callable[[TlsSession], None]
"""Told of every session; it must not wait."""
