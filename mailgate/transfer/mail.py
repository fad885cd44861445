"""A message on its way, in or out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Mail:
    """A message with CRLF line ends, and what its mailbox says of it; who takes it closes its content."""

    label: str
    """What a report, or a file's name, calls it: one of its folder alone."""
    content: bytes | IO[bytes]
    size: int
    flags: int
    """System flags as in `imap.flags`; keywords stand by name."""
    keywords: tuple[str, ...]
    internal_date: int | None
    """None where its source does not tell one."""

    @property
    def date(self) -> int:
        """The internal date, or now."""
        return int(time.time()) if self.internal_date is None else self.internal_date
