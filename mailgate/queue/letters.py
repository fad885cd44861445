"""Letters of the service about what goes outside for people; programs are not to answer them (RFC 3834)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from mailgate.config import Settings
from mailgate.i18n import Language, translator


def write(settings: Settings, language: Language, subject: str, text: str, to: str = "") -> bytes:
    """A whole message in ASCII, from the postmaster; `subject` is translated, `to` empty for several readers."""
    translate = translator(language)
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(translate(_("The school’s mail")), "postmaster", settings.directory.domain)
    made["To"] = to or "undisclosed-recipients:;"
    made["Subject"] = translate(subject)
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=settings.gateway.hostname)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text + "\n", charset="utf-8", cte="quoted-printable")
    return made.as_bytes()


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
