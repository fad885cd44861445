"""Guardians whom a school excludes are no guardians, at once and after every import, until that is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, literal, select

from directory import list_adjustments, ties
from directory.exclusions import FamilyError, exclusions, find_parent, to_close
from directory.list_definitions import find
from directory.list_membership import follow
from directory.schema import Id, person
from tests.directory.academy import NEXT_SETTINGS, guardian_of, members, pupil, relative, small, take, teacher
from tests.directory.conftest import Transaction
from tests.directory.family import (
    AUTHOR,
    CHILDREN,
    FAMILY,
    OF_6A,
    OF_6B,
    PARENTS,
    SCHOOL,
    exclude,
    imported,
    lift,
    main_address,
    merge,
    split,
)

EVA = "eva.roy@ent.example.org"
CHILD = "a.roy@ent.example.org"


async def test_an_exclusion_holds_at_once_through_imports_and_until_lifted(transaction: Transaction) -> None:
    await transaction(lambda connection: imported(connection, *FAMILY))

    def shut(connection: Connection) -> None:
        exclude(connection, EVA, CHILD)
        found = members(connection)
        assert OF_6A not in found
        assert found[PARENTS] == {12}
        assert _ties(connection, 11) == set()
        assert [(one.address, one.target, one.reason, one.actor) for one in exclusions(connection)] == [
            (EVA, CHILD, "jugement", "root")
        ]

    await transaction(shut)

    def again(connection: Connection) -> None:
        report = imported(connection, *FAMILY)
        assert report.changed.total() == report.left.total() == 0
        assert members(connection)[PARENTS] == {12}
        take(connection, small(*FAMILY), replace(NEXT_SETTINGS, force=True))
        assert members(connection)[PARENTS] == {12}

    await transaction(again)

    def opened(connection: Connection) -> None:
        lift(connection, EVA, CHILD)
        found = members(connection)
        assert (found[OF_6A], found[PARENTS]) == ({11}, {11, 12})
        assert _ties(connection, 11) >= {"class", "school"}
        assert exclusions(connection) == []

    await transaction(opened)


async def test_a_school_excludes_for_all_its_pupils_and_from_lists_by_hand(transaction: Transaction) -> None:
    both = (
        pupil(1, "A Roy", links=(guardian_of(11),)),
        pupil(2, "B Roy", in_class="6B", links=(guardian_of(11), guardian_of(12))),
    )
    await transaction(lambda connection: imported(connection, *both, *FAMILY[2:], teacher(3, "Max Lund", "6A")))

    def work(connection: Connection) -> None:
        one = find(connection, "profs@clg-jules-ferry.ent.example.org")
        list_adjustments.add(connection, one, [list_adjustments.find_person(connection, EVA)], AUTHOR)
        follow(connection, [one.list_id])
        assert members(connection)[one.address] == {3, 11}
        exclude(connection, EVA, SCHOOL)
        found = members(connection)
        assert all(11 not in people for people in found.values())
        assert found[OF_6B] == {12}
        assert [each.reason for each in list_adjustments.adjustments(connection, one.list_id) if each.excluded] == [
            "jugement"
        ]

    await transaction(work)
    await transaction(lambda connection: imported(connection, *both, *FAMILY[2:], teacher(3, "Max Lund", "6A")))

    def still(connection: Connection) -> None:
        assert all(11 not in people for people in members(connection).values())
        lift(connection, EVA, SCHOOL)
        found = members(connection)
        assert found[OF_6B] == {11, 12}
        assert found["profs@clg-jules-ferry.ent.example.org"] == {3, 11}

    await transaction(still)


def test_whose_account_is_closed(connection: Connection) -> None:
    both = [replace(child, links=(guardian_of(11),)) for child in CHILDREN]
    imported(connection, *both, relative(11, "Éva Roy"))
    number = find_parent(connection, EVA).person_id
    exclude(connection, EVA, CHILD)
    assert to_close(connection) == ([], [])
    exclude(connection, EVA, "b.roy@ent.example.org")
    assert to_close(connection) == ([number], [])
    lift(connection, EVA, CHILD)
    assert to_close(connection) == ([], [number])
    assert to_close(connection) == ([], [])


def test_an_exclusion_follows_a_merge_and_stays_with_its_owner(connection: Connection) -> None:
    imported(connection, *FAMILY)
    other = main_address(connection, 12)
    exclude(connection, other, "b.roy@ent.example.org")
    merge(connection, EVA, other)
    assert members(connection)[PARENTS] == {11}
    assert OF_6B not in members(connection)
    split(connection, other)
    assert members(connection)[PARENTS] == {11}
    lift(connection, other, "b.roy@ent.example.org")
    assert members(connection)[PARENTS] == {11, 12}


def test_who_cannot_be_excluded(connection: Connection) -> None:
    imported(connection, *FAMILY, teacher(3, "Max Lund", "6A"))
    cases = [
        (EVA, "b.roy@ent.example.org", "is no guardian of"),
        (EVA, "max.lund@ent.example.org", "there is no pupil"),
        (EVA, "0999999X", "there is no school"),
        ("max.lund@ent.example.org", SCHOOL, "is no parent"),
        (CHILD, SCHOOL, "is no parent"),
        ("nobody@ent.example.org", SCHOOL, "there is no person"),
    ]
    for whom, target, why in cases:
        with pytest.raises(FamilyError, match=why):
            exclude(connection, whom, target)
    with pytest.raises(FamilyError, match="needs a reason"):
        exclude(connection, EVA, CHILD, " ")
    exclude(connection, EVA, CHILD)
    with pytest.raises(FamilyError, match="already"):
        exclude(connection, EVA, CHILD)
    with pytest.raises(FamilyError, match="is not excluded"):
        lift(connection, EVA, SCHOOL)


def test_a_guardian_without_authority_is_tied_to_nothing(connection: Connection) -> None:
    child = pupil(1, "A Roy", links=(guardian_of(11), replace(guardian_of(12), legal=2)))
    other = pupil(2, "B Roy", in_class="6B", links=(guardian_of(12),))
    imported(connection, child, other, *FAMILY[2:])
    assert members(connection)[OF_6A] == {11}
    shared = _targets(connection, 12) & _targets(connection, 1)
    assert {kind for kind, _ in shared} == {"school"}
    assert "class" in {kind for kind, _ in _targets(connection, 11) & _targets(connection, 1)}
    assert (ties.CHILD, _id(connection, 1)) not in _targets(connection, 12)
    assert (ties.CHILD, _id(connection, 1)) in _targets(connection, 11)


def _id(connection: Connection, number: int) -> int:
    found: int = connection.execute(select(person.c.person_id).where(person.c.source_id == str(number))).scalar_one()
    return found


def _known(connection: Connection, number: int) -> frozenset[ties.Tie]:
    found = connection.execute(select(ties.facts(literal(_id(connection, number), Id))))
    return ties.ties((ties.Fact(*row) for row in found), 0)


def _ties(connection: Connection, number: int) -> set[str]:
    return {tie.kind for tie in _known(connection, number)}


def _targets(connection: Connection, number: int) -> set[tuple[str, int]]:
    return {(tie.kind, tie.target_id) for tie in _known(connection, number)}
