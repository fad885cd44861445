"""`mailgate activation`: codes by person, class and school; who has activated."""

from __future__ import annotations

import sqlite3

from mailgate.accounts.activation_codes import compact
from tests.cli.command import Command

SCHOOL = "0131001T"
PUPIL = "theo.david@ent.example.org"


def test_codes_for_a_person_a_class_and_a_school(either: Command) -> None:
    [one] = either.good("activation", "new", PUPIL, "--json").json["codes"]
    assert compact(one["code"])
    of_class = either.good("activation", "new", "6EME-A", "--school", SCHOOL, "--json").json
    assert len({each["code"] for each in of_class["codes"]}) == len(of_class["codes"]) > 50
    dry = either.good("activation", "new", SCHOOL, "--dry-run", "--json").json
    assert {each["code"] for each in dry["codes"]} == {None}
    assert len(dry["codes"]) == len({each["address"] for each in dry["codes"]}) > 500
    assert dry["replaced"] == len({PUPIL, *(each["address"] for each in of_class["codes"])})
    [before] = either.good("activation", "list", "6ème A", "--school", SCHOOL, "--json").json
    assert (before["people"], before["waiting"], before["activated"]) == (len(of_class["codes"]),) * 2 + (0,)
    either.good("account", "password", "set", before["members"][0]["address"], NEW_PASSWORD="quatre mots à la suite")
    [after] = either.good("activation", "list", "6ème A", "--school", SCHOOL, "--json").json
    assert (after["waiting"], after["activated"]) == (before["waiting"] - 1, 1)
    assert after["members"][0]["code"] == "revoked"
    again = either.good("activation", "new", "6eme-a", "--school", SCHOOL).out
    assert "1 have a password already" in again
    assert f"{before['waiting'] - 1} of these people had a code that waited: it is over." in again


def test_codes_are_taken_back(academy: Command) -> None:
    made = academy.good("activation", "new", "6eme-a", "--school", SCHOOL, "--json").json["codes"]
    assert academy.good("activation", "revoke", made[0]["address"], "--json").json == [made[0]["address"]]
    dry = academy.good("activation", "revoke", SCHOOL, "--dry-run").out
    assert academy.good("activation", "revoke", SCHOOL).out == dry.replace("would be", "are")
    assert academy.good("activation", "revoke", SCHOOL, "--json").json == []
    table = academy.good("activation", "list", SCHOOL).out.splitlines()
    assert table[-1].split() == ["All", *table[-1].split()[1:2], "0", "0", "0", table[-1].split()[1]]


def test_each_code_is_audited_and_none_is_kept(academy: Command) -> None:
    made = academy.good("activation", "new", "6eme-a", "--school", SCHOOL, "--json").json["codes"]
    with sqlite3.connect(academy.folder / "academy.db") as database:
        audited = {row[0] for row in database.execute("SELECT subject FROM audit WHERE action = 'activation new'")}
    database.close()
    kept = b"".join(file.read_bytes() for file in academy.folder.glob("academy.db*"))
    assert audited == {one["address"] for one in made}
    assert made[0]["address"].encode() in kept
    assert not [code for one in made for code in (one["code"], compact(one["code"])) if str(code).encode() in kept]


def test_who_is_not_there_is_an_error_of_one_line(academy: Command) -> None:
    assert "no class or school 7eme" in academy.refused(1, "activation", "new", "7eme")
    assert "no address of somebody" in academy.refused(1, "activation", "new", "nobody@ent.example.org")
    office = "secretariat@clg-frederic-mistral.ent.example.org"
    assert "no address of somebody" in academy.refused(1, "activation", "new", office)
    assert "no class or school" in academy.refused(1, "activation", "list", "6eme-a", "--school", "0131002U")
