"""`mailgate shared`: shared mailboxes made from the directory and by hand, and who may use them."""

from __future__ import annotations

import asyncio
import tomllib
from typing import Any

import pytest

from imap.errors import MailboxNotFound
from imap.rights import Rights, parse_rights
from mailgate.cli.context import ExitCode
from mailgate.database import open_database
from mailgate.shared_mailboxes import PRESETS
from mailgate.store import MailStore
from tests.cli.command import Command
from tests.directory.academy import DEMO, expected

SCHOOL = "clg-frederic-mistral.ent.example.org"
OFFICE = f"secretariat@{SCHOOL}"
NAME = "Secrétariat collège Frédéric-Mistral"
TEACHER = "theo.david@ent.example.org"


def rights(command: Command, address: str, mailbox: str) -> Rights:
    """What a person may do in a mailbox, by its name."""
    url = tomllib.loads(command.config.read_text())["database"]["url"]
    account_id = command.good("account", "show", address, "--json").json["account"]

    async def work() -> Rights:
        database = await open_database(url, pool_size=2)
        try:
            return await MailStore(database).account(account_id, address).my_rights(mailbox)
        except MailboxNotFound:
            return Rights.NONE
        finally:
            await database.close()

    return asyncio.run(work())


def members(audience: str) -> list[str]:
    truth = expected()
    numbers = truth["lists"][f"{audience}@{SCHOOL}"]["members"]
    return [one["address"] for one in truth["accounts"] if one["id"] in numbers]


def listed(command: Command) -> dict[str, Any]:
    return {one["address"]: one for one in command.good("shared", "list", "--json").json}


def test_an_import_makes_offices_and_school_life(either: Command) -> None:
    found = listed(either)
    assert found[OFFICE] == {"name": NAME, "address": OFFICE, "kind": "office", "messages": 0, "size": 0}
    assert found[f"bureau-vie-scolaire@{SCHOOL}"]["kind"] == "school-life"
    assert "class-team" not in {one["kind"] for one in found.values()}
    shown = either.good("shared", "show", NAME, "--json").json
    assert shown["grants"] == [{"who": f"administration@{SCHOOL}", "kind": "list", "rights": "lrswikxte0"}]
    for person in members("administration"):
        assert rights(either, person, f"Shared/{NAME}/Sent") == parse_rights(PRESETS["send"])
    assert rights(either, TEACHER, f"Shared/{NAME}") is Rights.NONE
    assert OFFICE not in [one["address"] for one in either.good("list", "show", "--json").json]


def test_an_import_again_changes_nothing_and_class_teams_are_made_when_wanted(academy: Command) -> None:
    before = listed(academy)
    academy.good("directory", "import", DEMO)
    assert listed(academy) == before
    academy.good("directory", "import", DEMO, MAILGATE_SHARED__CLASS_TEAMS="true")
    teams = {address: one for address, one in listed(academy).items() if one["kind"] == "class-team"}
    assert teams[f"6eme-a.equipe@{SCHOOL}"]["name"] == "Équipe 6ème A collège Frédéric-Mistral"
    teacher = members("6eme-a.profs")[0]
    assert rights(academy, teacher, "Shared/Équipe 6ème A collège Frédéric-Mistral") == parse_rights("lrswikxte0")


def test_create_grant_revoke_delete(either: Command) -> None:
    address = f"infirmerie@{SCHOOL}"
    made = either.good("shared", "create", "Infirmerie", "--address", address, "--school", "0131001T", "--dry-run")
    assert address not in listed(either)
    assert made.out == f"Infirmerie <{address}>\n"
    either.good("shared", "create", "Infirmerie", "--address", address)
    either.good("shared", "grant", address, TEACHER, "--rights", "read")
    assert rights(either, TEACHER, "Shared/Infirmerie") == parse_rights("lrs")
    either.good("shared", "grant", "Infirmerie", TEACHER, "--rights", "manage", "--dry-run")
    assert rights(either, TEACHER, "Shared/Infirmerie") == parse_rights("lrs")
    said = either.good("shared", "grant", "Infirmerie", f"profs@{SCHOOL}", "--rights", "lri", "--json").json
    assert said == {"name": "Infirmerie", "who": f"profs@{SCHOOL}", "rights": "lri", "dry_run": False}
    assert rights(either, TEACHER, "Shared/Infirmerie") == parse_rights("lrsi")
    either.good("shared", "revoke", "Infirmerie", TEACHER)
    assert rights(either, TEACHER, "Shared/Infirmerie") == parse_rights("lri")
    either.good("shared", "delete", "Infirmerie", "--dry-run")
    assert address in listed(either)
    either.good("shared", "delete", "Infirmerie", "--yes")
    assert address not in listed(either)
    assert rights(either, TEACHER, "Shared/Infirmerie") is Rights.NONE
    assert either("shared", "create", "Infirmerie", "--address", address).code == ExitCode.FAILED


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "a/b", "--address", f"x@{SCHOOL}"),
        ("create", NAME, "--address", f"x@{SCHOOL}"),
        ("create", "X", "--address", TEACHER),
        ("create", "X", "--address", "no address"),
        ("create", "X", "--address", f"x@{SCHOOL}", "--school", "0000000X"),
        ("grant", "Nowhere", TEACHER),
        ("grant", NAME, "nobody@ent.example.org"),
        ("grant", NAME, OFFICE),
        ("grant", NAME, TEACHER, "--rights", "lrQ"),
        ("show", "Nowhere"),
    ],
)
def test_what_cannot_be_done(academy: Command, arguments: tuple[str, ...]) -> None:
    outcome = academy("shared", *arguments)
    assert outcome.code == ExitCode.FAILED
    assert outcome.err.startswith("mailgate: ")
    assert outcome.err.count("\n") == 1


def test_a_shared_mailbox_has_no_sign_in(academy: Command) -> None:
    assert academy("account", "password", "new", OFFICE).code == ExitCode.FAILED
    assert academy("account", "password", "set", OFFICE, NEW_PASSWORD="un long mot de passe").code == ExitCode.FAILED
