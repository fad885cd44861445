"""Every fuzzed property for a moment under Hypothesis: any octets, and seeds with octets changed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

_CHANGES = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 8), st.binary(max_size=8)), max_size=5)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_octets(name: str, data: st.DataObject) -> None:
    octets = data.draw(st.binary(max_size=200) | st.sampled_from(TARGETS[name].seeds))
    for at, removed, added in data.draw(_CHANGES):
        octets = octets[:at] + added + octets[at + removed :]
    TARGETS[name].check(octets)
