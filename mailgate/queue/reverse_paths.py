"""Reverse paths of one recipient's own (VERP): a report of failure that comes back there says who it is about.

``bounces+TOKEN@domain``: the token names the person and the message of the queue, and is signed with the installation's
key. It is 42 letters and digits in lower case, so that it stands in a local part (RFC 5321 section 4.5.3.1.1) and
survives programs that fold it.
"""

from __future__ import annotations

import base64
import hmac
import struct
from typing import Final

from directory.reserved import BOUNCES

_NAMED: Final = struct.Struct(">QQ")
_MAC: Final = 10
_PURPOSE: Final = b"reverse path "
"""The key signs other tokens too (`mailgate.moderation.tokens`): none is to pass for one of these."""


def reverse_path(key: bytes, domain: str, person_id: int, queue_id: int) -> str:
    """The address that reports about this person's copy of this message come back to."""
    named = _NAMED.pack(person_id, queue_id)
    mac = hmac.digest(key, _PURPOSE + named, "sha256")[:_MAC]
    token = base64.b32encode(named + mac).decode().rstrip("=").lower()
    return f"{BOUNCES}+{token}@{domain}"
