"""Records of one name are compared with those alone that have more in common, and none of these is missed."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from directory.duplicate_evidence import Traits, alike, compare

some = st.frozensets(st.sampled_from("abc"), max_size=2)
traits = st.builds(
    Traits,
    title=st.sampled_from(("", "M.", "Mme")),
    mail=st.sampled_from(("", "a", "b")),
    mobiles=some,
    postal=st.sampled_from(("", "a", "b")),
    children=st.frozensets(st.integers(1, 3), max_size=2),
)


@given(st.lists(traits, max_size=8))
def test_what_has_nothing_in_common_is_all_that_is_left_out(records: list[Traits]) -> None:
    numbered = combinations(range(len(records)), 2)
    every = {(one, other): compare(records[one], records[other]) for one, other in numbered}
    assert list(alike(records).items()) == [(pair, found) for pair, found in every.items() if found.same]


def test_thousands_of_one_name_are_not_compared_each_with_each() -> None:
    records = [Traits("M.", f"{number // 2}@example.org", frozenset(), "", frozenset()) for number in range(20_000)]
    assert len(alike(records)) == 10_000
