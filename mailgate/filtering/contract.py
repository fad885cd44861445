"""What a check is asked about a message, and what it may answer.

A check is one file of this package with a class that is a `Check`; `mailgate.filtering.chain` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from mailgate.filtering.audience import Audience
from mailgate.i18n import ascii_only
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.store.contents import Buffer
from smtp.handler import SmtpError, Transaction
from smtp.message import Prepared

BLOCK: Final = 256 * 1024


class Action(IntEnum):
    """What is to become of a message, the worst last."""

    ACCEPT = 0
    JUNK = 1
    DEFER = 2
    """The client keeps it and tries again (4xx)."""
    REFUSE = 3
    """The client is told for good (5xx)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of a message."""

    action: Action = Action.ACCEPT
    reason: str = ""
    """For the log, and for X-Spam-Status: ASCII on one line, nothing that the message or its writer says."""
    header: bytes = b""
    """Whole fields, each with its CRLF, to put on top of the message if it is delivered."""
    reply: SmtpError | None = None
    """What the client is told: there for DEFER and REFUSE."""
    only: frozenset[str] | None = None
    """For JUNK: the recipients for whom it is junk, as the audience names them; None: all."""


def refused(text: str, reason: str, *, code: int = 550, status: str = "5.7.1") -> Finding:
    """`text` is a sentence in the language of who reads it."""
    return Finding(Action.REFUSE, reason, reply=SmtpError(code, status, ascii_only(text)))


def deferred(text: str, reason: str, *, code: int = 451, status: str = "4.7.1") -> Finding:
    """`text` is a sentence in the language of who reads it."""
    return Finding(Action.DEFER, reason, reply=SmtpError(code, status, ascii_only(text)))


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message at the end of its data, before anything is delivered."""

    identity: str
    """As the Received field, the reply and the log have it."""
    transaction: Transaction
    """Peer, HELO, reverse path and recipients, all of which were accepted at RCPT TO."""
    message: Prepared
    """The header as it would be delivered, with our trace fields; its authors."""
    content: Buffer
    """The octets as they came, with CRLF line ends: header, empty line and body. May be read from several threads at
    once.
    """
    audience: Audience
    """The recipients with their schools, looked up when somebody asks."""
    sender: int = OUTSIDE_WRITER
    """The account of who signed in."""
    trusted: bool = False
    """Whether it comes from a network of `mx.trusted`, or over LMTP from a server in front: the peer wrote nothing."""

    @property
    def from_outside(self) -> bool:
        """Whether another server sent it, or somebody of the school who signed in."""
        return self.sender == OUTSIDE_WRITER

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """The octets as they came, in pieces."""
        for start in range(0, len(self.content), size):
            yield self.content[start : start + size]


class Unavailable(Exception):
    """A check could not look: its server does not answer, or not so that it can be understood. The text is for logs."""


class Check(Protocol):
    """One check. It blocks the event loop never, keeps no message in memory, and may be cancelled at any moment."""

    name: str
    """As it stands in the settings and the log."""

    async def examine(self, arriving: Arriving) -> Finding:
        """Look at a message. Raises Unavailable, or anything else, when it cannot."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
