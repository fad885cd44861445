"""Messages that a list writes itself: what it is, and a word to who joins. Programs are not to answer them (RFC 3834).

They come from the address where one asks about the list, name nobody but who gets them, and show no member to another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Final

from mailgate.delivery.posting import PostedTo, command_address, list_fields
from smtp.header import Header

_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,400}>")


def message_id_of(header: Header) -> str:
    """The Message-ID by which an answer may refer to a message; empty when it has none that could stand there."""
    return header.message_id if _MESSAGE_ID.fullmatch(header.message_id) else ""


@dataclass(frozen=True, slots=True)
class ListLetter:
    """What one message says; `to` is empty for several readers, `answers` the Message-ID of a request or empty."""

    subject: str
    paragraphs: Sequence[str]
    to: str = ""
    answers: str = ""


def write(letter: ListLetter, of: PostedTo, hostname: str) -> bytes:
    """The message, with the fields that tell programs which list speaks."""
    message = EmailMessage(policy=SMTP)
    local, _, domain = command_address(of.address, help_=True).partition("@")
    message["From"] = Address(of.label, local, domain)
    message["To"] = letter.to or "undisclosed-recipients:;"
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=hostname)
    if letter.answers:
        message["In-Reply-To"] = letter.answers
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(letter.paragraphs) + "\n", charset="utf-8")
    return b"".join(one.whole for one in list_fields(of)) + message.as_bytes()
