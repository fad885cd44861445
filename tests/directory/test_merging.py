"""Two people found to be one, and the undoing of it: addresses, records, memberships go and come back whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from directory import list_adjustments
from directory.duplicate_listing import possible
from directory.exclusions import FamilyError
from directory.family_schema import kept_apart
from directory.list_definitions import find
from directory.list_membership import follow
from directory.merging import merges
from directory.report import Kind
from directory.schema import ACTIVE, LEFT, person
from tests.directory.academy import NEXT_SETTINGS, everything, members, pupil, relative, small, take, teacher
from tests.directory.conftest import Transaction
from tests.directory.family import (
    AUTHOR,
    CHILDREN,
    FAMILY,
    OF_6A,
    OF_6B,
    PARENTS,
    SCHOOL,
    holder,
    imported,
    main_address,
    merge,
    split,
)

EVA, OTHER = "eva.roy@ent.example.org", "eva.roy2@ent.example.org"
TWICE = (relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Éva Roy", mail="eva@x.fr"))


async def test_a_merge_lasts_through_imports_until_it_is_undone(transaction: Transaction) -> None:
    await transaction(lambda connection: imported(connection, *FAMILY))
    await transaction(lambda connection: merge(connection, EVA, OTHER))

    def one_person(connection: Connection) -> None:
        found = members(connection)
        assert found[OF_6A] == found[OF_6B] == found[PARENTS] == {11}
        assert holder(connection, OTHER) == 11
        assert _state(connection, 12) == LEFT
        assert [(one.dropped, one.kept) for one in merges(connection)] == [(OTHER, EVA)]

    await transaction(one_person)

    def again(connection: Connection) -> None:
        report = imported(connection, *FAMILY)
        assert report.changed.total() == report.left.total() == report.returned.total() == report.added.total() == 0
        take(connection, small(*FAMILY), replace(NEXT_SETTINGS, force=True))

    await transaction(again)
    await transaction(one_person)

    def two(connection: Connection) -> None:
        assert split(connection, OTHER) == OTHER
        found = members(connection)
        assert (found[OF_6A], found[OF_6B], found[PARENTS]) == ({11}, {12}, {11, 12})
        assert holder(connection, OTHER) == 12
        assert main_address(connection, 12) == OTHER
        assert _state(connection, 12) == ACTIVE
        report = imported(connection, *CHILDREN, *TWICE)
        assert report.left.total() == 0
        assert members(connection)[PARENTS] == {11, 12}
        assert report.suspicious[Kind.POSSIBLE_DUPLICATE] == 0

    await transaction(two)


def test_a_merge_and_its_undoing_leave_the_directory_as_it_was(connection: Connection) -> None:
    imported(connection, *FAMILY)
    before = everything(connection)
    merge(connection, EVA, OTHER)
    split(connection, OTHER)
    after = everything(connection)
    assert len(after.pop("kept_apart")) == 1
    before.pop("kept_apart")
    assert after == before


async def test_what_an_import_merged_can_be_parted_for_good(transaction: Transaction) -> None:
    await transaction(lambda connection: imported(connection, *CHILDREN, *TWICE))

    def work(connection: Connection) -> None:
        assert members(connection)[PARENTS] == {11}
        assert [(one.one_record, one.other_record, one.score) for one in possible(connection, merged=True)] == [
            ("11", "12", 80)
        ]
        assert split(connection, "12") == OTHER
        assert members(connection)[OF_6B] == {12}

    await transaction(work)

    def again(connection: Connection) -> None:
        report = imported(connection, *CHILDREN, *TWICE)
        assert report.left.total() == report.added.total() == 0
        assert members(connection)[PARENTS] == {11, 12}
        assert possible(connection) == possible(connection, merged=True) == []

    await transaction(again)


def test_merges_are_undone_in_any_order(connection: Connection) -> None:
    third = pupil(3, "C Roy", in_class="6C", links=(replace(CHILDREN[0].links[0], relative="13"),))
    imported(connection, *FAMILY, third, relative(13, "Éva Roy"))
    last = main_address(connection, 13)
    merge(connection, OTHER, last)
    merge(connection, EVA, OTHER)
    assert members(connection)[PARENTS] == {11}
    assert {holder(connection, one) for one in (EVA, OTHER, last)} == {11}
    split(connection, OTHER)
    assert [holder(connection, one) for one in (EVA, OTHER, last)] == [11, 12, 12]
    assert members(connection)[PARENTS] == {11, 12}
    merge(connection, EVA, OTHER)
    split(connection, last)
    assert [holder(connection, one) for one in (EVA, OTHER, last)] == [11, 11, 13]
    assert members(connection)[PARENTS] == {11, 13}


def test_a_new_record_between_people_kept_apart_is_who_it_agrees_with(connection: Connection) -> None:
    imported(connection, *FAMILY)
    merge(connection, EVA, OTHER)
    split(connection, OTHER)
    third = pupil(3, "C Roy", in_class="6C", links=(replace(CHILDREN[0].links[0], relative="13"),))
    one = relative(11, "Éva Roy", mail="one@x.fr")
    other = relative(12, "Éva Roy", mail="two@x.fr")
    imported(connection, *CHILDREN, third, one, other, relative(13, "Éva Roy", mail="two@x.fr"))
    assert members(connection)["6c.parents@clg-jules-ferry.ent.example.org"] == {12}
    assert members(connection)[PARENTS] == {11, 12}


def test_additions_and_exclusions_of_both_count_while_merged(connection: Connection) -> None:
    imported(connection, *FAMILY, teacher(3, "Max Lund", "6A"))
    one = find(connection, "profs@clg-jules-ferry.ent.example.org")
    list_adjustments.add(connection, one, [list_adjustments.find_person(connection, OTHER)], AUTHOR)
    out = find(connection, OF_6A)
    list_adjustments.exclude(connection, out, [list_adjustments.find_person(connection, OTHER)], AUTHOR)
    follow(connection, [one.list_id, out.list_id])
    merge(connection, EVA, OTHER)
    found = members(connection)
    assert found[one.address] == {3, 11}
    assert OF_6A not in found
    list_adjustments.include(connection, out, [list_adjustments.find_person(connection, EVA)])
    follow(connection, [out.list_id])
    assert members(connection)[OF_6A] == {11}
    split(connection, OTHER)
    assert members(connection)[one.address] == {3, 12}


async def test_the_doubtful_are_listed_by_school(transaction: Transaction) -> None:
    homes = (relative(11, "Éva Roy", postal="1 rue X"), relative(12, "Éva Roy", postal="1 rue X"))

    def work(connection: Connection) -> None:
        imported(connection, *CHILDREN, *homes)
        (found,) = possible(connection, SCHOOL)
        assert (found.one_address, found.other_address, found.score) == (EVA, OTHER, 50)
        assert found.evidence == "same name, postal address"
        assert possible(connection, "0999999X") == []
        merge(connection, EVA, OTHER)
        assert possible(connection) == []
        split(connection, OTHER)
        assert possible(connection) == []
        assert len(connection.execute(select(kept_apart)).all()) == 1
        merge(connection, EVA, OTHER)
        assert connection.execute(select(kept_apart)).all() == []

    await transaction(work)


def test_who_is_never_merged(connection: Connection) -> None:
    imported(connection, *FAMILY, teacher(3, "Max Lund", "6A"))
    before = everything(connection)
    cases = [
        (EVA, EVA, "one person already"),
        (EVA, "a.roy@ent.example.org", "is no parent"),
        ("a.roy@ent.example.org", EVA, "is no parent"),
        (EVA, "max.lund@ent.example.org", "is no parent"),
        (EVA, "nobody@ent.example.org", "there is no person"),
    ]
    for keep, drop, why in cases:
        with pytest.raises(FamilyError, match=why):
            merge(connection, keep, drop)
    for what, why in [(EVA, "has been merged"), ("11", "own"), ("99", "there is no record")]:
        with pytest.raises(FamilyError, match=why):
            split(connection, what)
    assert everything(connection) == before


def test_who_left_is_dropped_not_kept(connection: Connection) -> None:
    imported(connection, *FAMILY)
    imported(connection, CHILDREN[0], *FAMILY[2:])
    with pytest.raises(FamilyError, match="has left"):
        merge(connection, OTHER, EVA)
    merge(connection, EVA, OTHER)
    assert holder(connection, OTHER) == 11
    split(connection, OTHER)
    assert (_state(connection, 12), holder(connection, OTHER)) == (LEFT, 12)


def _state(connection: Connection, number: int) -> str:
    found: str = connection.execute(select(person.c.state).where(person.c.source_id == str(number))).scalar_one()
    return found
