"""`mailgate year`: the next school year is prepared, looked at, switched to at once, undone within a day."""

from __future__ import annotations

import asyncio
import datetime
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select, update

from directory.holding_schema import followed
from directory.schema import address, list_, list_member, person, school
from directory.year_schema import past_member, year_switch
from mailgate.config import load
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.migrations.tables import METADATA
from mailgate.policy.audit import audit
from mailgate.school_year.clock import SwitchClock
from mailgate.store.schema import account
from tests.cli.command import Command
from tests.cli.test_directory import unpack
from tests.directory.academy import DEMO, NEXT_YEAR, ROOT, expected, members
from tests.directory.test_aaf_delta import DELTA

T = TypeVar("T")
HELD = {"source", "held_record"}
CHILDLESS = {20000326, 20000659}
"""Guardians whose only child left: the truth keeps them, but nothing in the files of the year names them any more."""


def on(command: Command, work: Callable[[Connection], T]) -> T:
    """Do something on the database of a command."""
    url = tomllib.loads(command.config.read_text())["database"]["url"]

    async def run() -> T:
        async with batch_engine(url) as engine, engine.begin() as connection:
            return await connection.run_sync(work)

    return asyncio.run(run())


def everything(command: Command) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""

    def work(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        tables = [table for metadata in METADATA for table in metadata.sorted_tables]
        return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables}

    return on(command, work)


def prepare(command: Command) -> None:
    command.good("directory", "import", NEXT_YEAR)


def held(command: Command, *options: str) -> list[tuple[str, int, str]]:
    rows = command.good("directory", "sources", *options, "--json").json
    return [(row["name"], row["records"], row["day"]) for row in rows]


def test_the_next_year_is_held_beside_and_changes_nothing_today(either: Command) -> None:
    before = everything(either)
    report = either.good("directory", "import", NEXT_YEAR, "--json").json
    assert report["unchanged"] is True
    assert [(one["read"], one["year"]) for one in report["sources"]] == [(["complete 20260901"], 2026)]
    after = everything(either)
    assert {name for name in before if before[name] != after[name]} == HELD
    assert all(set(before[name]) <= set(after[name]) for name in HELD)
    assert held(either) == [("aaf", 1236, "20250915")]
    assert held(either, "--year", "2026") == [("aaf", 1322, "20260901")]
    again = either.good("directory", "import", NEXT_YEAR).out
    assert again.splitlines() == [
        "aaf: the same files as the last time (1,322 records); held for the school year 2026-2027",
        "Nothing changes today: `mailgate year preview 2026` shows what will.",
    ]


def test_imports_of_this_year_go_on_meanwhile(academy: Command) -> None:
    prepare(academy)
    report = academy.good("directory", "import", DELTA, "--json").json
    assert (report["unchanged"], report["sources"][0]["year"]) == (False, None)
    truth = expected("expected-delta.json", DELTA)
    assert sum(len(found) for found in on(academy, members).values()) == truth["counts"]["memberships"]
    assert held(academy, "--year", "2026") == [("aaf", 1322, "20260901")]
    academy.good("year", "switch", "2026")
    assert_next_year(academy)


def test_files_may_be_of_the_year_that_is_said(academy: Command) -> None:
    line = academy.refused(1, "directory", "import", NEXT_YEAR, "--year", "2028")
    assert line == "the directory is of 2025-2026: the year to prepare is 2026"
    report = academy.good("directory", "import", DEMO, "--year", "2026", "--json").json
    assert report["sources"][0]["year"] == 2026
    assert academy.good("directory", "forget", "aaf", "--year", "2026", "--json").json["unchanged"] is True
    assert held(academy, "--year", "2026") == []
    assert held(academy) == [("aaf", 1236, "20250915")]


def test_the_files_of_a_school_say_their_year_themselves(academy: Command, tmp_path: Path) -> None:
    folder = unpack(ROOT / "tests/directory/data/sts.tar.xz", tmp_path / "sts", "sts_emp_0131001T")
    (file,) = folder.iterdir()
    text = file.read_bytes()
    assert b'ANNEE="2025"' in text
    file.write_bytes(text.replace(b'ANNEE="2025"', b'ANNEE="2026"', 1))
    words = ("directory", "import", folder, "--format", "sts", "--school", "0131001T", "--json")
    (one,) = academy.good(*words).json["sources"]
    assert (one["year"], one["records"] > 0) == (2026, True)


