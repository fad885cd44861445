"""The demo academy gives exactly the accounts, structures and lists of its ground truth."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Connection, select

from directory.names import folded
from directory.queries import SCHOOLS_OF_PEOPLE
from directory.report import ImportReport, Kind
from directory.schema import (
    address,
    cite,
    class_,
    class_mef,
    class_member,
    enrolment,
    group_class,
    group_member,
    guardian,
    head_teacher,
    level,
    list_,
    mef,
    person,
    person_source,
    school,
    staff_function,
    teaching_group,
)
from tests.directory.academy import expected, members

Demo = tuple[Connection, ImportReport]


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def numbers(demo: Demo) -> dict[int, int]:
    """Record number by person."""
    return {row.person_id: int(row.source_id) for row in demo[0].execute(select(person))}


def test_every_list_has_its_members(demo: Demo, truth: dict[str, Any]) -> None:
    assert members(demo[0]) == {name: set(found["members"]) for name, found in truth["lists"].items()}


def test_every_list_tells_what_it_is(demo: Demo, truth: dict[str, Any]) -> None:
    rows = demo[0].execute(
        select(list_, school.c.uai, cite.c.slug)
        .outerjoin(school, school.c.school_id == list_.c.school_id)
        .outerjoin(cite, cite.c.cite_id == list_.c.target_id)
        .where(list_.c.active)
    )
    got = {row.address: (row.kind, row.audience, row.uai or row.slug, row.ref) for row in rows}
    assert got == {
        name: (found["kind"], found["audience"], found["school"], found["ref"])
        for name, found in truth["lists"].items()
    }


def test_every_account_has_its_address_profile_and_title(demo: Demo, truth: dict[str, Any]) -> None:
    rows = demo[0].execute(select(person, address.c.address).join(address, address.c.person_id == person.c.person_id))
    got = {int(row.source_id): (row.address, row.sdet, row.title, folded(row.sn), folded(row.given)) for row in rows}
    assert got == {
        one["id"]: (one["address"], one["profile"], one["title"], folded(one["sn"]), folded(one["given"]))
        for one in truth["accounts"]
    }


def test_names_of_families_keep_their_accents(demo: Demo, truth: dict[str, Any]) -> None:
    """The national files give staff without accents, so only pupils and their relations can be compared exactly."""
    rows = demo[0].execute(select(person).where(person.c.profile.in_(["pupil", "relative"])))
    got = {int(row.source_id): (row.given, row.sn) for row in rows}
    families = {one["id"]: (one["given"], one["sn"]) for one in truth["accounts"] if one["profile"] in ("ELV", "TUT")}
    different = {number for number, name in families.items() if got[number] != name}
    assert {families[number][1] for number in different} <= {"D'Hondt"}


def test_schools_of_accounts(demo: Demo, truth: dict[str, Any], numbers: dict[int, int]) -> None:
    got: dict[int, set[str]] = {}
    for row in demo[0].execute(SCHOOLS_OF_PEOPLE):
        got.setdefault(numbers[row.person_id], set()).add(row.uai)
    assert got == {one["id"]: set(one["schools"]) for one in truth["accounts"] if one["schools"]}


def test_pupils_have_class_level_groups_and_guardians(
    demo: Demo, truth: dict[str, Any], numbers: dict[int, int]
) -> None:
    connection = demo[0]
    got: dict[int, dict[str, Any]] = {}
    for row in connection.execute(select(enrolment)):
        empty: dict[str, Any] = {"class": None, "level": row.level, "groups": [], "guardians": []}
        got[numbers[row.person_id]] = empty
    for row in connection.execute(select(class_member.c.person_id, class_.c.name).join(class_)):
        got[numbers[row.person_id]]["class"] = row.name
    for row in connection.execute(select(group_member.c.person_id, teaching_group.c.name).join(teaching_group)):
        got[numbers[row.person_id]]["groups"].append(row.name)
    for row in connection.execute(select(guardian).where(guardian.c.legal == 1)):
        got[numbers[row.pupil_id]]["guardians"].append(numbers[row.person_id])
    pupils = [one for one in truth["accounts"] if one["profile"] == "ELV"]
    assert {number: {key: _sorted(value) for key, value in one.items()} for number, one in got.items()} == {
        one["id"]: {key: _sorted(one[key]) for key in ("class", "level", "groups", "guardians")} for one in pupils
    }


def _sorted(value: object) -> object:
    return sorted(value) if isinstance(value, list) else value


def test_staff_have_functions_and_classes(demo: Demo, truth: dict[str, Any], numbers: dict[int, int]) -> None:
    connection = demo[0]
    functions: dict[int, set[tuple[str, ...]]] = {}
    rows = connection.execute(select(staff_function, school.c.uai).join(school).where(school.c.domain.is_not(None)))
    for row in rows:
        functions.setdefault(numbers[row.person_id], set()).add((row.uai, row.code, row.discipline))
    heads: dict[int, set[tuple[str, ...]]] = {}
    for row in connection.execute(
        select(head_teacher.c.person_id, school.c.uai, class_.c.name)
        .join(class_, class_.c.class_id == head_teacher.c.class_id)
        .join(school, school.c.school_id == class_.c.school_id)
    ):
        heads.setdefault(numbers[row.person_id], set()).add((row.uai, row.name))
    staff = [one for one in truth["accounts"] if "functions" in one]
    void = {"-": ""}
    assert functions == {
        one["id"]: {(uai, code, void.get(discipline, discipline)) for uai, code, discipline in one["functions"]}
        for one in staff
        if one["functions"]
    }
    assert heads == {one["id"]: set(map(tuple, one["head_teacher_of"])) for one in staff if one["head_teacher_of"]}


def test_children_of_relatives(demo: Demo, truth: dict[str, Any], numbers: dict[int, int]) -> None:
    got: dict[int, set[int]] = {}
    for row in demo[0].execute(select(guardian)):
        got.setdefault(numbers[row.person_id], set()).add(numbers[row.pupil_id])
    assert got == {one["id"]: set(one["children"]) for one in truth["accounts"] if one["profile"] == "TUT"}


def test_schools_classes_and_groups(demo: Demo, truth: dict[str, Any]) -> None:
    connection = demo[0]
    found = connection.execute(
        select(school, cite.c.slug.label("cite")).outerjoin(cite).where(school.c.domain.is_not(None))
    ).all()
    assert {(row.uai, row.siren, row.kind, row.name, row.domain, row.cite) for row in found} == {
        tuple(one[key] for key in ("uai", "siren", "kind", "name", "domain", "cite")) for one in truth["schools"]
    }
    for one in truth["schools"]:
        of_school = school.c.uai == one["uai"]
        classes = connection.execute(select(class_).join(school).where(of_school)).all()
        mefs: dict[int, set[str]] = {}
        for row in connection.execute(select(class_mef)):
            mefs.setdefault(row.class_id, set()).add(row.mef)
        assert {(row.name, row.slug, frozenset(mefs[row.class_id])) for row in classes} == {
            (each["name"], each["slug"], frozenset(each["mefs"])) for each in one["classes"]
        }
        groups = connection.execute(select(teaching_group).join(school).where(of_school)).all()
        names = {row.class_id: row.name for row in classes}
        of_group: dict[int, set[str]] = {}
        for row in connection.execute(select(group_class).where(group_class.c.class_id.in_(names))):
            of_group.setdefault(row.group_id, set()).add(names[row.class_id])
        assert {(row.name, row.slug, row.label, frozenset(of_group[row.group_id])) for row in groups} == {
            (each["code"], each["slug"], each["label"], frozenset(each["classes"])) for each in one["groups"]
        }


def test_levels_of_programmes(demo: Demo, truth: dict[str, Any]) -> None:
    rows = demo[0].execute(select(mef)).all()
    assert {row.mef: row.level for row in rows} == truth["mef_levels"]
    labels = {row.level: row.label for row in demo[0].execute(select(level))}
    assert labels.items() <= truth["levels"].items()


def test_people_entered_twice_are_one_account(demo: Demo, truth: dict[str, Any], numbers: dict[int, int]) -> None:
    rows = demo[0].execute(select(person_source))
    got = {row.source_id: numbers[row.person_id] for row in rows if int(row.source_id) != numbers[row.person_id]}
    assert got == truth["aliases"]


def test_related_persons_who_are_not_guardians_have_no_account(demo: Demo, truth: dict[str, Any]) -> None:
    connection, report = demo
    reasons = Counter(one["reason"] for one in truth["not_accounts"])
    assert report.without_account == reasons
    known = {int(number) for number in connection.scalars(select(person_source.c.source_id))}
    assert known.isdisjoint(one["id"] for one in truth["not_accounts"])


def test_the_report_names_what_is_suspicious(demo: Demo) -> None:
    report = demo[1]
    assert report.added == {
        "relative": 595,
        "pupil": 455,
        "teacher": 45,
        "administrative": 10,
        "school_life": 6,
        "management": 3,
        "other": 1,
    }
    assert len(report.added_ids) == report.added.total() == 1115
    assert report.suspicious == {
        Kind.EMPTY_FUNCTIONS: 1,
        Kind.VOID_FUNCTION: 1,
        Kind.REPLACEMENT_ZONE: 1,
        Kind.MERGED_DUPLICATE: 6,
        Kind.POSSIBLE_DUPLICATE: 1,
        Kind.PUPIL_WITHOUT_CLASS: 2,
        Kind.CLASS_WITHOUT_TEACHER: 1,
    }
    who = {finding.kind: finding.who for finding in report.findings}
    assert who[Kind.EMPTY_FUNCTIONS].startswith("1000047 ")
    assert who[Kind.VOID_FUNCTION].startswith("1000065 ")
    assert who[Kind.REPLACEMENT_ZONE].startswith("1000064 ")
    assert who[Kind.CLASS_WITHOUT_TEACHER] == "BTS SIO 2 (0131002U)"
    assert report.lists.created == 394
    assert report.lists.members_added == 14_058


def test_the_report_can_be_shown_and_sent(demo: Demo) -> None:
    report = demo[1]
    shown = report.to_text(examples=2)
    assert "People added: 1115 (595 relative, 455 pupil" in shown
    assert "merged duplicate: 6" in shown
    assert shown.count("same name, same mobile") <= 2
    sent = json.loads(json.dumps(report.to_json()))
    assert sent["added"]["pupil"] == 455
    assert len(sent["findings"]) == report.suspicious.total()
