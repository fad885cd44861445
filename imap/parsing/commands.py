"""What a command is: a value that says what the client asked for, with nothing of how it was written.

Each family's commands stand beside their parsers; those without arguments stand here. A repr holds no secret.
Mailbox names are `str` in NFC, INBOX in capitals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class Command:
    """One command; ``verb`` is its name as the completion response repeats it."""

    __slots__ = ()
    verb: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Capability(Command):
    """CAPABILITY (RFC 9051 6.1.1)."""

    verb: ClassVar[str] = "CAPABILITY"


@dataclass(frozen=True, slots=True)
class Noop(Command):
    """NOOP (RFC 9051 6.1.2)."""

    verb: ClassVar[str] = "NOOP"


@dataclass(frozen=True, slots=True)
class Logout(Command):
    """LOGOUT (RFC 9051 6.1.3)."""

    verb: ClassVar[str] = "LOGOUT"


@dataclass(frozen=True, slots=True)
class StartTls(Command):
    """STARTTLS (RFC 9051 6.2.1)."""

    verb: ClassVar[str] = "STARTTLS"


@dataclass(frozen=True, slots=True)
class Namespace(Command):
    """NAMESPACE (RFC 9051 6.3.10)."""

    verb: ClassVar[str] = "NAMESPACE"


@dataclass(frozen=True, slots=True)
class Idle(Command):
    """IDLE (RFC 9051 6.3.13)."""

    verb: ClassVar[str] = "IDLE"


@dataclass(frozen=True, slots=True)
class Check(Command):
    """CHECK (RFC 3501 6.4.1)."""

    verb: ClassVar[str] = "CHECK"


@dataclass(frozen=True, slots=True)
class Close(Command):
    """CLOSE (RFC 9051 6.4.1)."""

    verb: ClassVar[str] = "CLOSE"


@dataclass(frozen=True, slots=True)
class Unselect(Command):
    """UNSELECT (RFC 9051 6.4.2)."""

    verb: ClassVar[str] = "UNSELECT"
