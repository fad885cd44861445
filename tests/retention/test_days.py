"""Who is told a day can read on the whole of it, whatever the time of day at which the grace ends."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from mailgate.retention.days import last_day

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("2026-09-04 00:00", "2026-09-03"),
        ("2026-09-04 00:01", "2026-09-03"),
        ("2026-09-04 23:59", "2026-09-03"),
        ("2026-10-25 00:30", "2026-10-24"),  # the clocks go back
        ("2027-01-01 03:00", "2026-12-31"),
    ],
)
def test_the_day_that_is_told_is_over_when_the_mailbox_closes(ends: str, told: str) -> None:
    at = datetime.datetime.fromisoformat(ends).replace(tzinfo=PARIS)
    assert last_day(int(at.timestamp()), PARIS).isoformat() == told
