"""What people decide about lists: by rule, by hand, nested, adjusted, closed, with further addresses and delegates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from directory import list_aliases, list_definitions, list_delegates
from directory.addresses import TakenAddressError
from directory.list_changes import Limits
from directory.list_definitions import find
from directory.list_delegates import HAS_ROLE, PEOPLE_WITH_ROLE, Role
from directory.list_expression import ExpressionError
from directory.list_graph import MAX_LEVELS, ListError
from directory.list_refresh import refresh
from directory.local import add_person
from directory.model import DirectoryError, Record
from directory.queries import LIST_BY_ADDRESS, LISTS
from directory.readers.aaf import read_aaf
from directory.report import Kind
from directory.schema import list_, list_member
from directory.why import ADDED, why
from tests.directory import listing
from tests.directory.academy import (
    DEMO,
    NEXT_SETTINGS,
    NEXT_YEAR,
    SETTINGS,
    expected,
    guardian_of,
    members,
    pupil,
    relative,
    small,
    take,
    teacher,
)
from tests.directory.conftest import Transaction
from tests.directory.listing import ADMIN, DOMAIN, adjust, all_members, counts, create, nest, set_rule, whole

COLLEGE = "clg-frederic-mistral.ent.example.org"
CITE = "profs@cite-frederic-mistral.ent.example.org"
EVA = "eva.roy@ent.example.org"
PROF = "a.prof@ent.example.org"


@pytest.fixture
def school(connection: Connection) -> Connection:
    """Two classes: pupil 1 and 2 of Éva Roy (11) in 6A and 6B, pupil 3 of Max Roux (12) in 6B; a teacher (5) in 6A."""
    take(connection, _school())
    return connection


def _school() -> list[Record]:
    return small(
        pupil(1, "A Roy", links=(guardian_of(11),)),
        pupil(2, "B Roy", links=(guardian_of(11),), in_class="6B"),
        pupil(3, "C Roux", links=(guardian_of(12),), in_class="6B"),
        relative(11, "Éva Roy"),
        relative(12, "Max Roux"),
        teacher(5, "A Prof", "6A"),
    )


async def test_the_lists_of_an_academy_through_decisions_and_imports(transaction: Transaction) -> None:
    """Every list exactly, on both engines: by rule, nested, added to, excluded from; a second set, and next year's."""

    def at(name: str) -> str:
        return f"{name}@{COLLEGE}"

    truth = expected()
    people = {one["id"]: one["address"] for one in truth["accounts"]}
    lists = {name: set(found["members"]) for name, found in truth["lists"].items()}
    level_6, level_5 = lists[at("niveau-6e.parents")], lists[at("niveau-5e.parents")]
    out = min(lists[at("6eme-a.parents")])
    teacher_of_it = min(lists[at("profs")] - lists[at("6eme-a.profs")])

    def decide(connection: Connection) -> None:
        take(connection, read_aaf(DEMO))
        create(connection, at("voyage"), "niveau-6e.parents - niveau-5e.parents")
        create(connection, at("deux-niveaux"), "(niveau-6e.parents & niveau-5e.parents) | voyage - direction")
        create(connection, at("ape"))
        nest(connection, at("ape"), at("voyage"), at("6eme-a.profs"))
        adjust(connection, "add", at("ape"), people[teacher_of_it], reason="trésorier")
        adjust(connection, "exclude", at("6eme-a.parents"), people[out], reason="jugement")
        adjust(connection, "add", at("6eme-a.pp"), people[teacher_of_it])
        adjust(connection, "exclude", CITE, people[teacher_of_it])

    await transaction(decide)
    lists[at("6eme-a.parents")].remove(out)
    lists[at("6eme-a.tous")].remove(out)
    lists[at("6eme-a.pp")].add(teacher_of_it)
    lists[CITE].remove(teacher_of_it)
    lists[at("voyage")] = level_6 - level_5
    lists[at("deux-niveaux")] = ((level_6 & level_5) | lists[at("voyage")]) - lists[at("direction")]
    lists[at("ape")] = lists[at("voyage")] | lists[at("6eme-a.profs")] | {teacher_of_it}
    assert await transaction(members) == lists
    kept = await transaction(listing.decided)
    report = await transaction(lambda connection: take(connection, read_aaf(DEMO)))
    assert report.list_changes == []
    assert await transaction(members) == lists
    await transaction(lambda connection: take(connection, read_aaf(NEXT_YEAR), NEXT_SETTINGS))
    assert await transaction(listing.decided) == kept
    later = await transaction(members)
    assert later[at("voyage")] == later[at("niveau-6e.parents")] - later[at("niveau-5e.parents")]
    assert out not in later[at("6eme-a.parents")]
    assert teacher_of_it in later[at("6eme-a.pp")]
    changed = await transaction(lambda connection: refresh(connection, None).list_changes)
    assert changed == []


