"""`mailgate list check` on the demo academy: whom a list reaches and whom it misses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailgate.delivery.kinship import families
from tests.cli.command import Command
from tests.directory.academy import expected

SCHOOL = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-a.parents@{SCHOOL}"


def test_a_list_of_parents_is_looked_at(either: Command) -> None:
    truth = expected()
    members = truth["lists"][PARENTS]["members"]
    people = {one["id"]: one for one in truth["accounts"]}
    one, other = (people[number]["address"] for number in members[:2])
    either.good("account", "password", "new", one, "--label", "phone")
    either.good("account", "suspend", other)
    either.good("list", "exclude", PARENTS, people[members[2]]["address"])
    shown = either.good("list", "check", PARENTS, "--members").out
    told = either.good("list", "check", PARENTS, "--members", "--json").json
    assert (told["members"], told["excluded"], told["suspended"]) == (len(members) - 1, 1, 1)
    assert told["reached"] == len(members) - 2
    assert (told["no_password"], told["never_signed_in"]) == (len(members) - 2, 1)
    assert (told["no_child"], told["full"], told["closed"]) == (0, 0, False)
    assert 0 < told["families"] <= len(truth["lists"][f"6eme-a.eleves@{SCHOOL}"]["members"])
    lacks = {row["address"]: row["lacks"] for row in told["people"]}
    assert lacks[one] == ["never signed in"]
    assert set(lacks[other]) == {"suspended", "no password"}
    assert other in shown
    assert "moderate" in shown


def test_who_may_post_is_said(either: Command) -> None:
    rows = {(row["who"], row["scope"]): row["verdict"] for row in _may_post(either)}
    assert rows["teacher", "own-school"] == "allow"
    assert rows["relative", "own-class"] == "moderate"
    assert ("pupil", "own-school") not in rows
    either.good("policy", "set", "0131001T", "pupil", "class.parents", "own-school", "moderate")
    assert {(row["who"], row["scope"]): row["verdict"] for row in _may_post(either)}["pupil", "own-school"]
    either.good("list", "settings", "set", PARENTS, "posting=managers")
    assert _may_post(either) == [{"who": "managers", "scope": "", "verdict": "allow"}]


def _may_post(either: Command) -> list[dict[str, str]]:
    found: list[dict[str, str]] = either.good("list", "check", PARENTS, "--json").json["may_post"]
    return found


def test_an_unknown_list_is_told(either: Command) -> None:
    assert "there is no list" in either.refused(1, "list", "check", f"nothing@{SCHOOL}")


@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=3), max_size=8))
def test_families_are_what_hangs_together(children: list[list[int]]) -> None:
    ties = [(100 + number, parent) for number, parents in enumerate(children) for parent in parents]
    groups: list[set[int]] = []
    for number, parents in enumerate(children):
        one = {100 + number, *parents}
        joined = [group for group in groups if group & one]
        groups = [group for group in groups if not group & one] + [one.union(*joined)]
    assert len(set(families(ties).values())) == len(groups)
