"""The gateway itself: store, certificate, IMAP, accounts, pages, log."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from mailgate.config.values import (
    NonNegative,
    Positive,
    Seconds,
    Section,
)


class Gateway(Section, frozen=True):
    hostname: str = "localhost"
    language: Literal["fr", "en"] = "fr"
    time_zone: str = "Europe/Paris"
    workers: NonNegative = 0
    stop_grace: Seconds = 20.0

    def __post_init__(self) -> None:
        """Raises ValueError for a time zone that the system does not know."""
        self.zone()

    def zone(self) -> zoneinfo.ZoneInfo:
        """In which people read times."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(f"{self.time_zone!r} is no time zone of this system") from error


class Database(Section, frozen=True):
    url: str = "sqlite:////var/lib/mailgate/mailgate.db"
    pool_size: Positive = 10


class Tls(Section, frozen=True):
    certificate: Path = Path("/etc/mailgate/tls/fullchain.pem")
    key: Path = Path("/etc/mailgate/tls/privkey.pem")
    reload_interval: Seconds = 60.0


class ImapLimits(Section, frozen=True):
    """`imap.limits.Limits` by the same names, but for ``message``, which is ``imap.max_message_size``.

    The least values are those that RFC 9051 section 5.4, RFC 7162 section 4 and RFC 5464 section 4.1 ask for, or that
    a command needs.
    """

    line: Annotated[int, Meta(ge=8_192)] = 65_536
    command: Annotated[int, Meta(ge=8_192)] = 262_144
    literal: Annotated[int, Meta(ge=4_096)] = 65_536
    annotation: Annotated[int, Meta(ge=1_024)] = 16_384
    append: Positive = 250 * 1024 * 1024
    swallow: NonNegative = 200 * 1024 * 1024
    spool: Positive = 1024 * 1024
    line_before_sign_in: Annotated[int, Meta(ge=1_024)] = 8_192
    literal_before_sign_in: Annotated[int, Meta(ge=255)] = 4_096
    octets_before_sign_in: Annotated[int, Meta(ge=4_096)] = 65_536
    commands_before_sign_in: Annotated[int, Meta(ge=5)] = 50
    strangers: Positive = 2_000
    failed_sign_ins: Positive = 5
    bad_commands: Positive = 20
    sign_in_timeout: Seconds = 60.0
    autologout: Annotated[float, Meta(ge=30 * 60, le=86_400)] = 31 * 60.0
    literal_timeout: Seconds = 300.0
    write_timeout: Seconds = 120.0
    notifications: Positive = 10_000
    update_contexts: Positive = 8
    sorted_results: NonNegative = 20_000
    backlog: Annotated[int, Meta(ge=16_384)] = 131_072
    progress_interval: Seconds = 10.0


class Imap(Section, frozen=True):
    listen: tuple[str, ...] = ("0.0.0.0:993", "[::]:993")
    listen_starttls: tuple[str, ...] = ()
    max_message_size: Positive = 50 * 1024 * 1024
    compress: bool = True
    unauthenticate: bool = True
    limits: ImapLimits = ImapLimits()
    comment: str = ""
    admin: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9+.-]*:[!-~]+)?$")] = ""

    def server_annotations(self) -> dict[str, bytes]:
        """What the server says of itself by METADATA (RFC 5464 section 3.2.1.1)."""
        said = {"/shared/comment": self.comment, "/shared/admin": self.admin}
        return {entry: text.encode() for entry, text in said.items() if text}


class Accounts(Section, frozen=True):
    quota: NonNegative = 2 * 1024 * 1024 * 1024
    activation_days: Annotated[int, Meta(ge=1, le=366)] = 60


class Shared(Section, frozen=True):
    office: bool = True
    school_life: bool = True
    class_teams: bool = False


class Moderation(Section, frozen=True):
    expiry: Annotated[int, Meta(ge=60, le=30 * 86_400)] = 72 * 3600
    interval: Seconds = 10.0


class Statistics(Section, frozen=True):
    months: Positive = 36
    smallest: NonNegative = 5


class Web(Section, frozen=True):
    listen: tuple[str, ...] = ()
    url: Annotated[str, Meta(pattern=r"^(https://[!-~]+[!-.0-~])?$")] = ""
    help: Annotated[str, Meta(pattern=r"^(https?://[!-~]+)?$")] = ""


class Log(Section, frozen=True):
    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
