"""Every limit of the IMAP engine in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost; sizes in octets, times in seconds. The defaults suit a school's gateway."""

    line: int = 65_536
    """One line of a command; RFC 7162 section 4 asks for 8,192 at least, long UID sets need more."""
    command: int = 262_144
    """All lines and literals of one command, APPEND's messages left out."""
    literal: int = 65_536
    """One literal that is no message."""
    annotation: int = 16_384
    """One value of SETMETADATA; RFC 5464 section 4.1 asks for 1,024 at least. Above ``literal`` it is not even read."""
    message: int = 50 * MIB
    """One message of APPEND, announced as APPENDLIMIT; an account may have less."""
    append: int = 250 * MIB
    """All messages of one APPEND (RFC 3502)."""
    swallow: int = 200 * MIB
    """A refused literal that is on its way is read and thrown away up to this size, above it the connection ends."""
    spool: int = MIB
    """An APPEND literal above this size goes to a temporary file."""

    line_before_sign_in: int = 8_192
    literal_before_sign_in: int = 4_096
    octets_before_sign_in: int = 65_536
    commands_before_sign_in: int = 50
    strangers: int = 2_000
    """Connections of one process on which nobody has signed in: when there are more, the oldest is sent away."""
    failed_sign_ins: int = 5
    bad_commands: int = 20
    """BAD answers in a row before the connection ends."""

    sign_in_timeout: float = 60.0
    autologout: float = 31 * 60.0
    """Without a word from the client; RFC 9051 section 5.4 asks for 30 minutes at least."""
    literal_timeout: float = 5 * 60.0
    """Silence within a command."""
    write_timeout: float = 2 * 60.0
    """A client that reads nothing for so long is dropped."""

    progress_interval: float = 10.0
    """A command that takes longer tells how far it is, and again after each such while (RFC 9585)."""

    notifications: int = 10_000
    """Lines that wait for a client that asked for NOTIFY; above, it is told NOTIFICATIONOVERFLOW."""
    update_contexts: int = 8
    """Searching commands whose results one session has kept up to date (RFC 5267)."""
    sorted_results: int = 20_000
    """Results of all its SORTs that are kept up to date: some hundred octets each."""

    backlog: int = 131_072
    """Pipelined octets held while a command runs; above it nothing is read from the socket."""
