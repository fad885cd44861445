"""Whose say it is what becomes of mail that the domain of its author disowns."""

from __future__ import annotations

import pytest

from mailgate.filtering.audience import Concerned, Party
from mailgate.filtering.authentication import Attitude, attitude_of
from mailgate.policy.schools import SchoolSettings

SETTINGS = {
    1: SchoolSettings(),
    2: SchoolSettings(dmarc="junk"),
    3: SchoolSettings(dmarc="report"),
}


@pytest.mark.parametrize(
    ("address", "schools", "attitude"),
    [
        ("prof@ecole.example", {1}, "respect"),
        ("prof@ecole.example", {1, 2}, "junk"),
        ("prof@ecole.example", {3, 2, 1}, "report"),
        ("prof@ecole.example", set(), "respect"),
        ("Postmaster@ecole.example", {1}, "junk"),
        ("postmaster", set(), "junk"),
        ("abuse@ecole.example", {3}, "junk"),
    ],
)
def test_the_mildest_school_of_a_recipient_decides(address: str, schools: set[int], attitude: Attitude) -> None:
    party = Party(address, frozenset(schools))
    assert attitude_of(party, Concerned([party], SETTINGS)) == attitude
