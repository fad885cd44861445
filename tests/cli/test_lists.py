"""`mailgate list`: the lists of the directory, their members, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.command import Command
from tests.directory.academy import expected

COLLEGE = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-a.parents@{COLLEGE}"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


def test_every_list_with_its_size(either: Command, truth: dict[str, Any]) -> None:
    shown = either.good("list", "show", "--json").json
    assert {one["address"]: one["members"] for one in shown} == {
        address: len(one["members"]) for address, one in truth["lists"].items()
    }


def test_part_of_an_address_finds_the_lists_of_a_class(academy: Command) -> None:
    out = academy.good("list", "show", "6eme-A.").out
    audiences = [line.split("@")[0] for line in out.splitlines()[1:]]
    assert audiences == [f"6eme-a.{one}" for one in ("eleves", "parents", "pp", "profs", "tous")]


def test_the_lists_that_the_guide_names_are_there(academy: Command) -> None:
    addresses = {one["address"] for one in academy.good("list", "show", "--json").json}
    assert {
        f"{name}@{COLLEGE}"
        for name in (
            "eleves", "parents", "profs", "personnels", "direction", "vie-scolaire", "administration", "documentation",
            "profs-principaux", "tous", "niveau-6e.eleves", "niveau-6e.parents",
        )
    } <= addresses  # fmt: skip
    assert "parents@cite-frederic-mistral.ent.example.org" in addresses
    assert any(one.startswith("groupe-") and ".eleves@" in one for one in addresses)
    assert any(one.startswith("discipline-") and ".profs@" in one for one in addresses)


@pytest.mark.parametrize("address", [PARENTS, f"tous@{COLLEGE}", "direction@cite-frederic-mistral.ent.example.org"])
def test_members_are_those_of_the_ground_truth(either: Command, truth: dict[str, Any], address: str) -> None:
    people = {one["id"]: one["address"] for one in truth["accounts"]}
    shown = either.good("list", "members", address, "--why", "--json").json
    assert sorted(one["address"] for one in shown) == sorted(people[one] for one in truth["lists"][address]["members"])
    assert all(one["why"] for one in shown)


def test_why_names_the_children_and_only_when_asked(academy: Command) -> None:
    shown = academy.good("list", "members", PARENTS.upper(), "--why", "--json").json
    assert all(
        reason.startswith("guardian of ") and reason.endswith(" in 6ème A") for one in shown for reason in one["why"]
    )
    assert "why" not in academy.good("list", "members", PARENTS, "--json").json[0]
    table = academy.good("list", "members", PARENTS, "--why").out
    assert [line for line in table.splitlines()[1:] if " in 6ème A" not in line] == []
    assert "guardian of" not in academy.good("list", "members", PARENTS).out


def test_why_tells_teachers_from_head_teachers(academy: Command) -> None:
    shown = academy.good("list", "members", f"6eme-a.profs@{COLLEGE}", "--why", "--json").json
    reasons = [reason for one in shown for reason in one["why"]]
    assert any(reason.startswith("teaches ") for reason in reasons)
    assert academy.good("list", "members", f"6eme-a.pp@{COLLEGE}", "--why", "--json").json[0]["why"] == [
        "head teacher in 6ème A"
    ]


def test_an_unknown_list_is_one_line(either: Command) -> None:
    line = either.refused(1, "list", "members", f"6eme-z.parents@{COLLEGE}")
    assert line == f"there is no list 6eme-z.parents@{COLLEGE}; `mailgate list show --all` lists them"
