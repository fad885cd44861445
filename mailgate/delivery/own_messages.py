"""Requests by mail about a message that one sent oneself: an answer to it, from any program; and what answers them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import IO, Final

from imap.message import readable_text
from mailgate.database import Tx
from mailgate.i18n import Language, translator
from mailgate.store import Dispatch, dispatches
from smtp.handler import Envelope, Sender
from smtp.header import Header

_READ: Final = 64 * 1024
"""Octets of a request that are looked through for a Message-ID, when it answers to none."""
_MOST: Final = 20
_ID: Final = re.compile(rb"<[^<>\s@]{1,400}@[^<>\s@]{1,255}>")


def named_in(header: Header, content: IO[bytes]) -> list[str]:
    """What a request is about: what it answers to, else the Message-IDs in its text."""
    named = _ids(header, b"in-reply-to") or _ids(header, b"references")[-1:]
    if not named:
        content.seek(0)
        own = header.message_id.encode()
        text = readable_text(content.read(_READ), _READ).encode("utf-8", "replace")
        named = [one for one in _ID.findall(text) if one != own]
    return [one.decode("utf-8", "replace") for one in dict.fromkeys(named[:_MOST])]


async def sent_among(tx: Tx, names: Sequence[str], sender: Sender, own: Collection[int]) -> dict[str, Dispatch]:
    """The messages of these Message-IDs that this person sent, or that went out as one of the accounts `own`, by id."""
    found: dict[str, Dispatch] = {}
    for name in names:
        for one in await dispatches.find(tx, name):
            if one.sender_id == sender.account_id or one.author_id in own:
                found[one.dispatch_id] = one
    return found


def answer(
    header: Header, envelope: Envelope, language: Language, local: str, subject: str, texts: Sequence[str]
) -> bytes:
    """The letter to keep, from this address of the person's domain; programs are not to answer it (RFC 3834 section 5).

    `header` is that of the request; `subject` is translated.
    """
    domain = envelope.sender.username.rpartition("@")[2] or "localhost"
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"{local}@{domain}"
    letter["To"] = envelope.sender.username
    letter["Subject"] = translator(language)(subject)
    letter["Date"] = format_datetime(datetime.now(UTC))
    letter["Message-ID"] = make_msgid(domain=domain)
    letter["Auto-Submitted"] = "auto-replied"
    if _ID.fullmatch(header.message_id.encode()):
        letter["In-Reply-To"] = header.message_id.encode("ascii", "replace").decode()
    letter.set_content("\n\n".join(texts) + "\n")
    return letter.as_bytes()


def _ids(header: Header, name: bytes) -> list[bytes]:
    return _ID.findall(b" ".join(header.values(name)))
