"""Every bound on what a client may cost the server."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Final

HEADER_LIMIT: Final = 256 * 1024
"""The largest header of a message, in octets."""
ANNOUNCED_MOST: Final = 999_999
"""What six digits hold (RFC 9422 section 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a server that takes mail; times in seconds, sizes in octets. None: no such bound.

    The defaults honour the minima of RFC 5321 section 4.5.3 and leave room for a whole school behind one address.
    """

    message_size: int = 50_000_000
    """The largest message, announced with SIZE (RFC 1870)."""
    spool_memory: int = 1 << 20
    """How much of a message stays in memory before it goes to a temporary file."""
    header_size: int = HEADER_LIMIT
    hops: int = 50
    """Received fields above this number mean a mail loop (RFC 5321 section 6.3)."""
    recipients: int = 500
    """Recipients of one message; the next one is answered 452 so that the client sends it in another transaction."""
    messages: int = 1_000
    """Transactions of one connection."""
    future_release: int = 0
    """For how many seconds at the most a message may wait until it is let go (RFC 4865); 0: that is not offered."""
    recipients_per_connection: int | None = None
    """Recipients of all messages of one connection."""

    connections: int = 5_000
    connections_per_peer: int = 250
    """Connections from one peer: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    connections_per_network: int | None = None
    """Connections from one IPv4 /24 or one IPv6 /48."""
    connection_rate: int | None = None
    """New connections of one peer in a minute."""
    message_rate: int | None = None
    """Transactions that one peer begins in a minute."""
    recipient_rate: int | None = None
    """Recipients that one peer names in a minute."""

    bad_commands: int = 20
    """Commands refused since the last message before the connection is closed: for their syntax or order, and by an MX
    for whatever reason.
    """
    idle_commands: int = 1_000
    """Commands that bring no message nearer (NOOP, RSET, VRFY, HELP, EHLO) between two messages."""
    auth_failures: int = 5
    """Failed sign-ins of one connection; the last one closes it."""
    auth_delay: float = 0.5
    """The n-th failed sign-in is answered after n times this."""

    handshake_timeout: float = 30.0
    sign_in_timeout: float = 120.0
    """From the connection to the end of a successful AUTH."""
    silence_timeout: float = 300.0
    """To the end of the next command line, and between two packets of message data (RFC 5321 section 4.5.3.2.7)."""
    transfer_grace: float = 600.0
    transfer_rate: int = 1_000
    """A message may take `transfer_grace` plus its octets so far divided by this: slow lines live, trickles end."""
    close_timeout: float = 5.0
    """How long a closing connection may take to read its last answer."""

    def announced(self) -> str:
        """What LIMITS says (RFC 9422): transactions of a connection, and recipients of each, unless any number."""
        found = {"MAILMAX": self.messages, "RCPTMAX": self.recipients}
        return " ".join(f"{name}={number}" for name, number in found.items() if number <= ANNOUNCED_MOST)

    def lifted(self) -> Limits:
        """These for a peer that is trusted: what tells a busy server from an attack does not hold for it."""
        most = sys.maxsize
        return replace(
            self, messages=most, recipients_per_connection=None, connections_per_peer=most,
            connections_per_network=None, connection_rate=None, message_rate=None, recipient_rate=None,
            bad_commands=most, idle_commands=most,
        )  # fmt: skip
