"""`mailgate person`: parents entered twice, and guardians whom a school excludes, on the demo academy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imap.rights import Rights
from tests.cli.command import Command
from tests.cli.test_shared import rights
from tests.policy.academy import Account, accounts, lists

UAI = "0131001T"


def parents() -> list[Account]:
    """Guardians of one child each, of different children, in one school."""
    found: dict[frozenset[int], Account] = {}
    for one in accounts().values():
        if one.profile == "relative" and len(one.children) == 1 and one.schools == {UAI}:
            found.setdefault(one.children, one)
    return list(found.values())


def class_of(one: Account) -> str:
    """The list of the parents of the child's class."""
    return next(
        name
        for name, its in lists().items()
        if its["kind"] == "class" and its["audience"] == "parents" and one.number in its["members"]
    )


def members(command: Command, name: str) -> set[str]:
    """The addresses of a list's members."""
    return {row["address"] for row in command.good("list", "members", name, "--json").json}


def state(command: Command, address: str) -> str:
    found: dict[str, Any] = command.good("account", "show", address, "--json").json
    return str(found["state"])


def test_a_guardian_is_excluded_and_included_again(either: Command) -> None:
    one = parents()[0]
    child = accounts()[next(iter(one.children))].address
    name = class_of(one)
    teacher = next(a for a in accounts().values() if a.profile == "teacher" and a.number in _team(name))
    before = members(either, name)
    told = either.good("policy", "explain", teacher.address, one.address).out
    assert "may write to relative" in told
    rehearsed = either.good("person", "exclude", one.address, child, "--reason", "jugement", "--dry-run", "--json").json
    assert rehearsed["dry_run"]
    assert rehearsed["closed"] == [one.address]
    assert members(either, name) == before
    done = either.good("person", "exclude", one.address, child, "--reason", "jugement").out
    assert f"account closed: {one.address}" in done
    assert members(either, name) == before - {one.address}
    assert state(either, one.address) == "suspended"
    why = either.good("list", "members", name, "--why").out
    assert f"<{one.address}>" in next(line for line in why.splitlines() if line.startswith("Excluded: "))
    told = either.good("policy", "explain", teacher.address, one.address).out
    assert "may not write" in told
    assert f"is excluded for {child}" in told
    assert "jugement" in told
    (listed,) = either.good("person", "excluded", "--json").json
    assert (listed["address"], listed["target"]) == (one.address, child)
    done = either.good("person", "include", one.address, child).out
    assert f"account opened: {one.address}" in done
    assert members(either, name) == before
    assert state(either, one.address) == "active"


def test_a_school_excludes_a_guardian_from_all_its_lists(academy: Command) -> None:
    one = parents()[0]
    academy.good("person", "exclude", one.address, UAI, "--reason", "décision du chef d'établissement")
    shown = academy.good("account", "show", one.address, "--json").json
    assert shown["lists"] == []
    assert one.address in academy.good("list", "members", class_of(one), "--why").out
    assert one.address not in academy.good("list", "members", "profs@" + class_of(one).partition("@")[2], "--why").out


def _team(name: str) -> set[int]:
    return set(lists()[name.replace(".parents@", ".profs@")]["members"])


def test_two_are_merged_and_parted(either: Command) -> None:
    keep, drop = parents()[:2]
    rehearsed = either.good("person", "merge", keep.address, drop.address, "--dry-run", "--json").json
    assert rehearsed["closed"] == [drop.address]
    assert either.good("person", "merged", "--json").json == []
    either.good("person", "merge", keep.address, drop.address, "--reason", "même mère")
    assert keep.address in members(either, class_of(drop))
    assert drop.address not in members(either, class_of(drop))
    shown = either.good("account", "show", drop.address, "--json").json
    assert set(shown["addresses"]) == {keep.address, drop.address}
    (listed,) = either.good("person", "merged", "--json").json
    assert (listed["dropped"], listed["kept"], listed["reason"]) == (drop.address, keep.address, "même mère")
    either.good("person", "split", drop.address)
    assert drop.address in members(either, class_of(drop))
    shown = either.good("account", "show", drop.address, "--json").json
    assert (shown["addresses"], shown["state"]) == ([drop.address], "active")