def test_a_list_made_of_others_follows_each_change_of_them(school: Connection) -> None:
    create(school, "voyage", "6a.parents | 6b.parents - 6b.eleves")
    create(school, "ape")
    assert counts(nest(school, "ape", "voyage")) == {"ape": (2, 0)}
    done = adjust(school, "exclude", "6b.parents", "max.roux@ent.example.org")
    assert counts(done) == {"6b.parents": (0, 1), "6b.tous": (0, 1), "voyage": (0, 1), "ape": (0, 1)}
    assert [change.going for change in done] == [("max.roux@ent.example.org",)] * 4
    done = adjust(school, "exclude", "6b.parents", EVA)
    assert counts(done) == {"6b.parents": (0, 1), "6b.tous": (0, 1)}
    assert counts(set_rule(school, "voyage", "6b.eleves")) == {"voyage": (2, 1), "ape": (2, 1)}
    done = adjust(school, "include", "6b.parents", "max.roux@ent.example.org", EVA)
    assert counts(done) == {"6b.parents": (2, 0), "6b.tous": (2, 0)}
    take(school, [one for one in _school() if getattr(one, "id", "") != "3"], replace(SETTINGS, force=True))
    assert all_members(school)["ape"] == {2}
    assert counts(listing.unnest(school, "ape", "voyage")) == {"ape": (0, 1)}


def test_an_addition_waits_for_who_has_left_and_an_exclusion_for_who_comes_back(school: Connection) -> None:
    create(school, "ape")
    for name in ("6a.profs", "ape"):
        adjust(school, "add", name, "max.roux@ent.example.org")
    adjust(school, "exclude", "parents", EVA)
    assert all_members(school)["6a.tous"] == {1, 5, 11, 12}
    forced = replace(SETTINGS, force=True)
    take(school, small(pupil(1, "A Roy"), teacher(5, "A Prof", "6A")), forced)
    assert (all_members(school)["6a.profs"], all_members(school)["ape"]) == ({5}, set())
    with pytest.raises(ListError, match="has left"):
        adjust(school, "add", "6a.profs", EVA)
    take(school, _school(), forced)
    found = all_members(school)
    assert (found["6a.profs"], found["ape"]) == ({5, 12}, {12})
    assert found["parents"] == {12}


def test_adjustments_that_contradict_are_refused_in_words(school: Connection) -> None:
    adjust(school, "exclude", "parents", EVA, reason="jugement")
    with pytest.raises(ListError) as caught:
        adjust(school, "add", "parents", EVA)
    assert str(caught.value) == (
        f"{EVA} is excluded from parents@{DOMAIN} since 2026-01-01 by root: jugement; `mailgate list include` ends that"
    )
    with pytest.raises(ListError, match="`mailgate list exclude` takes members out"):
        adjust(school, "remove", "parents", "max.roux@ent.example.org")
    with pytest.raises(ListError, match="is not excluded"):
        adjust(school, "include", "parents", "max.roux@ent.example.org")
    with pytest.raises(ListError, match="there is no person nobody@"):
        adjust(school, "add", "parents", "nobody@ent.example.org")
    with pytest.raises(ListError, match="a reason has at most 200 characters"):
        adjust(school, "add", "parents", PROF, reason="x" * 201)