def assert_next_year(command: Command) -> None:
    """The directory is what it is to be next year."""
    truth = expected("expected-next.json")
    assert on(command, members) == {name: set(found["members"]) for name, found in truth["lists"].items()}
    rows = on(
        command,
        lambda connection: connection.execute(
            select(person.c.source_id, address.c.address)
            .join(address, address.c.person_id == person.c.person_id)
            .join(account, account.c.account_id == person.c.person_id)
            .where(address.c.is_primary, person.c.state == "active", account.c.state == "active")
            .where(person.c.source != "local")
        ).all(),
    )
    now = {one["id"]: one["address"] for one in truth["accounts"] if one["id"] not in CHILDLESS}
    assert {int(number): text for number, text in rows if number.isdigit()} == now


def test_the_switch_does_what_the_preview_shows_and_makes_the_next_year(either: Command) -> None:
    prepare(either)
    before = everything(either)
    shown = either.good("year", "preview", "2026", "--json").json
    assert everything(either) == before
    assert either.good("year", "switch", "2026", "--dry-run", "--json").json == shown
    assert everything(either) == before
    assert either.good("year", "switch", "2026", "--json").json == shown
    assert_next_year(either)
    after = everything(either)
    assert set(before["address"]) <= set(after["address"])
    assert_matches(shown, before, after)
    assert set(before["past_member"]) == set()
    assert {(list_id, person_id) for _, list_id, person_id in after["past_member"]} == set(before["list_member"])
    for name in ("mailbox", "credential", "list_setting", "list_adjustment", "list_alias", "list_delegate"):
        assert set(before.get(name, ())) <= set(after.get(name, ()))
    assert held(either) == [("aaf", 1322, "20260901")]
    ((action, subject),) = on(
        either,
        lambda c: c.execute(select(audit.c.action, audit.c.subject).where(audit.c.action == "year switch")).all(),
    )
    assert (action, subject) == ("year switch", "2026-2027")


