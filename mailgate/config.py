"""One typed settings tree: a TOML file, then environment variables; every error names the file and the key.

``MAILGATE_IMAP__LISTEN='["0.0.0.0:993"]'`` overrides the key ``listen`` of the table ``[imap]``. A list is written as
in TOML, a text or a number as it is.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mailgate.policy.attachment_types import AttachmentTypes, parse

ENVIRONMENT_PREFIX = "MAILGATE_"
SECTION_SEPARATOR = "__"

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
FilterSeconds = Annotated[float, Meta(gt=0, le=300)]
"""The client waits for the answer to its message; RFC 5321 section 4.5.3.2.6 has it wait 10 minutes at least."""
OnFailure = Literal["accept", "defer"]
Share = Annotated[float, Meta(gt=0, le=1)]


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(texts: Iterable[str]) -> list[Network]:
    return [ipaddress.ip_network(text) for text in texts]


class ConfigError(Exception):
    """A setting that cannot be used: where it stands, and what would mend it."""

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(f"{source}: {key}: {problem}" if key else f"{source}: {problem}")
        self.source = source
        self.key = key


def _is_loopback(endpoint: str) -> bool:
    try:
        return ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors, since a misspelt limit is no limit."""


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
        return _networks(self.trusted)


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
        return _networks(self.trusted)


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
        return _networks(self.trusted)


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
        return _networks(self.exempt)


class DnsLists(Section, frozen=True):
    weights: dict[str, float] = {}
    threshold: Annotated[float, Meta(gt=0)] = 1.0
    timeout: Seconds = 5.0
    exempt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is no network."""
        self.networks()

    def networks(self) -> list[Network]:
        """Those whose servers are looked up in no list."""
        return _networks(self.exempt)


class Dns(Section, frozen=True):
    servers: tuple[str, ...] = ()
    timeout: Seconds = 15.0
    dnssec: Literal["off", "loopback", "trusted"] = "off"

    def __post_init__(self) -> None:
        """Raises ValueError for answers that would be believed from servers that are not named, or not here."""
        if self.dnssec != "off" and not self.servers:
            raise ValueError("dnssec is on, and no servers are given that validate")
        if self.dnssec == "loopback" and not all(map(_is_loopback, self.servers)):
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


class Accounts(Section, frozen=True):
    quota: NonNegative = 2 * 1024 * 1024 * 1024


class Ldap(Section, frozen=True):
    url: str
    base: str
    bind_dn: str = ""
    bind_password: str = ""
    ca: Path | None = None
    people: str = "ou=people"
    structures: str = "ou=structures"


class Directory(Section, frozen=True):
    academy: str = "demo"
    domain: str = "ent.example.org"
    school_year: Annotated[int, Meta(ge=2000, le=2999)] | None = None
    aaf: Path | None = None
    max_departures: Share = 0.2
    max_departures_new_year: Share = 0.6
    max_list_departures: Share = 0.5
    max_list_departures_new_year: Share = 0.95
    domains: dict[str, str] = {}
    ldap: Ldap | None = None

    def year(self, today: datetime.date) -> int:
        """The first calendar year of the school year: as configured, else the one that `today` falls in."""
        if self.school_year is not None:
            return self.school_year
        return today.year if today.month >= 8 else today.year - 1  # noqa: PLR2004 - schools turn over in August

    def holds(self, address: str) -> bool:
        """Whether an address is in a domain of this gateway: people's, one below it, or one given to a school."""
        domain = address.rpartition("@")[2].lower()
        return domain == self.domain or domain.endswith("." + self.domain) or domain in self.domains.values()


class Shared(Section, frozen=True):
    office: bool = True
    school_life: bool = True
    class_teams: bool = False


class Moderation(Section, frozen=True):
    expiry: Annotated[int, Meta(ge=60, le=30 * 86_400)] = 72 * 3600
    interval: Seconds = 10.0


class Web(Section, frozen=True):
    listen: tuple[str, ...] = ()
    url: Annotated[str, Meta(pattern=r"^(https://[!-~]+[!-.0-~])?$")] = ""


class Log(Section, frozen=True):
    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class AttachmentFilter(Section, frozen=True):
    """The words are those of `mailgate.policy.attachment_types`."""

    forbidden: tuple[str, ...] = ("default",)
    archives: bool = True
    skip_trusted: bool = False
    timeout: FilterSeconds = 30.0
    on_failure: OnFailure = "defer"

    def __post_init__(self) -> None:
        """Raises ValueError for a word that names no type."""
        self.types()

    def types(self) -> AttachmentTypes:
        """What is not let through, unless a school says otherwise."""
        return parse(self.forbidden)


class AuthenticationFilter(Section, frozen=True):
    """SPF, DKIM, ARC and DMARC of what comes from other servers."""

    enabled: bool = True
    spf_fail: Literal["accept", "junk", "refuse"] = "accept"
    trusted_sealers: tuple[str, ...] = ()
    admitted_results: tuple[str, ...] = ()
    skip_trusted: bool = True
    timeout: FilterSeconds = 30.0
    on_failure: OnFailure = "accept"

    def sealers(self) -> frozenset[str]:
        """The domains of trusted sealers, in small letters."""
        return frozenset(one.lower() for one in self.trusted_sealers)

    def admitted(self) -> frozenset[str]:
        """The identifiers of servers whose results stay, in small letters."""
        return frozenset(one.lower() for one in self.admitted_results)


