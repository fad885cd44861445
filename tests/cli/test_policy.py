"""`mailgate policy` and `mailgate school` as an administrator uses them."""

from __future__ import annotations

from mailgate.cli.context import ExitCode
from tests.cli.command import Command

UAI = "0131001T"
TEACHER = "theo.david@ent.example.org"
PUPIL = "youssef.schmitt@ent.example.org"
MOTHER = "elodie.lecomte@ent.example.org"
DIRECTION = "direction@clg-frederic-mistral.ent.example.org"


def explained(command: Command, sender: str, to: str) -> tuple[str, str | None]:
    found = command.good("policy", "explain", sender, to, "--json").json
    return found["verdict"], found["scope"]


def test_one_sentence_says_which_rule_decides(either: Command) -> None:
    said = either.good("policy", "explain", TEACHER, PUPIL).out.strip()
    assert said.startswith("teacher may write to pupil of their own ")
    assert said.endswith("by the shipped matrix (scope own-school).")
    assert explained(either, MOTHER, PUPIL) == ("allow", "own-children")
    assert explained(either, PUPIL, MOTHER) == ("allow", "own-parents")
    assert explained(either, MOTHER, DIRECTION) == ("allow", "own-school")
    assert explained(either, PUPIL, DIRECTION) == ("refuse", None)
    assert explained(either, TEACHER, "someone@elsewhere.example") == ("allow", "anyone")
    assert "nobody has the address" in either.refused(
        ExitCode.FAILED, "policy", "explain", TEACHER, "no@ent.example.org"
    )


def test_a_school_changes_one_cell_and_takes_it_back(either: Command) -> None:
    cell = (UAI, "pupil", "school.direction", "own-school")
    rehearsed = either.good("policy", "set", *cell, "moderate", "--dry-run", "--json").json
    assert rehearsed == [
        {"cell": "from pupil to school.direction, own-school", "before": "default", "after": "moderate"}
    ]
    assert explained(either, PUPIL, DIRECTION)[0] == "refuse"
    either.good("policy", "set", *cell, "moderate")
    assert explained(either, PUPIL, DIRECTION) == ("moderate", "own-school")
    assert f"the rule of school {UAI}" in either.good("policy", "explain", PUPIL, DIRECTION).out
    [changed] = either.good("policy", "show", UAI, "--changed", "--json").json
    assert changed["by"] == "school"
    either.good("policy", "set", *cell, "default")
    assert explained(either, PUPIL, DIRECTION)[0] == "refuse"


def test_a_file_is_the_whole_of_what_a_school_changes(academy: Command) -> None:
    academy.good("policy", "set", UAI, "pupil", "pupil", "own-class", "refuse")
    file = academy.config.parent / "matrix.toml"
    file.write_text('[[cells]]\nfrom = ["relative"]\nto = ["level.*"]\nscope = "own-school"\nverdict = "moderate"\n')
    assert len(academy.good("policy", "load", UAI, str(file), "--json").json) == 6
    shown = academy.good("policy", "show", UAI, "--changed", "--json").json
    assert {(row["from"], row["verdict"]) for row in shown} == {("relative", "moderate")}
    file.write_text(academy.good("policy", "export", UAI).out)
    assert academy.good("policy", "load", UAI, str(file), "--json").json == []
    file.write_text('[[cells]]\nfrom = ["mothers"]\nto = ["pupil"]\nscope = "anyone"\nverdict = "allow"\n')
    assert "cell 1: 'mothers' is no profile" in academy.refused(ExitCode.FAILED, "policy", "load", UAI, str(file))
    assert academy.good("policy", "show", UAI, "--changed", "--json").json == shown


def test_the_shipped_matrix_is_printed_as_a_file(academy: Command) -> None:
    file = academy.config.parent / "default.toml"
    file.write_text(academy.good("policy", "default").out)
    academy.good("policy", "load", UAI, str(file))
    assert explained(academy, TEACHER, PUPIL) == ("allow", "own-school")


def test_a_school_has_settings(academy: Command) -> None:
    assert academy.good("school", "show", UAI, "--json").json["language"] is None
    academy.good("school", "set", UAI, "language", "en")
    assert academy.good("school", "show", UAI, "--json").json["language"] == "en"
    assert "language" in academy.refused(ExitCode.FAILED, "school", "set", UAI, "language", "de")
    assert "no setting" in academy.refused(ExitCode.FAILED, "school", "set", UAI, "colour", "red")
    assert "no school" in academy.refused(ExitCode.FAILED, "school", "set", "0000000X", "language", "en")
    academy.good("school", "set", UAI, "language")
    assert academy.good("school", "show", UAI, "--json").json["language"] is None
