"""An address is given once: homonyms keep their numbers, leavers keep theirs, nobody inherits one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from directory import list_aliases, list_definitions, reserved
from directory.addresses import TakenAddressError
from directory.list_definitions import find
from directory.list_graph import ListError
from directory.local import add_person
from directory.nomenclature import Profile
from directory.queries import LIST_BY_ADDRESS, PERSON_BY_ADDRESS, people
from directory.report import Kind
from directory.reserved import ROLES, ReservedAddressError
from directory.schema import address, person
from tests.directory.academy import SETTINGS, empty_directory, members, pupil, small, take, teacher
from tests.directory.listing import ADMIN


def _addresses(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        select(address.c.address, person.c.source_id).join(person, person.c.person_id == address.c.person_id)
    )
    return {row.address.partition("@")[0]: row.source_id for row in rows}


def test_homonyms_are_numbered_in_order_of_record(connection: Connection) -> None:
    take(connection, small(pupil(100, "Zoé Roux"), pupil(20, "ZOE ROUX"), teacher(3, "Zoë Roux", "6A")))
    assert _addresses(connection) == {"zoe.roux": "3", "zoe.roux2": "20", "zoe.roux3": "100"}


def test_a_later_homonym_with_a_lower_number_takes_nobody_s_place(connection: Connection) -> None:
    take(connection, small(pupil(20, "Zoé Roux"), pupil(30, "Zoé Roux")))
    take(connection, small(pupil(10, "Zoé Roux"), pupil(30, "Zoé Roux")), replace(SETTINGS, force=True))
    assert _addresses(connection) == {"zoe.roux": "20", "zoe.roux2": "30", "zoe.roux3": "10"}


def test_marriage_changes_the_name_and_not_the_address(connection: Connection) -> None:
    take(connection, small(teacher(5, "Anne Aubert", "6A")))
    report = take(connection, small(teacher(5, "Anne Nouvelle-Épouse", "6A")))
    assert _addresses(connection) == {"anne.aubert": "5"}
    assert connection.scalar(select(person.c.display)) == "Anne Nouvelle-Épouse"
    assert report.changed == {"teacher": 1}


def test_an_address_in_other_hands_is_passed_over(connection: Connection) -> None:
    take(connection, small())
    add_person(connection, given="Zoé", sn="Roux", address="Zoe.Roux2@ent.example.org")
    take(connection, small(pupil(1, "Zoé Roux"), pupil(2, "Zoé Roux"), pupil(3, "Zoé Roux")))
    found = _addresses(connection)
    assert found["zoe.roux"] == "1"
    assert {"1", "2", "3"} < set(found.values())
    assert found["zoe.roux2"] not in ("1", "2", "3")


def test_numbers_in_names_do_not_collide(connection: Connection) -> None:
    take(connection, small(pupil(1, "Max Roux2"), pupil(2, "Max Roux"), pupil(3, "Max Roux")))
    found = _addresses(connection)
    assert sorted(found.values()) == ["1", "2", "3"]
    assert found["max.roux"] == "2"


def test_a_person_of_no_file_has_what_was_asked_and_stays(connection: Connection) -> None:
    take(connection, small(pupil(1)))
    number = add_person(connection, given="Copieur", sn="du hall", address="Copieur@ent.example.org", school="0131001T")
    take(connection, small(pupil(2)), replace(SETTINGS, force=True))
    row = connection.execute(PERSON_BY_ADDRESS, {"address": "copieur@ent.example.org"}).one()
    assert (row.person_id, row.display, row.profile, row.state) == (number, "Copieur du hall", "other", "active")
    view = next(one for one in people(connection) if one.person_id == number)
    assert view.schools == ("0131001T",)
    assert all(number not in found for found in members(connection).values())


@pytest.mark.parametrize("taken", ["zoe.roux@ent.example.org", "ELEVES@clg-jules-ferry.ent.example.org"])
def test_a_taken_address_is_refused(connection: Connection, taken: str) -> None:
    take(connection, small(pupil(1, "Zoé Roux")))
    with pytest.raises(TakenAddressError):
        add_person(connection, given="", sn="X", address=taken)


@pytest.mark.parametrize(
    "wrong",
    ["", "nobody", "a b@x.fr", "a@b@c.fr", "a\r\nBcc: b@x.fr", "é@x.fr", ".a@x.fr", "a..b@x.fr", "a@" + "x" * 300],
)
def test_a_malformed_address_is_refused(connection: Connection, wrong: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        add_person(connection, given="", sn="X", address=wrong)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sn": "", "given": ""}, "name is empty"),
        ({"sn": "A\nB"}, "control character"),
        ({"profile": "king"}, "not a profile"),
        ({"school": "0000000A"}, "no school"),
    ],
)
def test_malformed_people_are_refused(connection: Connection, change: dict[str, str], why: str) -> None:
    values = {"given": "A", "sn": "B", "profile": "other", "school": ""} | change
    with pytest.raises(ValueError, match=why):
        add_person(
            connection,
            given=values["given"],
            sn=values["sn"],
            address="a@x.fr",
            profile=values["profile"],
            school=values["school"],
        )


def test_a_list_gives_way_to_a_person_and_is_reported(connection: Connection) -> None:
    add_person(connection, given="", sn="Secrétariat", address="direction@clg-jules-ferry.ent.example.org")
    add_person(connection, given="", sn="Élèves", address="eleves@clg-jules-ferry.ent.example.org")
    report = take(connection, small(pupil(1)))
    taken = [one.who for one in report.findings if one.kind is Kind.TAKEN_ADDRESS]
    assert "eleves@clg-jules-ferry.ent.example.org" in taken
    found = connection.execute(LIST_BY_ADDRESS, {"address": "eleves@clg-jules-ferry.ent.example.org"}).first()
    assert found is None


NAMES = st.sampled_from(["Zoé Roux", "ZOE ROUX", "Zoe Roux2", "Max Roux", "小 明"])
SETS = st.dictionaries(st.integers(1, 12), NAMES, max_size=8)


@given(st.lists(SETS, min_size=2, max_size=4))
@settings(max_examples=10, deadline=None)
def test_no_sequence_of_sets_moves_an_address(sets: list[dict[int, str]]) -> None:
    with empty_directory() as connection:
        before: dict[str, str] = {}
        for one in sets:
            records = small(*(pupil(number, name) for number, name in one.items()))
            take(connection, records, replace(SETTINGS, force=True))
            after = _addresses(connection)
            assert before.items() <= after.items()
            assert {str(number) for number in one} <= set(after.values())
            assert len(set(after.values())) == len(after)
            before = after


@pytest.mark.parametrize(
    "local", [*sorted(reserved.NAMES), *(f"{prefix}6eme-a.parents" for prefix in reserved.PREFIXES)]
)
@pytest.mark.parametrize("domain", ["ent.example.org", "clg-jules-ferry.ent.example.org"])
def test_nobody_is_given_an_address_of_the_gateway(connection: Connection, local: str, domain: str) -> None:
    take(connection, small(pupil(1)))
    with pytest.raises(ReservedAddressError, match=r"needs|acts"):
        add_person(connection, given="", sn="X", address=f"{local.title()}@{domain}")
    with pytest.raises(ListError, match=r"needs|acts"):
        list_definitions.create(connection, f"{local}@clg-jules-ferry.ent.example.org", "X", ADMIN)
    one = find(connection, "eleves@clg-jules-ferry.ent.example.org")
    with pytest.raises(ListError, match=r"needs|acts"):
        list_aliases.add(connection, one, f"{local}@clg-jules-ferry.ent.example.org", ADMIN)


def test_an_office_of_mail_may_be_a_shared_mailbox(connection: Connection) -> None:
    for local in ROLES:
        add_person(connection, given="", sn=local, address=f"{local}@ent.example.org", profile=Profile.SHARED)
    with pytest.raises(ReservedAddressError):
        add_person(connection, given="", sn="X", address="recall@ent.example.org", profile=Profile.SHARED)


def test_who_is_called_like_an_address_of_the_gateway_gets_a_number(connection: Connection) -> None:
    report = take(connection, small(pupil(1, " Rappel"), pupil(2, " Rappel"), pupil(3, "Abuse ")))
    found = _addresses(connection)
    assert sorted(found.values()) == ["1", "2", "3"]
    assert all(re.fullmatch(r"rappel\d|abuse\d", local) for local in found)
    told = {(one.who, one.what) for one in report.findings if one.kind is Kind.TAKEN_ADDRESS}
    assert ("1", "rappel@ent.example.org is for mail itself or the gateway") in told
    assert len(told) == 3
