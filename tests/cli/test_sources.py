"""`mailgate directory`: the sources of the settings, deltas, what is held; a night without a change."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command
from tests.cli.test_directory import NOTHING, lists, unpack
from tests.directory.academy import DATA, DEMO, NEXT_YEAR, expected
from tests.directory.test_aaf_delta import DELTA, delta, modification, request

SOURCE = '\n[[directory.sources]]\nname = "{name}"\nformat = "{format}"\npath = "{path}"\n'


def use(command: Command, path: Path, name: str = "aaf", format_: str = "aaf", more: str = "") -> None:
    """Have one source in the settings, and no other."""
    rest = command.config.read_text().partition("\n[[directory.sources]]")[0]
    command.use(rest + SOURCE.format(name=name, format=format_, path=path) + more)


def held(command: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command.good("directory", "sources", "--json").json
    return found


def test_a_night_without_a_change_does_nothing_and_says_so(either: Command) -> None:
    use(either, DEMO)
    before = held(either)
    again = either.good("directory", "import", "--json").json
    assert again["unchanged"] is True
    assert [again[key] for key in ("records", "added", "changed", "left")] == [NOTHING] * 4
    assert again["sources"][0]["read"] == []
    assert again["seconds"] < 2
    assert held(either) == before
    text = either.good("directory", "import").out
    assert (
        text == "aaf: the same files as the last time (1,236 records)\nNothing has changed: there is nothing to do.\n"
    )


def test_other_files_that_say_the_same_are_no_change(either: Command, tmp_path: Path) -> None:
    folder = unpack(DEMO, tmp_path / "again")
    again = either.good("directory", "import", folder, "--json").json
    assert again["unchanged"] is True
    assert again["sources"][0]["read"] == ["complete 20250915"]
    assert "unchanged" in again


def test_other_settings_are_a_change(academy: Command) -> None:
    command = ("directory", "import", DEMO, "--json")
    assert academy.good(*command).json["unchanged"] is True
    assert academy.good(*command, MAILGATE_DIRECTORY__MAX_DEPARTURES="0.1").json["unchanged"] is True
    assert academy.good(*command, MAILGATE_DIRECTORY__SCHOOL_YEAR="2026").json["unchanged"] is False
    assert academy.good(*command, "--force", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026").json["unchanged"] is False


def test_a_delta_changes_what_is_held(either: Command) -> None:
    use(either, DEMO)
    rehearsed = either.good("directory", "import", DELTA, "--dry-run", "--json").json
    assert held(either)[0]["read"] == "complete"
    done = either.good("directory", "import", DELTA, "--source", "aaf", "--json").json
    assert {key: done[key] for key in ("added", "left", "changed", "sources")} == {
        key: rehearsed[key] for key in ("added", "left", "changed", "sources")
    }
    truth = expected("expected-delta.json", DELTA)
    assert sum(one["members"] for one in lists(either)) == truth["counts"]["memberships"]
    (one,) = held(either)
    assert (one["name"], one["records"], one["day"], one["read"]) == ("aaf", 1233, "20250922", "delta")
    assert one["in_settings"] is True
    gone = next(iter(truth["changes"]["leavers"]))
    (address,) = [one["address"] for one in expected()["accounts"] if one["id"] == gone]
    assert either.good("account", "show", address, "--json").json["state"] in {"leaving", "reading"}
    assert "newer than what is given (20250915)" in either.refused(4, "directory", "import")


def test_a_delta_that_is_refused_changes_nothing(either: Command, tmp_path: Path) -> None:
    before = held(either), lists(either)
    mass = delta(tmp_path / "mass", *(request("deleteRequest", 10000000 + number) for number in range(1, 200)))
    assert "too many pupils and staff are missing" in either.refused(4, "directory", "import", mass)
    broken = delta(tmp_path / "broken", modification(10000001, sn=["A&eacute;"]))
    assert "Eleve_0000.xml, line 2: " in either.refused(4, "directory", "import", broken)
    wrong = delta(tmp_path / "wrong", modification(10000001, sn=["A"]), day="20250901")
    assert "newer than what is given (20250901)" in either.refused(4, "directory", "import", wrong)
    assert (held(either), lists(either)) == before
    assert either.good("directory", "import", DEMO, "--json").json["unchanged"] is True


def test_a_delta_without_a_complete_set_is_refused(empty: Command) -> None:
    assert "nothing is held that it could change" in empty.refused(4, "directory", "import", DELTA)
    assert held(empty) == []


def test_every_source_of_the_settings_is_read(empty: Command) -> None:
    more = SOURCE.format(name="siecle", format="siecle", path=DATA / "siecle-0131001T.tar.xz")
    use(empty, DEMO, more=more + 'school = "0131001T"\n')
    report = empty.good("directory", "import", "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2025").json
    assert sum(report["added"].values()) == 1115
    assert [one["name"] for one in report["sources"]] == ["aaf", "siecle"]
    again = empty.good("directory", "import", "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2025").json
    assert again["unchanged"] is True
    left = empty.good("directory", "forget", "siecle", "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2025").json
    assert left["left"] == NOTHING
    assert [one["name"] for one in held(empty) if one["records"]] == ["aaf"]


def test_sources_that_were_never_read_or_are_in_no_settings_are_shown(academy: Command) -> None:
    use(academy, Path("/srv/siecle"), "siecle", "siecle", 'school = "0131001T"\n')
    aaf, siecle = held(academy)
    assert (aaf["in_settings"], siecle["in_settings"]) == (False, True)
    assert (siecle["school"], siecle["records"], siecle["last_read"]) == ("0131001T", 0, None)
    shown = academy.good("directory", "sources").out.splitlines()
    assert shown[0].split() == ["Name", "Format", "School", "Records", "Day", "Last", "read", "Read", "In", "settings"]
    assert shown[1].split()[:4] == ["aaf", "aaf", "1,236", "20250915"]
    assert "never" in shown[2]


def test_what_is_held_of_a_source_can_be_forgotten(academy: Command) -> None:
    line = academy.refused(4, "directory", "forget", "siecle")
    assert line == "siecle: nothing is held of a source of this name"
    assert "no source is left" in academy.refused(4, "directory", "forget", "aaf")
    assert len(held(academy)) == 1


def test_a_school_that_changes_systems_keeps_everybody(mailgate: Command) -> None:
    """Two teachers of one name in one school are told apart by no date of birth: they alone are others than before."""
    mailgate.good("directory", "import", DATA / "csv.tar.xz", "--format", "csv", "--force")
    college = ("--format", "siecle", "--school", "0131001T")
    mailgate.good("directory", "import", DATA / "siecle-0131001T.tar.xz", *college)
    before = accounts(mailgate), lists(mailgate), held(mailgate)
    line = mailgate.refused(4, "directory", "forget", "csv")
    assert re.match(r"csv: \d+ people are in no other source, and would leave; .* Import the one that takes its", line)
    assert (accounts(mailgate), lists(mailgate), held(mailgate)) == before
    report = mailgate.good("directory", "import", DEMO, "--json").json
    assert (report["added"], report["left"]) == ({"teacher": 2}, {"teacher": 2})
    assert {name for name, _ in accounts(mailgate) - before[0]} == {
        "veronique.bertrand3@ent.example.org",
        "veronique.bertrand4@ent.example.org",
    }
    assert mailgate.good("directory", "forget", "csv", "--json").json["left"] == NOTHING
    assert [one["name"] for one in held(mailgate)] == ["aaf", "siecle-0131001T"]


def accounts(command: Command) -> set[tuple[str, int]]:
    """The main address and the number of everybody."""
    with contextlib.closing(sqlite3.connect(command.folder / "mailgate.db")) as database:
        rows = "SELECT address, person_id FROM address JOIN person USING (person_id) WHERE is_primary"
        return set(database.execute(rows))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--source", "sconet"], "the settings have no source sconet: --format says how it is written"),
        (["--source", "aaf", "--format", "sts"], "the settings say that aaf is of another format or school"),
        (["--format", "sts"], "sts tells of one school: name it by --school"),
        (["--format", "sts", "--school", "0131001X"], "0131001X is not a UAI (seven digits and their letter)"),
        (["--format", "sts", "--school", "0131001t"], "where is sts-0131001T? Name its path"),
    ],
)
def test_a_source_that_nothing_describes_is_refused(mailgate: Command, arguments: list[str], line: str) -> None:
    use(mailgate, DEMO)
    assert mailgate.refused(1, "directory", "import", *arguments) == line


def test_a_year_later_the_same_source_says_other_things(academy: Command) -> None:
    use(academy, NEXT_YEAR)
    report = academy.good("directory", "import", "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026").json
    assert report["sources"][0]["read"] == ["complete 20260901"]
    assert report["sources"][0]["removed"] > 100
