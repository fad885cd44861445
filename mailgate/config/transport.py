"""Mail on its way in and out: submission, the exchanger, LMTP, the queue, names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mailgate.config.values import (
    Network,
    NonNegative,
    Positive,
    Seconds,
    Section,
    is_loopback,
    networks,
)


class Smtp(Section, frozen=True):
    listen: tuple[str, ...] = ("0.0.0.0:465", "[::]:465")
    listen_starttls: tuple[str, ...] = ()
    max_message_size: Positive = 50 * 1024 * 1024
    max_recipients: Positive = 500
    keep_sent: bool = True
    send_later_days: Annotated[int, Meta(ge=0, le=3_650)] = 60
    send_later_messages: Positive = 50
    send_later_size: Positive = 200 * 1024 * 1024
    sent_history_days: Positive = 400


class Proxy(Section, frozen=True):
    trusted: tuple[str, ...] = ()
    timeout: Seconds = 5.0

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        self.networks()

    def networks(self) -> list[Network]:
        """Where proxies are."""
        return networks(self.trusted)


class Mx(Section, frozen=True):
    """Limits are for each worker process; those of `smtp.limits.Limits` that have no name here are as it has them."""

    listen: tuple[str, ...] = ()
    recipients: Positive = 100
    recipients_per_connection: Positive = 1_000
    messages_per_connection: Positive = 100
    connections: Positive = 1_000
    connections_per_address: Positive = 20
    connections_per_network: Positive = 100
    connections_per_minute: Positive = 120
    messages_per_minute: Positive = 300
    recipients_per_minute: Positive = 1_000
    errors: Positive = 20
    mta_sts: Literal["none", "testing", "enforce"] = "testing"
    received_fields: Annotated[int, Meta(ge=20)] = 50
    known_senders: bool = False
    dsn: bool = True
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        self.networks()

    def networks(self) -> list[Network]:
        """Those for which limits are lifted."""
        return networks(self.trusted)


class Lmtp(Section, frozen=True):
    listen: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    socket_mode: Annotated[str, Meta(pattern="^[0-7]{3}$")] = "660"
    socket_group: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        self.networks()

    def networks(self) -> list[Network]:
        """Those of the servers in front."""
        return networks(self.trusted)


class Greylisting(Section, frozen=True):
    enabled: bool = False
    delay: NonNegative = 60
    window: Positive = 86_400
    memory: Annotated[int, Meta(ge=7 * 86_400)] = 36 * 86_400
    exempt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network, and where nobody could come back in time."""
        self.networks()
        if self.delay >= self.window:
            raise ValueError("window must be longer than delay")

    def networks(self) -> list[Network]:
        """Those whose servers need not come back."""
        return networks(self.exempt)


class DnsLists(Section, frozen=True):
    weights: dict[str, float] = msgspec.field(default_factory=dict)
    threshold: Annotated[float, Meta(gt=0)] = 1.0
    timeout: Seconds = 5.0
    exempt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        self.networks()

    def networks(self) -> list[Network]:
        """Those whose servers are looked up in no list."""
        return networks(self.exempt)


class Dns(Section, frozen=True):
    servers: tuple[str, ...] = ()
    timeout: Seconds = 15.0
    dnssec: Literal["off", "loopback", "trusted"] = "off"

    def __post_init__(self) -> None:
        """Raises ValueError for answers that would be believed from servers that are not named, or not here."""
        if self.dnssec != "off" and not self.servers:
            raise ValueError("dnssec is on, and no servers are given that validate")
        if self.dnssec == "loopback" and not all(map(is_loopback, self.servers)):
            raise ValueError("dnssec is loopback, and a server is not on this machine: say trusted if the way is safe")


class Queue(Section, frozen=True):
    route: Literal["none", "smarthost", "direct"] = "none"
    smarthost: str = ""
    smarthost_security: Literal["starttls", "tls", "opportunistic", "none"] = "starttls"
    smarthost_username: str = ""
    smarthost_password: str = ""
    smarthost_ca: Path | None = None
    direct_port: Annotated[int, Meta(ge=1, le=65_535)] = 25
    direct_ca: Path | None = None
    mta_sts: bool = True
    tls_reports: bool = False
    connections: Positive = 50
    connections_per_destination: Positive = 5
    messages_per_connection: Positive = 100
    pauses: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (300, 900, 1_800, 3_600, 7_200, 14_400)
    expiry: Positive = 4 * 86_400
    delay_notice: NonNegative = 4 * 3_600
    lease: Annotated[int, Meta(ge=10, le=3_600)] = 120
    connect_timeout: Seconds = 30.0
    answer_timeout: Seconds = 300.0
    final_timeout: Seconds = 600.0
    history_days: NonNegative = 30
    suspend_after: Positive = 3
    suspend_days: Positive = 30

    def __post_init__(self) -> None:
        """Raises ValueError for a way out that is not complete."""
        if self.route == "smarthost" and not self.smarthost:
            raise ValueError("route is smarthost, and no smarthost is given (host:port)")
