"""Addresses at which who has copies or words outside ends that: one for each person and address outside.

``stop+TOKEN@domain``: the token names the person and is signed, with the address outside, by the installation's key. So
it stands in everything that goes there, holds as long as the wish does, and no longer when another address was chosen.
It is 29 letters and digits in lower case.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
from typing import Final, NamedTuple

from directory.reserved import STOP

_NAMED: Final = struct.Struct(">Q")
_MAC: Final = 10
_FORM: Final = re.compile(r"[a-z2-7]{29}")
PAGE: Final = "/stop/"
"""Where the pages are, below the address of the others."""
_PADDING: Final = "==="
_PURPOSE: Final = b"stop address "
"""The key signs other tokens too (`mailgate.queue.reverse_paths`): none is to pass for one of these."""


class Claim(NamedTuple):
    """What an address says before it is looked at whether it was made here."""

    person_id: int
    mac: bytes


def stop_address(key: bytes, domain: str, person_id: int, outside: str) -> str:
    """Where this person ends what goes to an address outside."""
    return f"{STOP}{stop_token(key, person_id, outside)}@{domain}"


def stop_token(key: bytes, person_id: int, outside: str) -> str:
    """What stands in that address, and in the link to the page that does the same."""
    return base64.b32encode(_NAMED.pack(person_id) + _mac(key, person_id, outside)).decode().rstrip("=").lower()


def parse(domain: str, address: str) -> Claim | None:
    """What such an address claims; None for one of another form."""
    local, _, at = address.lower().rpartition("@")
    token = local.removeprefix(STOP)
    return parse_token(token) if at == domain and token != local else None


def parse_token(token: str) -> Claim | None:
    """What a token claims; None for one of another form."""
    if not _FORM.fullmatch(token):
        return None
    raw = base64.b32decode(token.upper() + _PADDING)
    [person_id] = _NAMED.unpack_from(raw)
    return Claim(person_id, raw[_NAMED.size :]) if person_id < 2**63 else None


def is_genuine(key: bytes, claim: Claim, outside: str) -> bool:
    """Whether `stop_address` made it for this address outside."""
    return hmac.compare_digest(_mac(key, claim.person_id, outside), claim.mac)


def _mac(key: bytes, person_id: int, outside: str) -> bytes:
    return hmac.digest(key, _PURPOSE + _NAMED.pack(person_id) + outside.lower().encode(), "sha256")[:_MAC]
