"""What a writer asks of TLS on a message's way (RFC 8689): that there be none without it, or that it stop nothing."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from smtp.header import Header

_FIELD: Final = b"tls-required"


class TlsDemand(IntEnum):
    """How a message is tagged (RFC 8689 section 4.1); the numbers are kept with messages that wait."""

    POLICY = 0
    """As the settings and the policies of its destinations have it."""
    REQUIRED = 1
    """REQUIRETLS on MAIL: only to servers that prove who they are under TLS and promise the same of the next."""
    OPTIONAL = 2
    """``TLS-Required: No``: whatever becomes of TLS, whatever the destination's policy says."""


def demanded(header: Header, *, require_tls: bool) -> TlsDemand:
    """How a message with this header is tagged; the parameter of MAIL counts more than the field.

    A second field, or another value, is none: RFC 8689 section 3 allows neither.
    """
    if require_tls:
        return TlsDemand.REQUIRED
    values = [value.strip().lower() for value in header.values(_FIELD)]
    return TlsDemand.OPTIONAL if values == [b"no"] else TlsDemand.POLICY
