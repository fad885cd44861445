"""The days that Date fields name: what SENTBEFORE, SENTON and SENTSINCE compare (RFC 9051 section 6.4.4)."""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Sequence
from typing import Final

from imap.backend import MailboxRef, Rendering
from imap.search.facts import Header
from imap.search.view import MessageSource

_BATCH: Final = 500
"""Headers read at a time."""
NONE: Final = 0
"""The day of a message whose Date field names none."""
GONE: Final = -1
"""The day of a message that was expunged before it could be read."""


def day_number(day: datetime.date | None) -> int:
    """A day as it is kept: counted from the beginning of the calendar."""
    return NONE if day is None else day.toordinal()


async def read_sent_days(source: MessageSource, mailbox: MailboxRef, uids: Sequence[int]) -> array[int]:
    """The day of each of the messages, `NONE` or `GONE`. UIDs must ascend."""
    days = array("i")
    for start in range(0, len(uids), _BATCH):
        batch = uids[start : start + _BATCH]
        content_of = {entry.uid: entry.message_id for entry in await source.entries(mailbox, batch)}
        headers = await source.rendered(set(content_of.values()), Rendering.LISTING)
        found = {message_id: Header(text.listing).sent_day() for message_id, text in headers.items()}
        for uid in batch:
            message_id = content_of.get(uid)
            days.append(day_number(found[message_id]) if message_id in found else GONE)
    return days
