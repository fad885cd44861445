"""Days as leavers are told them."""

from __future__ import annotations

import datetime


def last_day(until: int, zone: datetime.tzinfo) -> datetime.date:
    """The last day on the whole of which they read, or their mail is kept: on the next one it ends at `until`, at the
    time of day at which they left.
    """
    return datetime.datetime.fromtimestamp(until, zone).date() - datetime.timedelta(days=1)
