"""Reverse paths of one recipient's own (VERP): a report of failure that comes back there says who it is about.

``bounces+TOKEN@domain``: the token names the person and the message of the queue, and is signed with the installation's
key. It is 42 letters and digits in lower case, so that it stands in a local part (RFC 5321 section 4.5.3.1.1) and
survives programs that fold it.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
from typing import Final

from directory.reserved import BOUNCES

_NAMED: Final = struct.Struct(">QQ")
_MAC: Final = 10
_FORM: Final = re.compile(r"[a-z2-7]{42}")
_PADDING: Final = "======"
_PURPOSE: Final = b"reverse path "
"""The key signs other tokens too (`mailgate.moderation.tokens`): none is to pass for one of these."""


def reverse_path(key: bytes, domain: str, person_id: int, queue_id: int) -> str:
    """The address that reports about this person's copy of this message come back to."""
    named = _NAMED.pack(person_id, queue_id)
    token = base64.b32encode(named + _mac(key, named)).decode().rstrip("=").lower()
    return f"{BOUNCES}+{token}@{domain}"


def named_in(key: bytes, domain: str, address: str) -> tuple[int, int] | None:
    """The person and the message of the queue that such an address names; None for one that was not made here."""
    local, _, at = address.lower().rpartition("@")
    token = local.removeprefix(f"{BOUNCES}+")
    if at != domain or token == local or not _FORM.fullmatch(token):
        return None
    raw = base64.b32decode(token.upper() + _PADDING)
    if not hmac.compare_digest(_mac(key, raw[: _NAMED.size]), raw[_NAMED.size :]):
        return None
    person_id, queue_id = _NAMED.unpack_from(raw)
    return person_id, queue_id


def _mac(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + named, "sha256")[:_MAC]
