"""The header of a message that came from another server: what is read of it, put on top of it and taken off it.

Nothing else changes: the writer's signature (RFC 6376) must still hold. The body is never parsed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from smtp.authentication.results import FIELD, authserv_id
from smtp.header import Field, Header
from smtp.message import Prepared, writers


def arrived(header: Header, trace: Sequence[Field], *, admitted: Collection[str] = ()) -> Prepared:
    """The message with `trace` on top, without Return-Path (RFC 5321 section 4.4) and without what others found of its
    authenticity (RFC 8601 section 5), but for those whose authserv-id, in small letters, is `admitted`.

    Raises SmtpError as `writers` does.
    """
    kept = [one for one in header.fields if not _goes(one, admitted)]
    return Prepared(Header((*trace, *kept)), header, *writers(header))


def _goes(one: Field, admitted: Collection[str]) -> bool:
    if one.name != FIELD:
        return one.name == b"return-path"
    who = authserv_id(one.value.decode("utf-8", "replace")) if admitted else None
    return who is None or who.lower() not in admitted
