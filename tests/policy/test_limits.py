"""Which limits hold for whom."""

from __future__ import annotations

import pytest

from mailgate.policy.limits import DEFAULTS, MB, effective, parse, shown
from mailgate.policy.matrix import WRITERS
from mailgate.policy.schools import SchoolError


def test_every_profile_that_writes_has_shipped_limits() -> None:
    assert set(DEFAULTS) == set(WRITERS) - {"outside"}
    pupil, teacher = DEFAULTS["pupil"], DEFAULTS["teacher"]
    assert (pupil.recipients_per_message, pupil.messages_per_hour, pupil.recipients_per_hour) == (20, 30, 100)
    assert pupil.message_size == 10 * MB
    assert teacher.message_size is None


def test_the_most_generous_of_several_schools_holds() -> None:
    assert effective("pupil", []) == DEFAULTS["pupil"]
    assert effective("pupil", [{}, {}]) == DEFAULTS["pupil"]
    stricter = effective("pupil", [{"messages_per_hour": 5}])
    assert stricter.messages_per_hour == 5
    assert stricter.recipients_per_hour == DEFAULTS["pupil"].recipients_per_hour
    assert effective("pupil", [{"messages_per_hour": 5}, {}]).messages_per_hour == 30
    assert effective("pupil", [{"messages_per_hour": 5}, {"messages_per_hour": None}]).messages_per_hour is None


def test_a_limit_in_words() -> None:
    assert [parse(text) for text in ("0", "200", "unlimited")] == [0, 200, None]
    assert [shown(value) for value in (0, 200, None)] == ["0", "200", "unlimited"]
    for text in ("-1", "many", "", "1.5", "9" * 30):
        with pytest.raises(SchoolError):
            parse(text)
