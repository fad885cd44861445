"""FUTURERELEASE (RFC 4865): a message that is to be let go at a later time."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Final

from smtp.handler import SmtpError

_INTERVAL: Final = re.compile(r"[0-9]{1,9}")
_DATE_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a client asks for: one of the two. Times are seconds, since the epoch in `until`."""

    seconds: int = 0
    until: int = 0

    def release_at(self, now: float) -> int:
        """When the message may go, not a second earlier."""
        return self.until or int(now) + self.seconds + 1

    def __str__(self) -> str:
        """As reports have it: ``orig-hold-param-value`` (section 5.1.2)."""
        return f"until;{date_time(self.until)}" if self.until else f"for;{self.seconds}"


def parse_hold(interval: str | None, until: str | None) -> Hold:
    """The values of HOLDFOR and of HOLDUNTIL, one of which is there. Raises SmtpError 501 5.5.4 (section 4.2).

    future-release-interval = 1*9DIGIT, not 0; future-release-date-time = full-date "T" partial-time "Z" (RFC 3339).
    """
    if interval is not None and until is not None:
        raise SmtpError(501, "5.5.4", "Say HOLDFOR or HOLDUNTIL, not both")
    if interval is not None:
        if not _INTERVAL.fullmatch(interval) or not int(interval):
            raise SmtpError(501, "5.5.4", "HOLDFOR must be a number of seconds")
        return Hold(seconds=int(interval))
    match = _DATE_TIME.fullmatch(until or "")
    try:
        moment = datetime.datetime.fromisoformat(f"{match[1]}+00:00".upper()) if match is not None else None
    except ValueError:
        moment = None
    if moment is None or moment.timestamp() <= 0:
        raise SmtpError(501, "5.5.4", "HOLDUNTIL must be a time in UTC, as 2030-01-31T08:00:00Z")
    return Hold(until=int(moment.timestamp()))


def date_time(at: float) -> str:
    """A moment in the form of RFC 3339, in UTC."""
    return datetime.datetime.fromtimestamp(int(at), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
