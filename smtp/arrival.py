"""The header of a message that came from another server: what is read of it, put on top of it and taken off it.

Nothing else changes: the writer's signature (RFC 6376) must still hold. The body is never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO, Final

from smtp.addresses import parse_addresses
from smtp.handler import SmtpError
from smtp.message import HEADER_LIMIT, Prepared, fields, from_addresses, read_header

_RESULTS: Final = b"authentication-results"
_COMMENT: Final = re.compile(r"\((?:[^()\\]|\\.)*\)", re.DOTALL)
_AUTHSERV_ID: Final = re.compile(r"""\s*(?:"(?P<quoted>[^"\\]*)"|(?P<token>[^\s"();,=/]+))(?:\s+[0-9]+)?\s*(?:;|$)""")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")


def arrived(content: IO[bytes], trace: bytes, *, is_ours: Callable[[str], bool], limit: int = HEADER_LIMIT) -> Prepared:
    """The message with `trace` on top, without Return-Path (RFC 5321 section 4.4) and without what others said in our
    name of its authenticity (RFC 8601 section 5): `is_ours` knows our names.

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
        if name == b"return-path" or (name == _RESULTS and claims_our_name(value, is_ours)):
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


def claims_our_name(value: bytes, is_ours: Callable[[str], bool]) -> bool:
    """Whether an Authentication-Results field has a name of ours as its authserv-id, or none that can be read.

    authres-payload = [CFWS] authserv-id [CFWS authres-version] ( no-result / 1*resinfo ) (RFC 8601 section 2.2).
    """
    text, nested = value.decode("utf-8", "replace"), 1
    while nested:
        text, nested = _COMMENT.subn(" ", text)
    match = _AUTHSERV_ID.match(text)
    return match is None or is_ours(match["token"] or match["quoted"])


def _address_of_sender(value: bytes) -> str:
    try:
        found = parse_addresses(value.decode("utf-8", "surrogateescape"))
    except ValueError:
        found = ["", ""]
    if len(found) > 1:
        raise SmtpError(554, "5.6.0", "The Sender field of the message is malformed")
    return found[0] if found else ""
