"""Counts as tables, small ones hidden.

A count of two or three pupils of a school tells those who know them what each of them does: counts below a smallest
one, but 0, are shown as such only (small-number suppression). No sums are shown, from which one could be worked out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from mailgate.statistics.counts import (
    ACCOUNTS,
    ACTIVATED,
    ACTIVE,
    ALL_SCHOOLS,
    MESSAGES,
    READING,
    SIGN_INS,
    Counts,
    Key,
)
from mailgate.statistics.months import shown


class By(StrEnum):
    """What the lines of a table are."""

    PROFILE = "profile"
    SCHOOL = "school"
    CLIENT = "client"
    AUDIENCE = "audience"


SENDING_ONLY: Final = "sending_only"
"""Accounts that somebody signed in to in the month, and never to read: printers and scripts."""
_USE: Final = (ACCOUNTS, ACTIVATED, ACTIVE, SENDING_ONLY, SIGN_INS, MESSAGES)
_COUNTED_IN: Final = {ACTIVE: {ACTIVE: 1, SENDING_ONLY: 1}, READING: {SENDING_ONLY: -1}}
"""By what is counted, what of a line it adds to; all else adds to its like."""
MEASURES: Final[Mapping[By, tuple[str, ...]]] = {
    By.PROFILE: _USE,
    By.SCHOOL: _USE,
    By.CLIENT: (SIGN_INS,),
    By.AUDIENCE: (MESSAGES,),
}


class Line(NamedTuple):
    """A line of a table: the month as ``2026-10``, what it is about, and a number for each of the table's measures."""

    month: str
    group: str
    numbers: tuple[int | str, ...]


def table(counts: Counts, by: By, school: str | None, smallest: int) -> list[Line]:
    """The lines of a table about one school, or the whole gateway; `smallest`: of the counts that are shown."""
    measures = MEASURES[by]
    found: defaultdict[tuple[int, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(measures, 0))
    for key, number in counts.items():
        for measure, sign in _COUNTED_IN.get(key.measure, {key.measure: 1}).items():
            if measure in measures and _is_asked(key, by, school):
                found[key.month, _group(key, by)][measure] += sign * number
    return [
        Line(shown(month), group, tuple(_hidden(numbers[one], smallest) for one in measures))
        for (month, group), numbers in sorted(found.items())
        if any(numbers.values())
    ]


def _is_asked(key: Key, by: By, school: str | None) -> bool:
    if by is By.SCHOOL and school is None:
        return key.school != ALL_SCHOOLS
    return key.school == (school or ALL_SCHOOLS)


def _group(key: Key, by: By) -> str:
    match by:
        case By.PROFILE:
            return key.profile
        case By.SCHOOL:
            return key.school
        case By.CLIENT | By.AUDIENCE:
            return key.kind


def _hidden(number: int, smallest: int) -> int | str:
    # Of who was active and who read, one may be missing where a month ended between two nodes' writes.
    return f"<{smallest}" if 0 < number < smallest else max(number, 0)