def test_cycles_are_refused_with_their_path(school: Connection) -> None:
    create(school, "a")
    create(school, "b", "6a.eleves | a")
    create(school, "c")
    nest(school, "c", "b")
    with pytest.raises(ListError) as caught:
        nest(school, "a", "c")
    assert "would be a part of itself" in str(caught.value)
    assert {whole(name) for name in "abc"} <= set(str(caught.value).replace(",", "").split())
    with pytest.raises(ListError, match="would be a part of itself"):
        nest(school, "a", "a")
    with pytest.raises(ListError, match="would be a part of itself"):
        set_rule(school, "b", "c")
    assert all_members(school)["c"] == {1}


def test_lists_within_lists_have_a_limit(school: Connection) -> None:
    create(school, "n0")
    for number in range(1, MAX_LEVELS + 1):
        create(school, f"n{number}", f"n{number - 1}")
    create(school, "above")
    with pytest.raises(ListError, match=f"more than {MAX_LEVELS} levels"):
        nest(school, "above", f"n{MAX_LEVELS}")
    with pytest.raises(ListError, match=rf"n{MAX_LEVELS}@.* more than {MAX_LEVELS} levels"):
        nest(school, "n0", "6a.eleves")


def test_a_rule_that_names_no_list_says_where(school: Connection) -> None:
    with pytest.raises(ExpressionError) as caught:
        create(school, "voyage", "6a.eleves | 6z.eleves")
    assert str(caught.value) == f"at character 13: there is no list 6z.eleves@{DOMAIN}"
    with pytest.raises(ListError, match="is not a list by rule"):
        set_rule(school, "parents", "6a.eleves")


def test_only_lists_by_hand_nest(school: Connection) -> None:
    for name in ("parents", "voyage"):
        if name == "voyage":
            create(school, name, "6a.eleves")
        with pytest.raises(ListError, match="is not a list by hand"):
            nest(school, name, "6a.eleves")
    create(school, "ape")
    nest(school, "ape", "6a.eleves")
    with pytest.raises(ListError, match=r"contains 6a.eleves@.* already"):
        nest(school, "ape", "6a.eleves")
    with pytest.raises(ListError, match="does not contain"):
        listing.unnest(school, "ape", "6b.eleves")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("direction", "is an address that the directory gives"),
        ("postmaster", "is an address that mail itself needs"),
        ("ape@elsewhere.example.org", "the domain of no school"),
        ("a b", "is not an address that can be given"),
    ],
)
def test_addresses_that_no_list_can_have(school: Connection, name: str, text: str) -> None:
    with pytest.raises(ListError, match=text):
        create(school, name)


def test_an_address_belongs_to_one_for_ever(school: Connection) -> None:
    create(school, "ape")
    one, other = find(school, whole("ape")), find(school, whole("6a.eleves"))
    list_aliases.add(school, one, whole("Parents-Elus"), ADMIN)
    assert find(school, whole("parents-elus")).address == whole("ape")
    list_aliases.remove(school, one, whole("parents-elus"), ADMIN)
    assert school.execute(LIST_BY_ADDRESS, {"address": whole("parents-elus")}).first() is None
    text = f"parents-elus@{DOMAIN} is taken, or was once: it belongs to the list ape@{DOMAIN}"
    for attempt in (
        lambda: list_aliases.add(school, other, whole("parents-elus"), ADMIN),
        lambda: list_definitions.create(school, whole("parents-elus"), "X", ADMIN),
        lambda: add_person(school, given="", sn="X", address=whole("parents-elus")),
    ):
        with pytest.raises(TakenAddressError, match=text):
            attempt()
    with pytest.raises(TakenAddressError, match="it belongs to the list Ape"):
        list_aliases.add(school, other, whole("ape"), ADMIN)
    add_person(school, given="Copieur", sn="", address=whole("copieur"))
    with pytest.raises(TakenAddressError, match="it belongs to the person Copieur"):
        create(school, "copieur")
    assert list_aliases.add(school, one, whole("parents-elus"), ADMIN) == whole("parents-elus")
    assert list_aliases.aliases(school, one.list_id) == [whole("parents-elus")]


