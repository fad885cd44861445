"""What somebody may still send this hour: a window of sixty minutes that slides with the clock, minute by minute.

A message of minute *m* is counted until the end of minute *m* + 60, so that no hour ever has more than the limit.
Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

MINUTE: Final = 60
HOUR: Final = 3600


class Sent(NamedTuple):
    """Messages, and the mailboxes that they reached."""

    messages: int
    recipients: int


class Hourly(NamedTuple):
    """How much of both may be sent in an hour; None: as much as one likes."""

    messages: int | None
    recipients: int | None


Window: TypeAlias = Mapping[int, Sent]
"""What was sent in each minute since the epoch."""

NOTHING: Final = Sent(0, 0)


def recent(window: Window, now: int) -> dict[int, Sent]:
    """The minutes that still count."""
    return {minute: sent for minute, sent in window.items() if now < _forgotten_at(minute)}


def used(window: Window, now: int) -> Sent:
    """What counts at this moment."""
    messages = recipients = 0
    for minute, sent in window.items():
        if now < _forgotten_at(minute):
            messages += sent.messages
            recipients += sent.recipients
    return Sent(messages, recipients)


def with_message(window: Window, now: int, recipients: int) -> dict[int, Sent]:
    """The window after one more message."""
    minute = now // MINUTE
    before = window.get(minute, NOTHING)
    return {**recent(window, now), minute: Sent(before.messages + 1, before.recipients + recipients)}


def opens_at(window: Window, hourly: Hourly, now: int, *, messages: int = 1, recipients: int = 0) -> int | None:
    """When so much more may be sent: `now` for at once; None when it is more than a whole hour allows.

    A clock that was set back leaves minutes of the future: they count until they have passed.
    """
    if _fits(used(window, now), hourly, messages, recipients):
        return now
    moments = sorted(map(_forgotten_at, recent(window, now)))
    return next((at for at in moments if _fits(used(window, at), hourly, messages, recipients)), None)


def _fits(sent: Sent, hourly: Hourly, messages: int, recipients: int) -> bool:
    return (hourly.messages is None or sent.messages + messages <= hourly.messages) and (
        hourly.recipients is None or sent.recipients + recipients <= hourly.recipients
    )


def _forgotten_at(minute: int) -> int:
    return (minute + 1) * MINUTE + HOUR


def encode(window: Window) -> str:
    """A window as text for the database."""
    return msgspec.json.encode([(minute, *sent) for minute, sent in sorted(window.items())]).decode()


def decode(text: str) -> dict[int, Sent]:
    """The window of such a text."""
    return {minute: Sent(messages, recipients) for minute, messages, recipients in _DECODER.decode(text)}


_DECODER: Final = msgspec.json.Decoder(list[tuple[int, int, int]])
