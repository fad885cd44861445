"""`mailgate directory facts` and `differences`: who says what, who disagrees."""

from __future__ import annotations

import json

from tests.cli.command import Command

TEACHER = "theo.david@ent.example.org"


def test_the_facts_of_a_person(either: Command) -> None:
    shown = either.good("directory", "facts", TEACHER).out
    assert "teaches class" in shown
    assert "known as 1000001 in aaf" in shown
    told = json.loads(either.good("directory", "facts", TEACHER, "--json").out)
    assert told["numbers"] == [{"space": "aaf", "number": "1000001"}]
    assert {fact["said_by"] for fact in told["facts"]} == {"aaf"}
    assert (
        either.refused(1, "directory", "facts", "nobody@ent.example.org")
        == "nobody@ent.example.org is nobody's address"
    )


def test_one_source_agrees_with_itself(academy: Command) -> None:
    assert academy.good("directory", "differences").out.strip() == "The sources agree."
    assert json.loads(academy.good("directory", "differences", "--school", "0131001t", "--json").out) == []
    assert academy.refused(1, "directory", "differences", "--school", "0131001") == "no school has the code 0131001"
