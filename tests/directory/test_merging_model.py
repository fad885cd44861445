"""Merges, splits and imports in any order, against a model that only knows owners and a forest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from directory.exclusions import FamilyError
from directory.family_schema import merged_address, person_merge
from directory.schema import address
from tests.directory.academy import empty_directory, guardian_of, members, pupil, relative
from tests.directory.family import holder, imported, main_address, merge, split
from tests.support.examples import MODEL_EXAMPLES

RECORDS = (11, 12, 13, 14)
PEOPLE = tuple(relative(number, "Éva Roy") for number in RECORDS)

merging = st.tuples(st.just("merge"), st.sampled_from(RECORDS), st.sampled_from(RECORDS))
splitting = st.tuples(st.just("split"), st.sampled_from(RECORDS), st.just(0))
importing = st.tuples(st.just("import"), st.integers(1, 2 ** len(RECORDS) - 1), st.just(0))
steps = st.lists(st.one_of(merging, merging, splitting, importing), min_size=1, max_size=9)


@dataclass
class Model:
    """Who was merged into whom; whose child is at school, and who has an account in use."""

    kept: dict[int, int] = field(default_factory=dict)
    here: set[int] = field(default_factory=lambda: set(RECORDS))
    active: set[int] = field(default_factory=lambda: set(RECORDS))

    def root(self, one: int) -> int:
        while one in self.kept:
            one = self.kept[one]
        return one

    def below(self, root: int) -> set[int]:
        """The records that stand for a person, or would if the person were none's."""
        return {one for one in RECORDS if root in self._way(one)}

    def _way(self, one: int) -> list[int]:
        found = [one]
        while found[-1] in self.kept:
            found.append(self.kept[found[-1]])
        return found


def at(number: int) -> str:
    """The list of the class of which only that record's child is a pupil."""
    return f"6{number}.parents@clg-jules-ferry.ent.example.org"


def bring(connection: Connection, here: set[int]) -> None:
    """Import the set with the children of these records."""
    children = [pupil(one - 10, f"P{one} Roy", links=(guardian_of(one),), in_class=f"6{one}") for one in sorted(here)]
    imported(connection, *children, *PEOPLE)


def step(connection: Connection, model: Model, own: dict[int, str], what: str, one: int, other: int) -> None:
    """Do one thing to both."""
    if what == "import":
        model.here = {number for bit, number in enumerate(RECORDS) if one >> bit & 1}
        bring(connection, model.here)
        model.active = {number for number in RECORDS if number not in model.kept and model.below(number) & model.here}
    elif what == "merge":
        keep, drop = model.root(one), model.root(other)
        if keep == drop or keep not in model.active:
            with pytest.raises(FamilyError), connection.begin_nested():
                merge(connection, own[one], own[other])
            return
        merge(connection, own[one], own[other])
        model.kept[drop] = keep
        model.active.discard(drop)
    elif one in model.kept:
        split(connection, own[one])
        del model.kept[one]
        if model.below(one) & model.here:
            model.active.add(one)
    else:
        with pytest.raises(FamilyError), connection.begin_nested():
            split(connection, own[one])


@settings(max_examples=MODEL_EXAMPLES or 8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_addresses_and_memberships_are_their_owners(done: Sequence[tuple[str, int, int]]) -> None:
    with empty_directory() as connection:
        bring(connection, set(RECORDS))
        model = Model()
        own = {number: main_address(connection, number) for number in RECORDS}
        for what, one, other in done:
            step(connection, model, own, what, one, other)
            assert {one: holder(connection, text) for one, text in own.items()} == {
                one: model.root(one) for one in RECORDS
            }
            assert set(own.values()) == set(
                connection.scalars(select(address.c.address).where(address.c.base == own[11]))
            )
            found = members(connection)
            wanted = {at(one): {model.root(one)} for one in model.here if model.root(one) in model.active}
            assert {name: who for name, who in found.items() if name in map(at, RECORDS)} == wanted
        for one in [*model.kept]:
            split(connection, own[one])
        assert {one: holder(connection, text) for one, text in own.items()} == {one: one for one in RECORDS}
        assert connection.execute(select(merged_address)).all() == connection.execute(select(person_merge)).all() == []
