"""`mailgate migrate`: one account, and many from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.store.messages import message
from tests.support.dovecot import PASSWORD, Dovecot
from tests.transfer.source import fill

ADA, BOB = "ada.copieur@ent.example.org", "bob.copieur@ent.example.org"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as running:
        for user in ("ada", "bob"):
            fill(running, user, [message(f"{user}{number}") for number in range(3)])
        yield running


def add(command: Command, *addresses: str) -> None:
    for address in addresses:
        command.good("account", "add", address, "--name", address)


def test_one_account(either: Command, dovecot: Dovecot, tmp_path: Path) -> None:
    add(either, ADA)
    where = ["--host", dovecot.host, "--port", str(dovecot.port), "--tls", "none"]
    words = ["migrate", "imap", ADA, *where, "--user", "ada"]
    dry = either.good(*words, "--dry-run", "--json", MAILGATE_SOURCE_PASSWORD=PASSWORD).json
    assert (dry["dry_run"], [(one["target"], one["copied"]) for one in dry["folders"]]) == (True, [("INBOX", 3)])
    (tmp_path / "password").write_text(f"{PASSWORD}\nsecond line\n")
    table = either.good(*words, "--password-file", tmp_path / "password").out.splitlines()
    assert [line.split()[:5] for line in table[1:]] == [["INBOX", "3", "3", "0", "0"], ["all", "3", "3", "0", "0"]]
    asked = either(*words, "--json", stdin=f"{PASSWORD}\n")
    assert (asked.code, asked.json["folders"][0]["present"]) == (0, 3)

    wrong = either(*words, MAILGATE_SOURCE_PASSWORD="not this one")
    assert wrong.code == 1
    assert "mailgate: sign-in as ada was refused" in wrong.err
    assert "not this one" not in wrong.out + wrong.err
    assert either.refused(1, *words, "--password-file", tmp_path / "none") != ""
    assert either(*words, "--port", "0", MAILGATE_SOURCE_PASSWORD=PASSWORD).code == 2
    assert "there is no account" in either.refused(
        1, "migrate", "imap", "x@y.org", *words[3:], MAILGATE_SOURCE_PASSWORD=PASSWORD
    )


def test_many_accounts(either: Command, dovecot: Dovecot, tmp_path: Path) -> None:
    add(either, ADA, BOB)
    file, report = tmp_path / "accounts.csv", tmp_path / "report.csv"
    where = f"{dovecot.host},{dovecot.port},none"
    file.write_text(f"host,port,tls,user,password,target\n{where},ada,{PASSWORD},{ADA}\n{where},bob,wrong,{BOB}\n")
    outcome = either("migrate", "accounts", file, "--report", report, "--parallel", "2", "--json")
    assert outcome.code == 1
    assert [(one["line"], one["result"]) for one in outcome.json] == [(2, "complete"), (3, "failed")]
    with report.open(newline="") as lines:
        found = {row["target"]: row for row in csv.DictReader(lines)}
    assert (found[ADA]["result"], found[ADA]["copied"], found[BOB]["result"]) == ("complete", "3", "failed")
    assert "was refused" in found[BOB]["remarks"]
    assert PASSWORD not in report.read_text()
    assert report.stat().st_mode & 0o077 == 0

    file.write_text(file.read_text().replace("wrong", PASSWORD))
    rows = either.good("migrate", "accounts", file).out.splitlines()
    assert [line.split()[:7] for line in rows[1:]] == [
        ["2", ADA, "complete", "3", "0", "3", "0"],
        ["3", BOB, "complete", "3", "3", "0", "0"],
    ]


def test_a_file_with_errors_changes_nothing(either: Command, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("host,user,password,target\nh,u,,x@y.org\n")
    assert either.refused(4, "migrate", "accounts", file) == f"{file}: line 2, column password: is empty"
    file.write_text("host,user,password,target\nh,u,p,x@y.org\n")
    assert either.refused(1, "migrate", "accounts", file) == "there is no account x@y.org"
