"""Messages that the service writes: headers, a text for every program, the same with buttons for a phone, a message.

Programs are not to answer them: Auto-Submitted (RFC 3834 section 5), a null reverse path, and a Reply-To at which
nothing is decided by itself when an absent person's program answers all the same.
"""

from __future__ import annotations

import html
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.policy import SMTP
from email.utils import format_datetime
from typing import IO, Final

from mailgate.delivery.reports import for_programs
from mailgate.moderation.held import SPOOL_MEMORY, HeldMessage
from mailgate.moderation.links import Service
from mailgate.moderation.telling import Failure

_BUTTON: Final = (
    "display:inline-block;margin:4px 8px 4px 0;padding:12px 20px;border-radius:6px;color:#fff;"
    "text-decoration:none;font-weight:bold;background:{colour}"
)
_ATTACHED: Final = (
    b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"
    b'Content-Disposition: attachment; filename="message.eml"\r\n\r\n'
)


@dataclass(frozen=True, slots=True)
class Button:
    """A link with what it does."""

    text: str
    url: str
    colour: str = "#1f5fa8"


@dataclass(frozen=True, slots=True)
class Letter:
    """What one message says; paragraphs are plain text, a line end in them is kept."""

    title: str
    """Who speaks: the name in From."""
    subject: str
    paragraphs: Sequence[str]
    buttons: Sequence[Button] = ()
    closing: Sequence[str] = ()
    """Paragraphs below the buttons."""
    in_reply_to: str = ""
    reply_to: str = ""
    """Where an answer goes; empty: to the service."""
    message_id: str = field(default_factory=lambda: secrets.token_hex(16))
    """Its local part."""


def write(
    letter: Letter,
    service: Service,
    held: HeldMessage,
    to: str,
    original: IO[bytes] | None = None,
    failure: Failure | None = None,
) -> IO[bytes]:
    """The whole message, rewound; the caller closes it. `original` is read from its start. With a `failure` it is a
    report (RFC 6522), whose first part is the letter.

    The message attached is not changed, not even its transfer encodings: nothing here leaves for another server.
    """
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_MEMORY)  # noqa: SIM115 - the caller closes it
    spool.write(b"Return-Path: <>\r\n")
    words = _words(letter)
    if failure is not None:
        spool.write(_report(words, letter, service, held, to, failure))
    elif original is None:
        _address(words, letter, service, held, to)
        spool.write(words.as_bytes(policy=SMTP))
    else:
        headers = EmailMessage(policy=SMTP)
        _address(headers, letter, service, held, to)
        boundary = f"=_{secrets.token_hex(16)}"
        headers["MIME-Version"] = "1.0"
        headers["Content-Type"] = f'multipart/mixed; boundary="{boundary}"'
        spool.write(_head(headers) + b"--%s\r\n" % boundary.encode())
        spool.write(words.as_bytes(policy=SMTP))
        spool.write(b"\r\n--%s\r\n" % boundary.encode())
        spool.write(_ATTACHED)
        original.seek(0)
        shutil.copyfileobj(original, spool)
        spool.write(b"\r\n--%s--\r\n" % boundary.encode())
    spool.seek(0)
    return spool


def _report(
    words: EmailMessage, letter: Letter, service: Service, held: HeldMessage, to: str, failure: Failure
) -> bytes:
    made = MIMEMultipart("report", report_type="delivery-status", policy=SMTP)
    _address(made, letter, service, held, to, "auto-replied")
    del words["MIME-Version"]
    for part in (words, *for_programs(failure.reporter, failure.message, [failure.recipient])):
        made.attach(part)
    return made.as_bytes(policy=SMTP)


def _head(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _address(
    message: Message, letter: Letter, service: Service, held: HeldMessage, to: str, automatic: str = "auto-generated"
) -> None:
    message["From"] = str(Address(letter.title, addr_spec=service.address))
    message["To"] = str(Address(addr_spec=to)) if to else "undisclosed-recipients:;"
    if letter.reply_to:
        message["Reply-To"] = letter.reply_to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{letter.message_id}@{service.hostname}>"
    thread = service.thread(held)
    if letter.in_reply_to:
        message["In-Reply-To"] = letter.in_reply_to
    message["References"] = f"{letter.in_reply_to} {thread}".strip()
    if held.kind == "list":
        message["List-Id"] = f"<{held.target.replace('@', '.')}>"
    message["Auto-Submitted"] = automatic


def _words(letter: Letter) -> EmailMessage:
    links = [f"{button.text}\n{button.url}" for button in letter.buttons]
    message = EmailMessage(policy=SMTP)
    message.set_content("\n\n".join([*letter.paragraphs, *links, *letter.closing]) + "\n", charset="utf-8")
    message.add_alternative(_as_html(letter), subtype="html", charset="utf-8")
    return message


def _as_html(letter: Letter) -> str:
    def paragraph(text: str) -> str:
        return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>"

    buttons = "".join(
        f'<a href="{html.escape(button.url)}" style="{_BUTTON.format(colour=button.colour)}">'
        f"{html.escape(button.text)}</a>"
        for button in letter.buttons
    )
    return "\n".join(
        [
            '<!DOCTYPE html><html><body style="font-family:sans-serif;font-size:16px;line-height:1.4">',
            *map(paragraph, letter.paragraphs),
            *([f"<p>{buttons}</p>"] if buttons else []),
            *map(paragraph, letter.closing),
            "</body></html>\n",
        ]
    )
