"""`mailgate stop` and `mailgate policy limits` as an administrator uses them."""

from __future__ import annotations

import time

from sqlalchemy import create_engine, select

from mailgate.cli.context import ExitCode
from mailgate.policy.audit import audit
from tests.cli.command import Command

UAI = "0131001T"
TEACHER = "theo.david@ent.example.org"
PUPIL = "youssef.schmitt@ent.example.org"
PARENTS = "6eme-a.parents@clg-frederic-mistral.ent.example.org"


def test_a_stop_is_made_shown_and_lifted(either: Command) -> None:
    assert either.good("stop", "list", "--json").json == []
    before = int(time.time())
    whom = ("--profile", "pupil", "--profile", "relative", "--school", UAI.lower(), "--hours", "4")
    made = either.good("stop", "add", *whom, "--reason-fr", "Arrêt  d’urgence", "--json").json
    assert [(one["effect"], one["profile"], one["school"]) for one in made] == [
        ("refuse", "pupil", UAI),
        ("refuse", "relative", UAI),
    ]
    assert {one["reason_fr"] for one in made} == {"Arrêt d’urgence"}
    assert all(0 <= one["ends_at"] - before - 4 * 3600 <= 60 for one in made)
    assert either.good("stop", "list", "--json").json == made
    shown = either.good("stop", "list").out
    assert made[0]["id"] in shown
    assert f"profile pupil, school {UAI}" in shown
    assert either.good("stop", "lift", made[0]["id"], "--json").json == made[:1]
    assert either.good("stop", "list", "--json").json == made[1:]
    assert either.good("stop", "lift", "--all", "--dry-run", "--json").json == made[1:]
    assert either.good("stop", "lift", "--all", "--json").json == made[1:]
    assert either.good("stop", "list", "--json").json == []
    ended = either.good("stop", "list", "--all", "--json").json
    assert {one["id"] for one in ended} == {one["id"] for one in made}


def test_a_rehearsal_makes_nothing(academy: Command) -> None:
    [one] = academy.good("stop", "add", "--everybody", "--moderate", "--dry-run", "--json").json
    assert (one["effect"], one["profile"], one["school"], one["list"], one["account"]) == ("moderate", *[None] * 4)
    assert academy.good("stop", "list", "--json").json == []


def test_what_is_refused(academy: Command) -> None:
    assert "say whom" in academy.refused(ExitCode.FAILED, "stop", "add")
    assert "say whom" in academy.refused(ExitCode.FAILED, "stop", "add", "--everybody", "--profile", "pupil")
    assert "no profile" in academy.refused(ExitCode.FAILED, "stop", "add", "--profile", "pupils")
    assert "no school" in academy.refused(ExitCode.FAILED, "stop", "add", "--school", "0000000X")
    assert "no list" in academy.refused(ExitCode.FAILED, "stop", "add", "--list", TEACHER)
    assert "nobody has" in academy.refused(ExitCode.FAILED, "stop", "add", "--account", PARENTS)
    assert "300 letters" in academy.refused(ExitCode.FAILED, "stop", "add", "--everybody", "--reason-en", "x" * 301)
    assert "say which" in academy.refused(ExitCode.FAILED, "stop", "lift")
    assert "no stop 12" in academy.refused(ExitCode.FAILED, "stop", "lift", "12")
    assert academy("stop", "add", "--everybody", "--hours", "0").code == ExitCode.USAGE
    assert academy.good("stop", "list", "--json").json == []


def test_explain_mentions_a_stop(academy: Command) -> None:
    assert academy.good("policy", "explain", TEACHER, PUPIL, "--json").json["stop"] is None
    [made] = academy.good("stop", "add", "--list", PARENTS, "--json").json
    assert academy.good("policy", "explain", TEACHER, PUPIL, "--json").json["stop"] is None
    held = academy.good("policy", "explain", TEACHER, PARENTS, "--json").json
    assert held["verdict"] == "allow"
    assert held["stop"] == {"id": made["id"], "effect": "refuse", "ends_at": made["ends_at"]}
    said = academy.good("policy", "explain", TEACHER, PARENTS).out
    assert f"Stop {made['id']} holds until" in said
    academy.good("stop", "lift", made["id"])
    assert "Stop" not in academy.good("policy", "explain", TEACHER, PARENTS).out


def test_every_change_leaves_a_row(academy: Command) -> None:
    [made] = academy.good("stop", "add", "--account", TEACHER, "--json").json
    academy.good("stop", "lift", "--all")
    academy.good("policy", "limits", "set", UAI, "pupil", "messages_per_hour", "5")
    engine = create_engine(f"sqlite:///{academy.folder / 'academy.db'}")
    with engine.connect() as connection:
        rows = connection.execute(select(audit.c.action, audit.c.subject, audit.c.detail)).all()
    engine.dispose()
    assert {tuple(row)[:2] for row in rows} == {
        ("stop add", f"account {TEACHER}"),
        ("stop lift", f"account {TEACHER}"),
        ("policy limits set", UAI),
    }
    assert sum(made["id"] in row.detail for row in rows) == 2


def limit(command: Command, profile: str, name: str) -> tuple[str, str]:
    rows = command.good("policy", "limits", "show", UAI, "--json").json
    [found] = [row for row in rows if (row["profile"], row["name"]) == (profile, name)]
    return found["value"], found["by"]


def test_limits_of_a_school(either: Command) -> None:
    name = "recipients_per_hour"
    assert limit(either, "pupil", name) == ("100", "shipped")
    change = ("policy", "limits", "set", UAI, "pupil", name)
    assert either.good(*change, "250", "--dry-run", "--json").json == {
        "profile": "pupil",
        "name": name,
        "before": "default",
        "after": "250",
    }
    assert limit(either, "pupil", name) == ("100", "shipped")
    either.good(*change, "250")
    assert limit(either, "pupil", name) == ("250", "school")
    either.good(*change, "unlimited")
    assert limit(either, "pupil", name) == ("unlimited", "school")
    either.good(*change, "default")
    assert limit(either, "pupil", name) == ("100", "shipped")
    assert "unlimited" in either.refused(ExitCode.FAILED, *change, "many")
    assert "no limit" in either.refused(ExitCode.FAILED, *change[:-1], "colour", "5")
    assert "no profile" in either.refused(ExitCode.FAILED, "policy", "limits", "set", UAI, "outside", name, "5")
