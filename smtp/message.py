"""What a submission server reads and mends in a message header (RFC 6409 section 8); the body is never parsed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import IO, Final

from smtp.addresses import parse_addresses
from smtp.handler import Envelope, SmtpError
from smtp.header import Field, Header, identifier, read_fields
from smtp.limits import HEADER_LIMIT

BLOCK: Final = 64 * 1024

_ONCE: Final = frozenset({b"date", b"message-id"})
_NEVER_EMPTY: Final = frozenset({b"from", b"sender", b"date"})
_DROPPED: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be stored: a new header in front of the body that is still in the content."""

    header: Header
    origin: Header
    """The header with which the content begins."""
    authors: tuple[str, ...]
    """The addresses of the From field, at least one; who may use them is the application's to say."""
    sender: str | None
    """The address of the Sender field."""

    @property
    def message_id(self) -> str:
        """As `Header` has it."""
        return self.header.message_id

    @property
    def body_offset(self) -> int:
        """Where in the content the body begins."""
        return self.origin.size

    def size(self, content: IO[bytes]) -> int:
        """Octets of the whole message; `content` is left at its end."""
        return self.header.size + content.seek(0, os.SEEK_END) - self.body_offset

    def blocks(self, content: IO[bytes], size: int = BLOCK) -> Iterator[bytes]:
        """The whole message in pieces of about `size` octets."""
        yield self.header.octets
        content.seek(self.body_offset)
        while block := content.read(size):
            yield block


def read_header(content: IO[bytes], limit: int = HEADER_LIMIT) -> Header:
    """The header of a message that came, which from now on ends with an empty line for whoever reads `content`.

    So a message without one is read in one way by all: what is to be delivered, what looks for harm in it, and who
    signed it. Raises SmtpError 554 5.6.0 when it has more than `limit` octets.
    """
    content.seek(0)
    data = content.read(limit + 1)
    header = Header(read_fields(data))
    end = header.size - len(b"\r\n")
    if data.startswith(b"\r\n", end):
        return header
    rest = data[end:]
    if len(data) > limit:
        if rest[:1] in {b"", b" ", b"\t"} or b"\r\n" not in rest:
            raise SmtpError(554, "5.6.0", "The header of this message is too long")
    elif not data.endswith(b"\r\n"):
        ended = Header(read_fields(data + b"\r\n"))
        if ended.size == len(data) + len(b"\r\n\r\n"):  # its last line was of the header
            _insert(content, len(data), b"\r\n\r\n")
            return ended
    _insert(content, end, b"\r\n")
    return header


def writers(header: Header) -> tuple[tuple[str, ...], str | None]:
    """The addresses of the one From field, at least one, and that of the Sender field, if there is any.

    Raises SmtpError 554 5.6.0 for a header without an author, for several such fields, and for one that mail programs
    may read differently.
    """
    authors, senders = _addresses(header, "From"), _addresses(header, "Sender")
    if not authors:
        raise SmtpError(554, "5.6.0", "The message has no author in its From field")
    if len(senders) > 1:
        raise SmtpError(554, "5.6.0", "The message has more than one address in its Sender field")
    return tuple(authors), senders[0] if senders else None


def prepare(header: Header, envelope: Envelope, trace: Sequence[Field], *, hostname: str, now: datetime) -> Prepared:
    """Put `trace` on top, add Date, Message-ID and From where they are missing, remove Bcc and Return-Path.

    From is the envelope's sender then: the application has found it to be the person's own. Empty ones of these fields
    are missing, a Message-ID without an identifier, too (RFC 6409 section 8.3), and of two the second goes.
    Raises SmtpError as `writers` does.
    """
    kept = [*trace, *_kept(header)]
    there = {one.name for one in kept}
    if b"from" not in there and envelope.mail_from:
        kept.append(Field.of(b"From: <%s>\r\n" % envelope.mail_from.encode()))
    if b"date" not in there:
        kept.append(Field.of(b"Date: %s\r\n" % format_datetime(now).encode()))
    if b"message-id" not in there:
        kept.append(Field.of(f"Message-ID: <{secrets.token_hex(16)}@{hostname}>\r\n".encode()))
    mended = Header(tuple(kept))
    return Prepared(mended, header, *writers(mended))


def _kept(header: Header) -> Iterator[Field]:
    """What stays of a header; a second author is a matter to refuse."""
    there = set[bytes]()
    for one in header.fields:
        if one.name in _DROPPED or one.name in there:
            continue
        if one.name in _NEVER_EMPTY and not one.value.strip():
            continue
        if one.name == b"message-id" and not identifier(one.value):
            continue
        if one.name in _ONCE:
            there.add(one.name)
        yield one


def _addresses(header: Header, title: str) -> list[str]:
    values = header.values(title.lower().encode())
    if len(values) > 1:
        raise SmtpError(554, "5.6.0", f"The message has more than one {title} field")
    try:
        return parse_addresses(values[0].decode("utf-8", "surrogateescape")) if values else []
    except ValueError:
        raise SmtpError(554, "5.6.0", f"The {title} field of the message is malformed") from None


def _insert(content: IO[bytes], at: int, octets: bytes) -> None:
    """Put octets into a file, whose others behind them move on, block by block from the last."""
    end = content.seek(0, os.SEEK_END)
    while end > at:
        start = max(end - BLOCK, at)
        content.seek(start)
        block = content.read(end - start)
        content.seek(start + len(octets))
        content.write(block)
        end = start
    content.seek(at)
    content.write(octets)