def test_an_import_takes_no_address_of_a_list_that_people_made(school: Connection) -> None:
    create(school, "6c.eleves")
    list_aliases.add(school, find(school, whole("6c.eleves")), whole("6c.tous"), ADMIN)
    report = take(school, [*_school(), pupil(9, in_class="6C")], replace(SETTINGS, force=True))
    taken = {one.who for one in report.findings if one.kind is Kind.TAKEN_ADDRESS}
    assert taken == {whole("6c.eleves"), whole("6c.tous")}
    assert all_members(school)["6c.eleves"] == set()


def test_a_closed_list_keeps_its_members_and_takes_no_mail(school: Connection) -> None:
    create(school, "ape")
    nest(school, "ape", "6a.parents")
    for name in ("ape", "6a.parents"):
        list_definitions.close(school, find(school, whole(name)), ADMIN)
        with pytest.raises(ListError, match="is closed already"):
            list_definitions.close(school, find(school, whole(name)), ADMIN)
    closed = {whole("ape"), whole("6a.parents")}
    take(school, _school())
    assert not closed & {row.address for row in school.execute(LISTS)}
    adjust(school, "add", "6a.parents", PROF)
    assert not closed & {row.address for row in school.execute(LISTS)}
    assert all_members(school)["ape"] == {5, 11}
    for name in ("ape", "6a.parents"):
        list_definitions.reopen(school, find(school, whole(name)))
        with pytest.raises(ListError, match="is not closed"):
            list_definitions.reopen(school, find(school, whole(name)))
    assert members(school)[whole("ape")] == {5, 11}


def test_a_name_can_be_changed_where_people_gave_it(school: Connection) -> None:
    create(school, "ape")
    assert list_definitions.rename(school, find(school, whole("ape")), " Parents  élus ") == "Parents élus"
    assert find(school, whole("ape")).label == "Parents élus"
    with pytest.raises(ListError, match="the directory gives"):
        list_definitions.rename(school, find(school, whole("parents")), "X")
    with pytest.raises(ListError, match="a name has"):
        list_definitions.rename(school, find(school, whole("ape")), "\x07")


async def test_delegates_are_people_and_members_of_lists(transaction: Transaction) -> None:
    def work(connection: Connection) -> None:
        take(connection, _school())
        create(connection, "ape")
        one = find(connection, whole("ape"))
        assert list_delegates.add(connection, one, whole("6a.profs"), Role.MANAGE, ADMIN) == whole("6a.profs")
        assert list_delegates.add(connection, one, EVA, Role.MODERATE, ADMIN) == EVA
        with pytest.raises(ListError, match=r"may moderate .* already"):
            list_delegates.add(connection, one, EVA, Role.MODERATE, ADMIN)
        with pytest.raises(ListError, match="no person and no list"):
            list_delegates.add(connection, one, "nobody@ent.example.org", Role.MODERATE, ADMIN)
        for role, who in ((Role.MANAGE, [PROF]), (Role.MODERATE, [PROF, EVA])):
            rows = connection.execute(PEOPLE_WITH_ROLE, {"list_id": one.list_id, "role": role}).all()
            assert [row.address for row in rows] == who
            for row in rows:
                asked = {"list_id": one.list_id, "role": role, "person_id": row.person_id}
                assert connection.scalar(HAS_ROLE, asked)
        nobody = {"list_id": one.list_id, "role": Role.MANAGE, "person_id": rows[1].person_id}
        assert not connection.scalar(HAS_ROLE, nobody)
        shown = [(each.grantee, each.who, each.role) for each in list_delegates.delegates(connection, one.list_id)]
        assert shown == [("list", whole("6a.profs"), "manage"), ("person", EVA, "moderate")]
        list_delegates.remove(connection, one, EVA, Role.MODERATE)
        with pytest.raises(ListError, match="may not moderate"):
            list_delegates.remove(connection, one, EVA, Role.MODERATE)

    await transaction(work)