class ClamavFilter(Section, frozen=True):
    server: Annotated[str, Meta(pattern=r"^(/.+|.+:[0-9]{1,5})?$")] = ""
    max_size: Positive = 25 * 1024 * 1024
    too_large: Literal["accept", "refuse"] = "accept"
    skip_trusted: bool = False
    timeout: FilterSeconds = 60.0
    on_failure: OnFailure = "defer"


class RspamdFilter(Section, frozen=True):
    url: Annotated[str, Meta(pattern=r"^(https?://[!-~]+)?$")] = ""
    password: str = ""
    submission: bool = False
    max_size: Positive = 10 * 1024 * 1024
    skip_trusted: bool = True
    timeout: FilterSeconds = 20.0
    on_failure: OnFailure = "accept"


class Filters(Section, frozen=True):
    authentication: AuthenticationFilter = AuthenticationFilter()
    attachments: AttachmentFilter = AttachmentFilter()
    clamav: ClamavFilter = ClamavFilter()
    rspamd: RspamdFilter = RspamdFilter()


class Settings(Section, frozen=True):
    """Everything an operator can set; the defaults are those of ``mailgate config example``."""

    gateway: Gateway = Gateway()
    database: Database = Database()
    tls: Tls = Tls()
    imap: Imap = Imap()
    smtp: Smtp = Smtp()
    mx: Mx = Mx()
    greylisting: Greylisting = Greylisting()
    dns_lists: DnsLists = DnsLists()
    lmtp: Lmtp = Lmtp()
    proxy: Proxy = Proxy()
    queue: Queue = Queue()
    dns: Dns = Dns()
    filters: Filters = Filters()
    accounts: Accounts = Accounts()
    directory: Directory = Directory()
    shared: Shared = Shared()
    moderation: Moderation = Moderation()
    web: Web = Web()
    log: Log = Log()

    @property
    def reports_outside(self) -> bool:
        """Whether writers outside get the reports that they ask for: DSN is offered then."""
        return self.mx.dsn and self.queue.route != "none"

    def listeners(self) -> dict[str, tuple[str, ...]]:
        """Every ``host:port`` to listen on, by the key that names it."""
        return {
            "imap.listen": self.imap.listen,
            "imap.listen_starttls": self.imap.listen_starttls,
            "smtp.listen": self.smtp.listen,
            "smtp.listen_starttls": self.smtp.listen_starttls,
            "mx.listen": self.mx.listen,
            "lmtp.listen": self.lmtp.listen,
            "web.listen": self.web.listen,
        }


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `path` (defaults alone when None), then the environment. Raises ConfigError."""
    tree: dict[str, Any] = {}
    source = "defaults"
    if path is not None:
        source = str(path)
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(source, "", "no such file; `mailgate config example` prints one to start from") from None
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(source, "", f"cannot be read: {exc}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(source, "", f"is not valid TOML: {exc}") from exc
    overridden = _overlay(tree, environment)
    try:
        return decode(tree)
    except msgspec.ValidationError as exc:
        key, problem = _explain(str(exc))
        variable = next((name for name, where in overridden.items() if _concerns(key, where)), None)
        raise ConfigError(f"environment variable {variable}" if variable else source, key, problem) from exc


def decode(tree: dict[str, Any]) -> Settings:
    """Check a parsed file. Raises msgspec.ValidationError."""
    return msgspec.convert(tree, Settings, strict=False, dec_hook=lambda kind, value: kind(value))


def _overlay(tree: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Write the environment's values into `tree`; give the dotted key of each variable used."""
    used: dict[str, str] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or SECTION_SEPARATOR not in name:
            continue
        path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split(SECTION_SEPARATOR)
        table = tree
        for step in path[:-1]:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise ConfigError(f"environment variable {name}", ".".join(path), f"`{step}` is not a table")
        table[path[-1]] = _toml_value(text)
        used[name] = ".".join(path)
    return used


def _toml_value(text: str) -> object:
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    # The setting's type says whether 1234 is a number or somebody's password.
    return value if isinstance(value, str | list | dict) else text


def _concerns(key: str, where: str) -> bool:
    """Whether a problem at `key` may come from what was set at `where`: it, something in it, or the table it is in."""
    steps = zip(key.partition("[")[0].split("."), where.split("."), strict=False)
    return all(one == other for one, other in steps)


def _explain(message: str) -> tuple[str, str]:
    """Split msgspec's message into the dotted key and the problem."""
    problem, _, where = message.partition(" - at `$.")
    key = where.rstrip("`")
    if field := re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", problem):
        key = f"{key}.{field[2]}" if key else field[2]
        if field[1] == "missing required":
            return key, "is required"
        return key, "no such setting; `mailgate config example` lists them all"
    return key, problem[0].lower() + problem[1:]


def example() -> str:
    """A complete commented file, holding every key with its default."""
    return resources.files("mailgate").joinpath("config_example.toml").read_text(encoding="utf-8")
