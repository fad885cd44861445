"""Related persons entered twice are merged on evidence, never on the name alone, never across kinds."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from directory.model import Link, Record
from directory.report import ImportReport, Kind
from directory.schema import person, person_source
from tests.directory.academy import SETTINGS, guardian_of, members, pupil, relative, small, take, teacher

CHILDREN = (pupil(1, "A Roy", links=(guardian_of(11),)), pupil(2, "B Roy", links=(guardian_of(12),)))
PARENTS = "parents@clg-jules-ferry.ent.example.org"


def _take(connection: Connection, *people: Record) -> ImportReport:
    return take(connection, small(*people), replace(SETTINGS, force=True))


def _parents(connection: Connection) -> set[int]:
    return members(connection)[PARENTS]


def test_same_name_and_mail_is_one_person(connection: Connection) -> None:
    first = relative(11, "Éva Roy-Petit", mail="eva@x.fr")
    _take(connection, *CHILDREN, first, relative(12, "EVA ROY PETIT", mail="EVA@X.FR"))
    assert _parents(connection) == {11}


def test_same_name_and_mobile_is_one_person(connection: Connection) -> None:
    first = relative(11, "Éva Roy", mobiles=("06 39 98 97 72",))
    _take(connection, *CHILDREN, first, relative(12, "Éva Roy", mobiles=("0033 6 39 98 97 72", "0612")))
    assert _parents(connection) == {11}


def test_the_name_alone_is_not_enough(connection: Connection) -> None:
    _take(connection, *CHILDREN, relative(11, "Éva Roy"), relative(12, "Éva Roy", mail="eva@x.fr"))
    assert _parents(connection) == {11, 12}


def test_name_and_postal_address_are_only_a_proposal(connection: Connection) -> None:
    twins = relative(11, "Éva Roy", postal="1 rue X 13000 Y"), relative(12, "Éva Roy", postal="1, RUE X - 13000 Y")
    report = _take(connection, *CHILDREN, *twins)
    assert _parents(connection) == {11, 12}
    assert report.suspicious[Kind.POSSIBLE_DUPLICATE] == 1


def test_a_couple_with_one_mail_stays_two_people(connection: Connection) -> None:
    _take(connection, *CHILDREN, relative(11, "Éva Roy", mail="roy@x.fr"), relative(12, "Léo Roy", mail="roy@x.fr"))
    assert _parents(connection) == {11, 12}


def test_a_man_and_a_woman_of_one_name_stay_two_people(connection: Connection) -> None:
    woman = relative(11, "Camille Roy", mail="roy@x.fr", title="Mme")
    _take(connection, *CHILDREN, woman, relative(12, "Camille Roy", mail="roy@x.fr", title="M."))
    assert _parents(connection) == {11, 12}


def test_madame_and_mademoiselle_are_one_person(connection: Connection) -> None:
    woman = relative(11, "Camille Roy", mail="roy@x.fr", title="Mme")
    _take(connection, *CHILDREN, woman, relative(12, "Camille Roy", mail="roy@x.fr", title="Mlle"))
    assert _parents(connection) == {11}


def test_more_that_differs_than_agrees_is_only_a_proposal(connection: Connection) -> None:
    first = relative(11, "Éva Roy", mail="eva@x.fr", mobiles=("0600000001",), postal="1 rue X")
    second = relative(12, "Éva Roy", mail="eva@x.fr", mobiles=("0600000002",), postal="2 rue Y")
    report = _take(connection, *CHILDREN, first, second)
    assert _parents(connection) == {11, 12}
    assert report.suspicious[Kind.POSSIBLE_DUPLICATE] == 1


def test_kinds_are_never_merged(connection: Connection) -> None:
    parent = relative(11, "Éva Roy", mail="eva@x.fr")
    _take(connection, pupil(1, "Éva Roy", links=(guardian_of(11),)), parent, teacher(3, "Éva Roy", "6A"))
    assert set(connection.scalars(select(person.c.source_id))) == {"1", "11", "3"}


def test_a_merge_lasts_when_its_evidence_is_gone(connection: Connection) -> None:
    first, second = relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Éva Roy", mail="eva@x.fr")
    _take(connection, *CHILDREN, first, second)
    report = _take(connection, *CHILDREN, first, replace(second, mail=""))
    assert _parents(connection) == {11}
    assert report.changed.total() == report.added.total() == report.left.total() == 0


def test_two_accounts_are_never_merged_afterwards(connection: Connection) -> None:
    _take(connection, *CHILDREN, relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Éva Roy"))
    both = relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Éva Roy", mail="eva@x.fr")
    report = _take(connection, *CHILDREN, *both)
    assert _parents(connection) == {11, 12}
    assert "both have an account" in next(one.why for one in report.findings if one.kind is Kind.POSSIBLE_DUPLICATE)


def test_an_account_outlives_the_record_that_made_it(connection: Connection) -> None:
    first, second = relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Eva Roy", mail="eva@x.fr")
    _take(connection, *CHILDREN, first, second)
    known = set(connection.execute(select(person_source.c.source_id, person_source.c.person_id)))
    pupils = [replace(child, links=(guardian_of(12),)) for child in CHILDREN]
    report = _take(connection, *pupils, second)
    assert report.left.total() == report.added.total() == 0
    assert set(connection.execute(select(person_source.c.source_id, person_source.c.person_id))) == known


def test_one_pupil_naming_both_records_has_one_guardian(connection: Connection) -> None:
    child = pupil(1, "A Roy", links=(Link("11", 10, 0), Link("12", 10, 1)))
    _take(connection, child, relative(11, "Éva Roy", mail="eva@x.fr"), relative(12, "Eva Roy", mail="eva@x.fr"))
    assert len(_parents(connection)) == 1


def test_only_legal_guardians_have_accounts(connection: Connection) -> None:
    links = (Link("11", 10, 1), Link("12", 39, 0), Link("13", 90, 2), Link("14", 70, 1))
    people = [relative(number, f"P Roy{number}") for number in (11, 12, 13, 14, 15)]
    report = _take(connection, pupil(1, "A Roy", links=links), *people)
    assert _parents(connection) == {11}
    assert report.without_account == {"contact": 1, "person in charge": 1, "self": 1, "no child": 1}


def test_a_contact_of_one_child_is_no_parent_of_it_though_guardian_of_another(connection: Connection) -> None:
    first = pupil(1, "A Roy", links=(guardian_of(11),))
    second = pupil(2, "B Roy", in_class="6B", links=(Link("11", 39, 0),))
    _take(connection, first, second, relative(11, "Éva Roy"))
    found = members(connection)
    assert found["6a.parents@clg-jules-ferry.ent.example.org"] == {11}
    assert "6b.parents@clg-jules-ferry.ent.example.org" not in found


def test_an_adult_pupil_is_not_his_own_parent_though_guardian_of_another(connection: Connection) -> None:
    adult = pupil(1, "A Roy", links=(Link("11", 70, 1),))
    brother = pupil(2, "B Roy", in_class="6B", links=(guardian_of(11),))
    _take(connection, adult, brother, relative(11, "A Roy"))
    found = members(connection)
    assert found["6b.parents@clg-jules-ferry.ent.example.org"] == {11}
    assert "6a.parents@clg-jules-ferry.ent.example.org" not in found


def test_guardians_follow_only_when_no_child_is_left(connection: Connection) -> None:
    both = [replace(child, links=(guardian_of(11),)) for child in CHILDREN]
    _take(connection, *both, relative(11, "Éva Roy"))
    assert _take(connection, both[0], relative(11, "Éva Roy")).left == {"pupil": 1}
    assert _take(connection, pupil(3, "C Roy"), relative(11, "Éva Roy")).left == {"pupil": 1, "relative": 1}
