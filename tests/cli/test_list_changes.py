"""`mailgate list`: what an administrator decides about lists, with a row in the audit for each change."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tomllib
from typing import Any

import pytest
from sqlalchemy import select

from mailgate.database import Statement, open_database
from mailgate.policy.audit import audit, operator
from tests.cli.command import Command, describe
from tests.directory.academy import NEXT_YEAR

COLLEGE = "clg-frederic-mistral.ent.example.org"
TEACHER = "theo.david@ent.example.org"
VOYAGE = f"voyage@{COLLEGE}"
APE = f"ape@{COLLEGE}"
LIST_6A = "it belongs to the list 6ème A, and an address is never given again"


def audited(command: Command) -> list[tuple[str, str, str, str]]:
    """The audit: actor, action, subject, detail."""
    url = tomllib.loads(command.config.read_text())["database"]["url"]
    asked = Statement(select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail))

    async def work() -> list[tuple[str, str, str, str]]:
        database = await open_database(url, pool_size=2)
        try:
            return [tuple(row) for row in await database.read(lambda tx: tx.all(asked))]
        finally:
            await database.close()

    return asyncio.run(work())


def addresses(command: Command, name: str) -> set[str]:
    return {one["address"] for one in command.good("list", "members", name, "--json").json}


def test_a_list_by_rule_a_list_by_hand_and_their_story(either: Command) -> None:
    made = either.good("list", "create", VOYAGE, "Voyage", "--rule", "niveau-6e.parents - niveau-5e.parents", "--json")
    (change,) = made.json["changes"]
    wanted = addresses(either, f"niveau-6e.parents@{COLLEGE}") - addresses(either, f"niveau-5e.parents@{COLLEGE}")
    assert set(change["coming"]) == addresses(either, VOYAGE) == wanted
    either.good("list", "create", APE, "Parents élus")
    assert either.good("list", "nest", APE, VOYAGE).out.splitlines() == [
        f"{APE} contains {VOYAGE}.",
        f"  {APE}: +{len(wanted)} -0 (had 0)",
    ]
    out = min(wanted)
    either.good("list", "exclude", APE, out, "--reason", "jugement")
    either.good("list", "members", "add", APE, TEACHER)
    assert addresses(either, APE) == wanted - {out} | {TEACHER}
    told = either.good("list", "members", APE, "--why").out
    assert f"added by {operator()} on " in told
    assert f", in {VOYAGE}, in niveau-6e.parents@{COLLEGE}" in told
    assert told.splitlines()[-1].startswith("Excluded: ")
    assert told.splitlines()[-1].endswith(": jugement")
    either.good("list", "members", "remove", APE, TEACHER)
    either.good("list", "include", APE, out)
    either.good("list", "rule", VOYAGE, "6eme-a.profs")
    assert addresses(either, APE) == addresses(either, f"6eme-a.profs@{COLLEGE}")
    either.good("list", "unnest", APE, VOYAGE)
    assert addresses(either, APE) == set()
    who = operator()
    assert sorted(audited(either)) == sorted(
        (who, action, subject, detail)
        for action, subject, detail in (
            ("list create", VOYAGE, "Voyage: niveau-6e.parents - niveau-5e.parents"),
            ("list create", APE, "Parents élus"),
            ("list nest", APE, VOYAGE),
            ("list exclude", APE, f"{out}: jugement"),
            ("list members add", APE, TEACHER),
            ("list members remove", APE, TEACHER),
            ("list include", APE, out),
            ("list rule", VOYAGE, f"6eme-a.profs@{COLLEGE}"),
            ("list unnest", APE, VOYAGE),
        )
    )


def test_a_rehearsal_says_who_would_come_and_changes_nothing(academy: Command) -> None:
    before = addresses(academy, f"6eme-a.parents@{COLLEGE}")
    looked = academy.good("list", "exclude", f"6eme-a.parents@{COLLEGE}", min(before), "--dry-run").out.splitlines()
    assert looked[1] == f"  6eme-a.parents@{COLLEGE}: +0 -1 (had {len(before)})"
    assert looked[-1] == "This was a rehearsal: nothing was changed."
    assert addresses(academy, f"6eme-a.parents@{COLLEGE}") == before
    assert audited(academy) == []


def test_names_further_addresses_delegates_and_closing(academy: Command) -> None:
    academy.good("list", "create", APE, "APE")
    academy.good("list", "members", "add", APE, TEACHER)
    academy.good("list", "rename", APE, "Parents élus")
    academy.good("list", "alias", "add", APE, f"elus@{COLLEGE}")
    academy.good("list", "delegate", "add", APE, f"direction@{COLLEGE}")
    academy.good("list", "delegate", "add", APE, TEACHER, "--role", "moderate")
    assert academy.good("list", "settings", "set", APE, "posting=members", "hold-minutes=5", "tag=APE").out == (
        f"{APE}: posting: policy → members, tag: – → APE, hold_minutes: 0 → 5\n"
    )
    academy.good("list", "close", f"elus@{COLLEGE}")
    shown: dict[str, Any] = academy.good("list", "describe", APE, "--json").json
    assert shown["closed"] is not None
    assert (shown["name"], shown["kind"], shown["members"]) == ("Parents élus", "manual", 1)
    assert shown["aliases"] == [f"elus@{COLLEGE}"]
    assert [(one["role"], one["who"]) for one in shown["delegates"]] == [
        ("manage", f"direction@{COLLEGE}"),
        ("moderate", TEACHER),
    ]
    assert [(one["address"], one["by"]) for one in shown["added"]] == [(TEACHER, operator())]
    assert shown["settings"]["posting"] == "members"
    text = academy.good("list", "describe", APE).out
    assert f"Further addresses: elus@{COLLEGE}" in text
    assert "May moderate: theo.david@ent.example.org" in text
    assert "hold_minutes = 5" in text
    assert "archive" not in text
    assert academy.good("list", "show", "ape@", "--json").json == []
    assert [one["address"] for one in academy.good("list", "show", "ape@", "--all", "--json").json] == [APE]
    academy.good("list", "reopen", APE)
    academy.good("list", "delegate", "remove", APE, TEACHER, "--role", "moderate")
    academy.good("list", "alias", "remove", APE, f"elus@{COLLEGE}")
    assert academy.good("list", "settings", "show", APE, "--json").json["hold_minutes"] == 5
    assert "hold_minutes  5" in academy.good("list", "settings", "show", APE).out
    actions = {action for _, action, _, _ in audited(academy)}
    assert actions >= {"list close", "list reopen", "list alias remove", "list delegate remove", "list settings set"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rule", f"parents@{COLLEGE}", "a"], f"parents@{COLLEGE} is not a list by rule: create one with --rule"),
        (
            ["create", VOYAGE, "V", "--rule", "eleves |"],
            "at character 9: a list or a parenthesis is expected, but the rule ends",
        ),
        (["create", f"tous@{COLLEGE}", "T"], "tous@ is an address that the directory gives"),
        (["members", "add", f"tous@{COLLEGE}", "x@y"], "there is no person x@y"),
        (["describe", VOYAGE], f"there is no list {VOYAGE}; `mailgate list show --all` lists them"),
        (
            ["settings", "set", f"tous@{COLLEGE}", "posting=all"],
            "posting is one of policy, members, managers, staff, not 'all'",
        ),
        (
            ["alias", "add", f"tous@{COLLEGE}", f"6eme-a.tous@{COLLEGE}"],
            f"6eme-a.tous@{COLLEGE} is taken, or was once: {LIST_6A}",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(academy: Command, arguments: list[str], line: str) -> None:
    assert academy.refused(1, "list", *arguments) == line
    assert audited(academy) == []


def test_a_refresh_of_what_is_right_changes_nothing(either: Command) -> None:
    looked = either.good("list", "refresh", "--dry-run", "--json").json
    assert looked == {"dry_run": True, "added": 0, "removed": 0, "changes": []}
    assert either.good("list", "refresh").out == "0 lists changed: +0 -0 memberships.\n"
    assert [(action, detail) for _, action, _, detail in audited(either)] == [("list refresh", "+0 -0 memberships")]


def test_the_members_command_takes_options_first(academy: Command) -> None:
    assert json.loads(academy.good("list", "members", "--json", f"tous@{COLLEGE}").out)
    assert "add" in academy.good("list", "members", "--help").out


def test_a_refresh_that_takes_too_many_away_is_refused(academy: Command) -> None:
    settings = tomllib.loads(academy.config.read_text())
    settings["directory"]["max_list_departures"] = 0.01
    academy.use(describe(settings))
    heads = f"6eme-a.pp@{COLLEGE}"
    with sqlite3.connect(settings["database"]["url"].removeprefix("sqlite:///")) as database:
        database.execute(
            "INSERT OR IGNORE INTO list_member SELECT list_id, person_id FROM list, person WHERE address = ?", (heads,)
        )
    database.close()
    line = academy.refused(4, "list", "refresh")
    assert line.startswith("the lists: too many members would leave lists: Frédéric-Mistral (0131001T): 1118 of ")
    assert f"({heads} 1118 of 1119)" in line
    looked = academy.good("list", "refresh", "--dry-run", "--force").out
    assert looked == (f"1 lists would change: +0 -1118 memberships.\n  {heads}: +0 -1118 (had 1119)\n")
    assert len(addresses(academy, heads)) == 1119
    academy.good("list", "refresh", "--force")
    assert len(addresses(academy, heads)) == 1
    assert [action for _, action, _, _ in audited(academy)] == ["list refresh"]


def test_an_import_says_list_by_list_who_would_come_and_go(academy: Command) -> None:
    academy.good("list", "create", APE, "APE")
    academy.good("list", "nest", APE, f"niveau-6e.parents@{COLLEGE}")
    next_year = {"MAILGATE_DIRECTORY__SCHOOL_YEAR": "2026"}
    looked = academy.good("directory", "import", NEXT_YEAR, "--dry-run", "--force", "--json", **next_year).json
    change = next(one for one in looked["list_changes"] if one["address"] == APE)
    before = addresses(academy, APE)
    assert change["before"] == len(before)
    academy.good("directory", "import", NEXT_YEAR, "--force", **next_year)
    assert before - set(change["going"]) | set(change["coming"]) == addresses(academy, APE)


def test_a_shared_mailbox_that_is_deleted_is_in_no_list(academy: Command) -> None:
    office = f"infirmerie@{COLLEGE}"
    academy.good("shared", "create", "Infirmerie", "--address", office)
    academy.good("list", "create", APE, "APE")
    academy.good("list", "members", "add", APE, office)
    assert addresses(academy, APE) == {office}
    academy.good("shared", "delete", "Infirmerie", "--yes")
    assert addresses(academy, APE) == set()