async def test_reasons_lead_through_rules_nesting_and_decisions(transaction: Transaction) -> None:
    def work(connection: Connection) -> None:
        take(connection, _school())
        create(connection, "voyage", "(6a.parents | 6b.parents) - 6a.profs")
        create(connection, "ape")
        nest(connection, "ape", "voyage")
        adjust(connection, "add", "6b.parents", PROF, reason="tuteur")
        adjust(connection, "exclude", "6b.parents", EVA)
        found = [(one.person, one.reason, one.pupil, one.detail, one.through) for one in why(connection, whole("ape"))]
        through = (whole("voyage"), whole("6a.parents"))
        assert found == [
            ("Éva Roy", "guardian", "A Roy", None, through),
            ("Max Roux", "guardian", "C Roux", None, (whole("voyage"), whole("6b.parents"))),
        ]
        tous = [(one.person, one.reason, one.detail) for one in why(connection, whole("6b.tous"))]
        assert ("A Prof", ADDED, "by root on 2026-01-01: tuteur") in tous
        assert all(who != "Éva Roy" for who, _, _ in tous)
        for text, list_id in connection.execute(select(list_.c.address, list_.c.list_id)).all():
            inside = select(list_member.c.person_id).where(list_member.c.list_id == list_id)
            assert {one.person_id for one in why(connection, text)} == set(connection.scalars(inside)), text

    await transaction(work)


def _many(in_class: str, mef: str) -> list[Record]:
    return small(*(pupil(number, in_class=in_class, mef=mef) for number in range(1, 31)))


async def test_an_import_that_empties_lists_is_refused_whole(transaction: Transaction) -> None:
    """Everybody is there, so nobody departs; but a delivery without classes and levels takes most lists apart."""
    await transaction(lambda connection: take(connection, _many("6A", "10010012110")))
    before = await transaction(members)
    broken = _many("", "?")
    with pytest.raises(DirectoryError) as caught:
        await transaction(lambda connection: take(connection, broken))
    assert str(caught.value).startswith(
        "the lists: too many members would leave lists: Jules Ferry (0131001T): 120 of 180"
    )
    assert f"6a.eleves@{DOMAIN} 30 of 30" in str(caught.value)
    assert await transaction(members) == before
    later = replace(SETTINGS, school_year=2026)
    report = await transaction(lambda connection: take(connection, broken, later, dry_run=True))
    change = next(one for one in report.list_changes if one.address == f"6a.eleves@{DOMAIN}")
    assert (change.before, change.came, change.went, len(change.going)) == (30, 0, 30, 30)
    assert await transaction(members) == before
    await transaction(lambda connection: take(connection, broken, replace(SETTINGS, force=True)))
    assert f"6a.eleves@{DOMAIN}" not in await transaction(members)


async def test_a_refresh_mends_lists_and_has_the_same_limit(transaction: Transaction) -> None:
    await transaction(lambda connection: take(connection, _many("6A", "10010012110")))
    before = await transaction(members)

    def spoil(connection: Connection) -> None:
        one, other = find(connection, whole("6a.eleves")), find(connection, whole("eleves"))
        connection.execute(list_member.delete().where(list_member.c.list_id == one.list_id))
        connection.execute(list_member.delete().where(list_member.c.list_id != other.list_id))

    await transaction(spoil)
    limits = Limits(0.5, 0.95)
    looked = await transaction(lambda connection: refresh(connection, limits, dry_run=True))
    assert looked.lists.members_added == 150
    assert await transaction(members) != before
    done = await transaction(lambda connection: refresh(connection, limits))
    assert done.list_changes == looked.list_changes
    assert await transaction(members) == before

    assert await transaction(lambda connection: refresh(connection, limits).list_changes) == []
