"""The header of a message that came from another server: what is read of it, put on top of it and taken off it.

Nothing else changes: the writer's signature (RFC 6376) must still hold. The body is never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import IO, Final

from smtp.addresses import parse_addresses
from smtp.authentication.results import FIELD, authserv_id
from smtp.handler import SmtpError
from smtp.message import HEADER_LIMIT, Prepared, fields, from_addresses, read_header

_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")


def arrived(content: IO[bytes], trace: bytes, *, admitted: Collection[str] = (), limit: int = HEADER_LIMIT) -> Prepared:
    """The message with `trace` on top, without Return-Path (RFC 5321 section 4.4) and without what others found of its
    authenticity (RFC 8601 section 5), but for those whose authserv-id, in small letters, is `admitted`.

    Raises SmtpError 554 5.6.0 for a header without an author, and for a second or malformed From or Sender.
    """
    header = read_header(content, limit)
    authors = from_addresses(header.block)
    if not authors:
        raise SmtpError(554, "5.6.0", "The message has no author in its From field")
    kept = [trace]
    sender: str | None = None
    message_id = ""
    for name, value, whole in fields(header.block):
        if name == b"return-path" or (name == FIELD and not _is_admitted(value, admitted)):
            continue
        if name == b"sender":
            if sender is not None:
                raise SmtpError(554, "5.6.0", "The message has more than one Sender field")
            sender = _address_of_sender(value)
        if name == b"message-id" and not message_id:
            found = _MESSAGE_ID.search(value.decode("utf-8", "replace"))
            message_id = found[0] if found else ""
        kept.append(whole)
    kept.append(b"\r\n")
    return Prepared(b"".join(kept), header.body_offset, tuple(authors), sender or None, message_id)


def _is_admitted(value: bytes, admitted: Collection[str]) -> bool:
    who = authserv_id(value.decode("utf-8", "replace")) if admitted else None
    return who is not None and who.lower() in admitted


def _address_of_sender(value: bytes) -> str:
    try:
        found = parse_addresses(value.decode("utf-8", "surrogateescape"))
    except ValueError:
        found = ["", ""]
    if len(found) > 1:
        raise SmtpError(554, "5.6.0", "The Sender field of the message is malformed")
    return found[0] if found else ""
