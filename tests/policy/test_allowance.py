"""The counting of an hour against a model that remembers every message."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mailgate.policy.allowance import HOUR, Hourly, Sent, Window, decode, encode, opens_at, recent, used, with_message

START = 1_795_000_007
Message = tuple[int, int]
"""When, and to how many."""

limits = st.one_of(st.none(), st.integers(0, 12))
wishes = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 6)), max_size=40)
"""Seconds since the last wish, and how many recipients."""


def counted(sent: Sequence[Message], at: int) -> Sent:
    """What a message counts for: until the end of its minute of the next hour."""
    found = [recipients for when, recipients in sent if at < (when // 60 + 61) * 60]
    return Sent(len(found), sum(found))


def fits(sent: Sequence[Message], hourly: Hourly, at: int, recipients: int) -> bool:
    before = counted(sent, at)
    wanted = before.messages + 1, before.recipients + recipients
    return all(most is None or count <= most for count, most in zip(wanted, hourly, strict=True))


@given(limits, limits, wishes)
def test_no_hour_has_more_than_the_limit_and_the_time_told_is_the_first(
    messages: int | None, recipients: int | None, wanted: list[Message]
) -> None:
    hourly = Hourly(messages, recipients)
    window: Window = {}
    sent: list[Message] = []
    now = START
    for pause, count in wanted:
        now += pause
        assert used(window, now) == counted(sent, now)
        told = opens_at(window, hourly, now, recipients=count)
        if fits(sent, hourly, now, count):
            assert told == now
            sent.append((now, count))
            window = decode(encode(with_message(window, now, count)))
            assert len(window) <= 61
        elif told is None:
            assert not fits([], hourly, now, count)
        else:
            assert now < told <= now + HOUR + 60
            assert fits(sent, hourly, told, count)
            assert not fits(sent, hourly, told - 1, count)
    for when, _ in sent:
        hour = [one for one in sent if when - HOUR < one[0] <= when]
        assert messages is None or len(hour) <= messages
        assert recipients is None or sum(count for _, count in hour) <= recipients


def test_a_message_opens_again_at_a_full_minute() -> None:
    window = with_message({}, START, 3)
    assert opens_at(window, Hourly(1, None), START) == (START // 60 + 61) * 60
    assert opens_at(window, Hourly(None, 4), START, recipients=2) == (START // 60 + 61) * 60
    assert opens_at(window, Hourly(None, 4), START, recipients=1) == START
    assert opens_at(window, Hourly(None, 4), START, recipients=5) is None
    assert opens_at({}, Hourly(0, None), START) is None


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    window = with_message({}, START, 1)
    assert opens_at(window, Hourly(1, None), START - 5 * HOUR) == (START // 60 + 61) * 60
    assert recent(window, START - 5 * HOUR) == window
