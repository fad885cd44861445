"""What a submission server reads and mends in a message header (RFC 6409 section 8); the body is never parsed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import IO, Final

from smtp.addresses import parse_addresses
from smtp.handler import Envelope, SmtpError

HEADER_LIMIT: Final = 256 * 1024
"""The largest header block that is read, in octets."""
BLOCK: Final = 64 * 1024

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_ONCE: Final = (b"from", b"sender", b"date", b"message-id")
_IDENTITY: Final = frozenset({b"from", b"sender"})
_DROPPED: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})


@dataclass(frozen=True, slots=True)
class Header:
    """A header block: whole fields, each with its CRLF, without the empty line; and where the body begins."""

    block: bytes
    body_offset: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be stored: a new header in front of the body that is still in the content."""

    header: bytes
    """The header block with its empty line."""
    body_offset: int
    authors: tuple[str, ...]
    """The addresses of the From field, at least one; who may use them is the application's to say."""
    sender: str | None
    """The address of the Sender field."""
    message_id: str
    """With its angle brackets."""

    def blocks(self, content: IO[bytes], size: int = BLOCK) -> Iterator[bytes]:
        """The whole message in pieces of about `size` octets."""
        yield self.header
        content.seek(self.body_offset)
        while block := content.read(size):
            yield block


def read_header(content: IO[bytes], limit: int = HEADER_LIMIT) -> Header:
    """The header block at the start of `content`; what is no field and no continuation begins the body.

    Raises SmtpError 554 5.6.0 when it has more than `limit` octets.
    """
    content.seek(0)
    data = content.read(limit + 1)
    if data.startswith(b"\r\n"):
        return Header(b"", 2)
    end = data.find(b"\r\n\r\n")
    block = data if end < 0 else data[: end + 2]
    whole = end >= 0 or len(data) <= limit
    if whole and not block.endswith(b"\r\n"):
        block += b"\r\n"
    size = _fields_size(block)
    rest = block[size:]
    if not whole and (rest[:1] in {b"", b" ", b"\t"} or b"\r\n" not in rest):
        raise SmtpError(554, "5.6.0", "The header of this message is too long")
    if rest:
        return Header(block[:size], size)
    return Header(block, size + 2 if end >= 0 else len(data))


def fields(block: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each field of a header block: its name in small letters, its raw value, and the whole field."""
    at = 0
    while match := _FIELD.match(block, at):
        yield match[1].lower(), match[2], match[0]
        at = match.end()


def count_received(block: bytes) -> int:
    """How many servers the message has passed (RFC 5321 section 6.3)."""
    return sum(name == b"received" for name, _, _ in fields(block))


def from_addresses(block: bytes) -> list[str]:
    """The addresses of the one From field; [] when there is none.

    Raises SmtpError 554 5.6.0 for several From fields, and for one that mail programs may read differently.
    """
    values = [value for name, value, _ in fields(block) if name == b"from"]
    if len(values) > 1:
        raise SmtpError(554, "5.6.0", "The message has more than one From field")
    return _addresses("From", values[0]) if values else []


def prepare(
    content: IO[bytes],
    envelope: Envelope,
    *,
    hostname: str,
    received: bytes,
    now: datetime,
    limit: int = HEADER_LIMIT,
) -> Prepared:
    """Put `received` on top, add Date, Message-ID and From where they are missing, remove Bcc and Return-Path.

    From is the envelope's sender then: the application has found it to be the person's own.
    Raises SmtpError 554 5.6.0 for a header without an author, and for a second or malformed From or Sender.
    """
    header = read_header(content, limit)
    once, kept = _sort_out(header.block)
    kept.insert(0, received)
    if not once[b"from"] and envelope.mail_from:
        kept.append(b"From: <%s>\r\n" % envelope.mail_from.encode())
    if not once[b"date"]:
        kept.append(b"Date: %s\r\n" % format_datetime(now).encode())
    message_id = b"".join(once[b"message-id"].split()).decode("utf-8", "replace")
    if not message_id:
        message_id = f"<{secrets.token_hex(16)}@{hostname}>"
        kept.append(f"Message-ID: {message_id}\r\n".encode())
    kept.append(b"\r\n")
    authors = _addresses("From", once[b"from"] or envelope.mail_from.encode())
    if not authors:
        raise SmtpError(554, "5.6.0", "The message has no author in its From field")
    senders = _addresses("Sender", once[b"sender"])
    if len(senders) > 1:
        raise SmtpError(554, "5.6.0", "The message has more than one address in its Sender field")
    return Prepared(b"".join(kept), header.body_offset, tuple(authors), senders[0] if senders else None, message_id)


def _sort_out(block: bytes) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The values of the fields that may stand once, and all fields that stay.

    Empty ones of the first, and a second Date or Message-ID, are dropped; a second author is a matter to refuse.
    """
    once = dict.fromkeys(_ONCE, b"")
    kept = []
    for name, value, whole in fields(block):
        if name in once:
            if once[name] and name in _IDENTITY:
                raise SmtpError(554, "5.6.0", f"The message has more than one {name.decode().title()} field")
            if once[name] or not value.strip():
                continue
            once[name] = value.strip()
        if name not in _DROPPED:
            kept.append(whole)
    return once, kept


def _fields_size(block: bytes) -> int:
    """How many octets at the start of `block` are fields."""
    return sum(len(whole) for _, _, whole in fields(block))


def _addresses(title: str, value: bytes) -> list[str]:
    try:
        return parse_addresses(value.decode("utf-8", "surrogateescape"))
    except ValueError:
        raise SmtpError(554, "5.6.0", f"The {title} field of the message is malformed") from None
