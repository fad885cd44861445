"""Reports on TLS (RFC 8460): to whom a domain wants them sent, what is in them, and the message that carries one."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from smtp.addresses import parse_addresses
from smtp.client.sessions import Judged, PolicyType

DAY: Final = 86_400
MOST_DESTINATIONS: Final = 5
"""Destinations of one domain that are looked at."""
MOST_FAILURES: Final = 1_000
"""Details of failures in one report."""

_UNFOLDED: Final = SMTP.clone(max_line_length=990)
"""A file name that is cut up as RFC 2231 has it is one that not every program finds."""
_FIELD: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where reports are wanted: addresses of mail, and URLs."""

    mail: tuple[str, ...] = ()
    https: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether they are wanted at all."""
        return bool(self.mail or self.https)


def destinations(texts: Sequence[bytes]) -> Destinations:
    """What the TXT records of ``_smtp._tls`` say (section 3)."""
    records = [one for one in texts if re.match(rb"v=TLSRPTv1[ \t]*;", one)]
    if len(records) != 1 or not records[0].isascii():
        return Destinations()
    uris: list[str] = []
    for one in re.split(r"[ \t]*;[ \t]*", records[0].decode("ascii"))[1:]:
        match = _FIELD.fullmatch(one.strip(" \t"))
        if match is not None and match[1] == "rua" and not uris:
            uris = re.split(r"[ \t]*,[ \t]*", match[2])[:MOST_DESTINATIONS]
    mail = [address for uri in uris if (address := _mailto(uri))]
    return Destinations(tuple(dict.fromkeys(mail)), tuple(uri for uri in uris if _is_url(uri)))


def _mailto(uri: str) -> str:
    """The address of a mailto URI (RFC 6068); empty for anything else."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return ""
    try:
        [found] = parse_addresses(unquote(rest.partition("?")[0], errors="strict"))
    except (ValueError, UnicodeError):
        return ""
    return found if found.isascii() and found.isprintable() else ""


def _is_url(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port in {None, 443} and not parts.username
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Counted:
    """Sessions with one server that were judged alike and came to the same; `result` is empty for success."""

    judged: Judged
    result: str
    host: str
    address: str
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports."""

    organization: str
    contact: str
    """An address of the domain that signs."""

    @property
    def domain(self) -> str:
        """As the report names it (section 5.3)."""
        return self.contact.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class TlsReport:
    """The report on one day (UTC, as days since the epoch) to one domain."""

    submitter: Submitter
    domain: str
    day: int
    counted: Sequence[Counted]
    local: Mapping[str, str] = field(default_factory=dict)
    """By the address of a server, the one of ours that it was talked to from."""

    @property
    def report_id(self) -> str:
        """The same for each attempt, so that a second copy is known to be one."""
        return f"{self.day * DAY}.{self.domain}@{self.submitter.domain}"

    @property
    def file_name(self) -> str:
        """Section 5.1."""
        return f"{self.submitter.domain}!{self.domain}!{self.day * DAY}!{self.day * DAY + DAY - 1}.json.gz"

    def packed(self) -> bytes:
        """Section 4.4, by gzip."""
        start, end = (
            datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for at in (self.day * DAY, self.day * DAY + DAY - 1)
        )
        by_policy: dict[Judged, list[Counted]] = {}
        for one in self.counted:
            by_policy.setdefault(one.judged, []).append(one)
        found = {
            "organization-name": self.submitter.organization,
            "date-range": {"start-datetime": start, "end-datetime": end},
            "contact-info": self.submitter.contact,
            "report-id": self.report_id,
            "policies": [self._policy(judged, some) for judged, some in by_policy.items()],
        }
        return gzip.compress(json.dumps(found).encode("ascii"), mtime=0)

    def _policy(self, judged: Judged, counted: Sequence[Counted]) -> Mapping[str, Any]:
        policy: dict[str, Any] = {"policy-type": judged.type.value, "policy-domain": self.domain}
        if judged.type is not PolicyType.NONE:
            policy["policy-string"] = list(judged.lines)
        if judged.patterns:
            policy["mx-host"] = list(judged.patterns)
        failures = [one for one in counted if one.result]
        return {
            "policy": policy,
            "summary": {
                "total-successful-session-count": sum(one.number for one in counted if not one.result),
                "total-failure-session-count": sum(one.number for one in failures),
            },
            "failure-details": [self._failure(one) for one in failures[:MOST_FAILURES]],
        }

    def _failure(self, one: Counted) -> dict[str, Any]:
        named = {
            "sending-mta-ip": self.local.get(one.address, ""), "receiving-mx-hostname": one.host,
            "receiving-ip": one.address, "failure-reason-code": one.reason,
        }  # fmt: skip
        found: dict[str, Any] = {"result-type": one.result, **{key: value for key, value in named.items() if value}}
        return {**found, "failed-session-count": one.number}

    def message(self, to: Sequence[str], words: str, now: datetime) -> bytes:
        """The message that carries it (section 5.3); TLS-Required has it go whatever is wrong with TLS (RFC 8689)."""
        made = MIMEMultipart("report", report_type="tlsrpt", policy=_UNFOLDED)
        made["From"] = self.submitter.contact
        made["To"] = ", ".join(to)
        subject = f"Report Domain: {self.domain} Submitter: {self.submitter.domain} Report-ID: <{self.report_id}>"
        made["Subject"] = subject
        made["Date"] = format_datetime(now)
        made["Message-ID"] = f"<tlsrpt.{self.report_id}>"
        made["TLS-Report-Domain"] = self.domain
        made["TLS-Report-Submitter"] = self.submitter.domain
        made["TLS-Required"] = "No"
        made["Auto-Submitted"] = "auto-generated"
        made.attach(MIMEText(words, "plain", "us-ascii"))
        part = MIMEApplication(self.packed(), "tlsrpt+gzip", policy=_UNFOLDED)
        part["Content-Disposition"] = f'attachment; filename="{self.file_name}"'
        made.attach(part)
        return made.as_bytes(policy=_UNFOLDED)
