"""Delivery status notifications (RFC 3464) in multipart/report (RFC 6522): words for people, fields for programs, and
what the message was.
"""

from __future__ import annotations

import email.message
import email.policy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, make_msgid

from mailgate.i18n import Language, translator


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: the address that reports come from, and this server's name."""

    address: str
    hostname: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The message that a report is about; `whole` is all of it where that is wanted, else its header goes along."""

    header: bytes
    message_id: str
    envelope_id: str | None = None
    arrived_at: int | None = None
    whole: bytes | None = None
    future: str = ""
    """What its writer asked for who wanted it to be sent later (RFC 4865 section 5.1.2)."""

    @property
    def subject(self) -> str:
        """On one line, cut."""
        parsed = email.message_from_bytes(self.header, policy=email.policy.default)
        return " ".join(str(parsed.get("Subject", "")).split())[:200]


def report(
    reporter: Reporter,
    language: Language,
    to: str,
    message: Reported,
    subject: str,
    words: str,
    recipients: Sequence[Mapping[str, str]],
) -> bytes:
    """A whole report, with the null reverse path on top; `subject` may hold ``{subject}``, that of the message.

    `recipients` are the fields of each recipient (RFC 3464 section 2.3).
    """
    translate = translator(language)
    now = format_datetime(datetime.now(UTC))
    made = MIMEMultipart("report", report_type="delivery-status", policy=email.policy.SMTP)
    made["From"] = formataddr((translate(_("Delivery reports")), reporter.address), "utf-8")
    made["To"] = to
    made["Subject"] = Header(subject.format(subject=message.subject), "utf-8").encode()
    made["Date"] = now
    made["Message-ID"] = make_msgid(domain=reporter.hostname)
    if message.message_id:
        made["In-Reply-To"] = made["References"] = message.message_id
    made["Auto-Submitted"] = "auto-replied"
    made.attach(MIMEText(words, "plain", "utf-8"))
    for part in for_programs(reporter, message, recipients):
        made.attach(part)
    return b"Return-Path: <>\r\n" + made.as_bytes(policy=email.policy.SMTP)


def for_programs(
    reporter: Reporter, message: Reported, recipients: Sequence[Mapping[str, str]]
) -> tuple[email.message.Message, email.message.Message]:
    """The second and the third part of a report (RFC 6522 section 3): what became of it, and what it was."""
    at = datetime.now(UTC) if message.arrived_at is None else datetime.fromtimestamp(message.arrived_at, UTC)
    of_client = {"Original-Envelope-Id": printable(message.envelope_id)} if message.envelope_id else {}
    of_message = {
        **of_client,
        "Reporting-MTA": f"dns; {reporter.hostname}",
        "Arrival-Date": format_datetime(at),
        **({"Future-Release-Request": message.future} if message.future else {}),
    }
    status = MIMEBase("message", "delivery-status")
    status.set_payload([_fields(one) for one in (of_message, *recipients)])
    return status, _returned(message)


def _returned(message: Reported) -> email.message.Message:
    if message.whole is None:
        return MIMEText(message.header.decode("utf-8", "replace"), "rfc822-headers", "utf-8")
    part = MIMEBase("message", "rfc822")
    part.set_payload([email.message_from_bytes(message.whole, policy=email.policy.compat32)])
    return part


def printable(text: str) -> str:
    """What a client chose; what is not printable ASCII is written as in RFC 3461 section 4."""
    return "".join(c if " " <= c <= "~" else "".join(f"+{octet:02X}" for octet in c.encode()) for c in text)


def _fields(values: Mapping[str, str]) -> email.message.Message:
    found = email.message.Message(policy=email.policy.SMTP)
    for name, value in values.items():
        found[name] = value
    return found


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