def assert_matches(
    shown: dict[str, Any], before: dict[str, list[tuple[Any, ...]]], after: dict[str, list[tuple[Any, ...]]]
) -> None:
    """What a preview shows is the difference of the tables."""

    def in_use(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        names = {row[0]: row[1] for row in tables["list"] if row[list(list_.c.keys()).index("active")]}
        for list_id, person_id in tables["list_member"]:
            found.setdefault(names[list_id], set()).add(person_id)
        return found

    was, now = in_use(before), in_use(after)
    assert {one["address"] for one in shown["lists"]["new"]} == set(now) - set(was)
    assert {one["address"] for one in shown["lists"]["gone"]} == set(was) - set(now)
    assert {one["address"]: (one["came"], one["went"], one["after"]) for one in shown["lists"]["changed"]} == {
        name: (len(now[name] - was[name]), len(was[name] - now[name]), len(now[name]))
        for name in set(was) & set(now)
        if was[name] != now[name]
    }
    assert shown["address_changes"] == []
    assert shown["doubts"] == []
    state = list(person.c.keys()).index("state")
    active = [{row[0] for row in tables["person"] if row[state] == "active"} for tables in (before, after)]
    assert (len(shown["arrivals"]), len(shown["leavers"])) == (len(active[1] - active[0]), len(active[0] - active[1]))
    classes: list[dict[int, set[int]]] = [{}, {}]
    for found, tables in zip(classes, (before, after), strict=True):
        for person_id, class_id, *_ in tables["class_member"]:
            found.setdefault(person_id, set()).add(class_id)
    moved = {one for one in active[0] & active[1] if classes[0].get(one, set()) != classes[1].get(one, set())}
    assert len(shown["class_changes"]) == len(moved) > 300


def test_the_preview_of_one_school(academy: Command) -> None:
    prepare(academy)
    shown = academy.good("year", "preview", "2026", "--school", "0131001t", "--json").json
    assert list(shown["pupils"]) == ["0131001T"]
    assert {one["school"] for one in shown["lists"]["changed"]} == {"0131001T"}
    text = academy.good("year", "preview", "2026", "--school", "0131001T").out.splitlines()
    assert text[0] == "From 2025-2026 to 2026-2027, 0131001T"
    assert "Address changes: none" in text


def test_undo_gives_the_directory_of_before(either: Command) -> None:
    prepare(either)
    before = everything(either)
    either.good("year", "switch", "2026")
    switched = everything(either)
    assert either.good("year", "undo", "--dry-run", "--json").json["to"] == 2025
    assert everything(either) == switched
    either.good("year", "undo")
    after = everything(either)
    new = {row[0] for row in switched["person"]} - {row[0] for row in before["person"]}
    states = {row[0]: row[1] for row in after["account"]}
    assert {states[number] for number in new} == {"suspended"}
    grown = {name for name in before if set(after[name]) > set(before[name])}
    assert {name for name in before if after[name] != before[name]} == grown
    assert grown <= {
        "account", "address", "audit", "class", "discipline", "list", "mailbox", "mef", "person", "person_source",
        "school_level", "level", "subscription", "subject", "teaching_group", "year_switch", "duplicate",
        "former_school", "leaver",
    }  # fmt: skip
    added = set(after["list"]) - set(before["list"])
    assert not any(row[list(list_.c.keys()).index("active")] for row in added)
    assert "no switch was made that could be undone" in either.refused(4, "year", "undo")
    either.good("year", "switch", "2026")
    again = everything(either)
    assert {name for name in again if again[name] != switched[name]} <= {
        "audit",
        "year_switch",
        "source",
        "person",
        "former_school",
        "leaver",
    }
    assert_next_year(either)


def test_a_switch_is_undone_within_a_day_only(academy: Command) -> None:
    assert "no switch was made that could be undone" in academy.refused(4, "year", "undo")
    prepare(academy)
    academy.good("year", "switch", "2026")
    then = int((datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(hours=25)).timestamp())
    on(academy, lambda connection: connection.execute(update(year_switch).values(done_at=then)) and None)
    assert "it can be undone for a day" in academy.refused(4, "year", "undo")


def test_a_year_that_is_not_ready_is_refused(academy: Command) -> None:
    before = everything(academy)
    assert "nothing is held for 2026-2027: prepare it with" in academy.refused(4, "year", "preview", "2026")
    academy.good("directory", "import", DEMO, "--year", "2026")
    doubts = academy.good("year", "preview", "2026", "--json").json["doubts"]
    assert [text.partition(":")[0] for text in doubts] == ["0131001T", "0131002U"]
    assert "as if it were the old year" in doubts[0]
    assert doubts[1] in academy.refused(4, "year", "switch", "2026")
    after = everything(academy)
    assert {name for name in before if before[name] != after[name]} == HELD
    academy.good("year", "switch", "2026", "--force")
    (year,) = on(academy, lambda connection: set(connection.scalars(select(school.c.school_year))))
    assert year == 2026


def test_a_source_that_is_not_prepared_is_a_doubt(academy: Command, tmp_path: Path) -> None:
    folder = unpack(ROOT / "tests/directory/data/sts.tar.xz", tmp_path / "sts", "sts_emp_0131001T")
    academy.good("directory", "import", folder, "--format", "sts", "--school", "0131001T")
    prepare(academy)
    (doubt,) = academy.good("year", "preview", "2026", "--json").json["doubts"]
    assert doubt == "sts-0131001T is not held for 2026-2027: what it alone says would be gone"


def test_too_many_leavers_are_a_doubt_with_the_whole_preview(academy: Command) -> None:
    prepare(academy)
    few = {"MAILGATE_DIRECTORY__MAX_DEPARTURES_NEW_YEAR": "0.05"}
    shown = academy.good("year", "preview", "2026", "--json", **few).json
    assert "too many pupils and staff are missing" in shown["doubts"][0]
    assert len(shown["class_changes"]) > 300
    assert "too many pupils and staff are missing" in academy.refused(4, "year", "switch", "2026", **few)


_KILLED = """
import os, signal, sys
from mailgate.school_year import switching

def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(switching, sys.argv.pop(1), stop)
from mailgate.cli import main
main()
"""


def test_a_switch_that_is_killed_changes_nothing(either: Command) -> None:
    prepare(either)
    before = everything(either)
    words = [sys.executable, "-c", _KILLED, "record", "--config", str(either.config), "year", "switch", "2026"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(words, cwd=ROOT, env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert everything(either) == before
    either.good("year", "switch", "2026")
    switched = everything(either)
    words[words.index("switch") :] = ["undo"]
    assert subprocess.run(words, cwd=ROOT, env=environment, check=False, timeout=120).returncode == -signal.SIGKILL
    assert everything(either) == switched


def test_who_was_on_a_list_is_kept(academy: Command) -> None:
    prepare(academy)
    rows = on(academy, lambda c: set(map(tuple, c.execute(select(list_member.c.list_id, list_member.c.person_id)))))
    academy.good("year", "switch", "2026")
    kept = on(academy, lambda c: list(c.execute(select(past_member))))
    assert {row.school_year for row in kept} == {2025}
    assert {(row.list_id, row.person_id) for row in kept} == rows


def plan(command: Command, days: int = 1) -> None:
    """Have the switch made in so many days."""
    at = datetime.datetime.now() + datetime.timedelta(days=days)  # noqa: DTZ005 - as people write it
    command.good("year", "switch", "2026", "--at", f"{at:%Y-%m-%dT%H:%M}")


def pass_time(command: Command) -> None:
    """Bring a planned switch into the past."""
    on(command, lambda connection: connection.execute(update(year_switch).values(due_at=1)) and None)


def look(command: Command, times: int = 1) -> None:
    """What gateways do every minute, some at once."""
    settings = load(command.config)

    async def run() -> None:
        database = await open_database(settings.database.url)
        try:
            await asyncio.gather(*(SwitchClock(database, settings).look() for _ in range(times)))
        finally:
            await database.close()

    asyncio.run(run())


def shown(command: Command) -> dict[str, Any]:
    found: dict[str, Any] = command.good("year", "show", "--json").json
    return found


def test_a_planned_switch_is_made_once_by_a_gateway(either: Command) -> None:
    assert "nothing is held for 2026-2027" in either.refused(4, "year", "switch", "2026", "--at", "2099-08-28T06:00")
    prepare(either)
    assert "is over; without --at" in either.refused(4, "year", "switch", "2026", "--at", "2026-01-01T06:00")
    plan(either)
    before = everything(either)
    look(either)
    assert everything(either) == before
    (one,) = shown(either)["switches"]
    assert one["due_at"] is not None
    assert (one["done_at"], one["forced"]) == (None, False)
    pass_time(either)
    look(either, times=3)
    assert_next_year(either)
    (one,) = shown(either)["switches"]
    assert one["done_at"] is not None
    assert one["actor"].startswith("plan of ")
    assert shown(either)["current"] == 2026
    rows = on(either, lambda connection: connection.scalars(select(audit.c.action)).all())
    assert rows.count("year switch") == 1
    look(either)
    assert either.good("year", "run-due").out == ""


def test_a_planned_switch_that_is_refused_is_told_and_not_tried_again(academy: Command) -> None:
    academy.good("directory", "import", DEMO, "--year", "2026")
    plan(academy)
    pass_time(academy)
    before = everything(academy)
    line = academy("year", "run-due").out
    assert line.startswith("2026-2027: refused: 0131001T: ")
    after = everything(academy)
    assert {name for name in before if before[name] != after[name]} == {"year_switch", "audit"}
    assert "as if it were the old year" in shown(academy)["switches"][0]["refusal"]
    assert academy.good("year", "run-due").out == ""
    assert "refused: 0131001T" in academy.good("year", "show").out


def test_a_planned_switch_can_be_taken_back(academy: Command) -> None:
    prepare(academy)
    plan(academy)
    academy.good("year", "cancel", "2026")
    assert shown(academy) == {"current": 2025, "held": {"2026": ["aaf"]}, "switches": []}
    assert academy.refused(4, "year", "cancel", "2026") == "the school year: no switch to 2026-2027 is planned"
    assert academy.good("year", "run-due").out == ""


def test_last_years_lists_are_read_until_a_day(either: Command) -> None:
    gone = "groupe-tle-esp2-2.eleves@lyc-frederic-mistral.ent.example.org"
    were = on(either, members)
    prepare(either)
    assert "nothing is kept of" in either.refused(1, "list", "show", gone, "--year", "2025")
    either.good("year", "switch", "2026")
    for name in (gone, "6eme-a.parents@clg-frederic-mistral.ent.example.org"):
        found = either.good("list", "show", name, "--year", "2025", "--json").json
        assert len(found) == len(were[name])
    assert gone not in either.good("list", "show").out
    on(either, lambda connection: connection.execute(update(past_member).values(school_year=2020)) and None)
    assert either.good("year", "run-due").out == "2020-2021: its lists are not readable any more\n"
    assert "nothing is kept of" in either.refused(1, "list", "show", gone, "--year", "2025")
    assert either.good("year", "run-due").out == ""


def test_a_source_that_is_followed_is_compared_whole_after_a_switch(academy: Command) -> None:
    prepare(academy)
    row = {column.name: 0 for column in followed.c} | {"academy": "demo", "name": "sdet", "way": "sync", "error": ""}
    on(academy, lambda c: c.execute(insert(followed).values(row | {"position": b"cookie"})) and None)
    academy.good("year", "preview", "2026")
    assert on(academy, lambda connection: connection.scalar(select(followed.c.position))) == b"cookie"
    academy.good("year", "switch", "2026")
    assert on(academy, lambda connection: connection.scalar(select(followed.c.position))) is None