def test_rights_pass_on_while_two_are_one(either: Command) -> None:
    keep, drop = parents()[:2]
    office, name = "ape@clg-frederic-mistral.ent.example.org", "Shared/APE"
    either.good("shared", "create", "APE", "--address", office, "--school", "0131001T")
    either.good("shared", "grant", "APE", drop.address, "--rights", "send")
    of_parents = class_of(drop)
    either.good("list", "delegate", "add", of_parents, drop.address, "--role", "moderate")

    def delegates() -> list[str]:
        return [one["who"] for one in either.good("list", "describe", of_parents, "--json").json["delegates"]]

    def holders() -> list[str]:
        return [one["who"] for one in either.good("shared", "show", "APE", "--json").json["grants"]]

    assert (rights(either, keep.address, name), delegates(), holders()) == (Rights.NONE, [drop.address], [drop.address])
    given = rights(either, drop.address, name)
    assert Rights.SEND_AS in given
    either.good("person", "merge", keep.address, drop.address)
    assert (rights(either, keep.address, name), delegates(), holders()) == (given, [keep.address], [keep.address])
    either.good("person", "split", drop.address)
    assert (rights(either, keep.address, name), delegates(), holders()) == (Rights.NONE, [drop.address], [drop.address])
    either.good("person", "merge", keep.address, drop.address)
    either.good("list", "delegate", "remove", of_parents, keep.address, "--role", "moderate")
    either.good("shared", "revoke", "APE", keep.address)
    assert (rights(either, keep.address, name), delegates(), holders()) == (Rights.NONE, [], [])
    either.good("person", "split", drop.address)
    either.good("shared", "delete", "APE", "--yes")


def test_who_signs_in_is_not_dropped_by_accident(academy: Command) -> None:
    keep, drop = parents()[:2]
    academy.good("account", "password", "new", drop.address)
    assert "has a password" in academy.refused(1, "person", "merge", keep.address, drop.address)
    academy.good("account", "password", "new", keep.address)
    assert "both accounts have" in academy.refused(1, "person", "merge", keep.address, drop.address)
    academy.good("person", "merge", keep.address, drop.address, "--force")


def test_what_an_import_merged_is_listed_and_parted(academy: Command) -> None:
    found = academy.good("person", "duplicates", "--merged", "--json").json
    assert len(found) == 6
    one = found[0]
    assert one["score"] >= 60
    academy.good("person", "split", one["other_record"])
    assert len(academy.good("person", "duplicates", "--merged", "--json").json) == 5
    possible = academy.good("person", "duplicates", "--json").json
    assert [each["score"] < 60 for each in possible] == [True] * len(possible)
    assert academy.good("person", "duplicates", "--school", UAI).out.startswith("Score")


def test_mail_is_moved_on_demand_and_taken_back(academy: Command, tmp_path: Path) -> None:
    keep, drop = parents()[:2]
    box = tmp_path / "mail.mbox"
    box.write_bytes(b"From x Mon Nov 22 09:00:00 2025\nSubject: Photos\nMessage-ID: <1@x>\n\nText\n")
    academy.good("import", drop.address, box, "--format", "mbox", "--into", "INBOX")
    academy.good("person", "merge", keep.address, drop.address)
    assert "INBOX (0)" in academy.good("account", "show", keep.address, "--json").json["mailboxes"]
    academy.good("person", "merge", keep.address, drop.address, "--move-mail")
    boxes = academy.good("account", "show", keep.address, "--json").json["mailboxes"]
    assert f"{drop.address}/INBOX (1)" in boxes
    academy.good("person", "split", drop.address)
    boxes = academy.good("account", "show", keep.address, "--json").json["mailboxes"]
    assert not any(one.startswith(drop.address) for one in boxes)
    assert "INBOX (1)" in academy.good("account", "show", drop.address, "--json").json["mailboxes"]


def test_people_of_other_kinds_are_refused(academy: Command) -> None:
    parent = parents()[0]
    pupil = accounts()[next(iter(parent.children))]
    assert "is no parent" in academy.refused(1, "person", "merge", parent.address, pupil.address)
    assert "is no parent" in academy.refused(1, "person", "merge", pupil.address, parent.address)
    assert "is no parent" in academy.refused(1, "person", "exclude", pupil.address, UAI, "--reason", "x")
    assert "needs a reason" in academy.refused(1, "person", "exclude", parent.address, UAI, "--reason", " ")
    assert "has been merged" in academy.refused(1, "person", "split", parent.address)
