"""`mailgate account`: who may sign in, with what, and accounts that are in no directory."""

from __future__ import annotations

import asyncio
import re
import tomllib
from typing import Any

import pytest

from mailgate.accounts import Accounts
from mailgate.accounts.errors import SignInRefused
from mailgate.database import open_database
from tests.cli.command import Command
from tests.directory.academy import expected

PERSON = "theo.david@ent.example.org"
APP_PASSWORD = re.compile(r"[a-z2-9]{4}(-[a-z2-9]{4}){6}")
CHOSEN = "un long mot de passe choisi"


def opens(command: Command, address: str, password: str) -> bool:
    """Whether a mail program could sign in."""
    url = tomllib.loads(command.config.read_text())["database"]["url"]

    async def work() -> bool:
        database = await open_database(url, pool_size=2)
        accounts = Accounts(database)
        try:
            await accounts.verify(address, password, "127.0.0.1")
        except SignInRefused:
            return False
        finally:
            accounts.close()
            await database.close()
        return True

    return asyncio.run(work())


def shown(command: Command, address: str = PERSON) -> dict[str, Any]:
    found: dict[str, Any] = command.good("account", "show", address, "--json").json
    return found


def test_show_tells_who_it_is(either: Command) -> None:
    truth = expected()
    number = next(one["id"] for one in truth["accounts"] if one["address"] == PERSON)
    found = shown(either, PERSON.upper())
    assert (found["name"], found["profile"], found["state"]) == ("Theo David", "teacher", "active")
    assert found["addresses"] == [PERSON]
    assert found["lists"] == sorted(one for one, list_ in truth["lists"].items() if number in list_["members"])
    assert found["mailboxes"][0] == "INBOX (0)"
    assert (found["used"], found["quota"]) == (0, 2 * 1024**3)
    out = either.good("account", "show", PERSON).out
    assert f"account      {found['account']}\nname         Theo David\n" in out


def test_an_app_password_is_shown_once_listed_and_revoked(either: Command) -> None:
    made = either.good("account", "password", "new", PERSON, "--label", "Téléphone").out.strip()
    assert APP_PASSWORD.fullmatch(made)
    assert opens(either, PERSON, made)
    assert opens(either, PERSON, made.replace("-", ""))
    second = either.good("account", "password", "new", PERSON, "--json").json
    assert second == {"address": PERSON, "label": "app", "password": second["password"]}
    assert opens(either, PERSON, second["password"])
    listed = either.good("account", "password", "list", PERSON)
    assert made not in listed.out
    assert re.search(r"^1 +Téléphone +\d{4}-\d\d-\d\d \d\d:\d\d +\d{4}-", listed.out, re.M)
    assert either.good("account", "password", "revoke", PERSON, "1").out == "Revoked.\n"
    assert not opens(either, PERSON, made)
    assert opens(either, PERSON, second["password"])
    entries = either.good("account", "password", "list", PERSON, "--json").json
    assert [(one["password_id"], one["revoked_at"] is not None) for one in entries] == [(1, True), (2, False)]
    assert either.refused(1, "account", "password", "revoke", PERSON, "1") == f"{PERSON} has no app password 1 in use"


def test_a_chosen_password_is_set_from_a_variable_or_a_prompt_and_may_be_refused(either: Command) -> None:
    assert either.good("account", "password", "set", PERSON, NEW_PASSWORD=CHOSEN).out == "The password is set.\n"
    assert opens(either, PERSON, CHOSEN)
    asked = either("account", "password", "set", PERSON, stdin="un autre mot de passe\n" * 2)
    assert asked.code == 0
    assert opens(either, PERSON, "un autre mot de passe")
    assert not opens(either, PERSON, CHOSEN)
    line = either.refused(1, "account", "password", "set", PERSON, NEW_PASSWORD="court")
    assert line == "The password is too short: it needs at least 12 characters."


def test_suspend_and_resume(either: Command) -> None:
    password = either.good("account", "password", "new", PERSON).out.strip()
    assert either.good("account", "suspend", PERSON).out == f"{PERSON} is suspended.\n"
    assert shown(either)["state"] == "suspended"
    assert not opens(either, PERSON, password)
    assert either.good("account", "resume", PERSON).out == f"{PERSON} is active.\n"
    assert opens(either, PERSON, password)


def test_an_account_that_is_in_no_directory(either: Command) -> None:
    address = "copieur@ent.example.org"
    [made] = either.good("account", "add", address.title(), "--name", "Copieur [du] CDI :smile:", "--json").json
    assert (made["address"], made["label"]) == (address, "Copieur [du] CDI :smile:")
    assert opens(either, address, made["password"])
    assert shown(either, address)["profile"] == "other"
    assert "name         Copieur [du] CDI :smile:\n" in either.good("account", "show", address).out
    asked = either(
        "account", "add", "pronote@ent.example.org", "--name", "P", "--ask-password", stdin=f"{CHOSEN}\n" * 2
    )
    assert (asked.code, CHOSEN in asked.out + asked.err) == (0, False)
    assert opens(either, "pronote@ent.example.org", CHOSEN)


@pytest.mark.parametrize(
    ("address", "name", "line"),
    [
        (PERSON, "X", f"{PERSON} is taken, or was once: it belongs to the person Theo David"),
        ("parents@clg-frederic-mistral.ent.example.org", "X", "is taken, or was once"),
        ("no address", "X", "'no address' is not an address that can be given"),
        ("x@ent.example.org", " ", "A label has 1 to 100 characters."),
        ("x@ent.example.org", "a\x1b[31m", "A label holds no control character."),
    ],
)
def test_an_account_that_cannot_be_added_is_one_line(academy: Command, address: str, name: str, line: str) -> None:
    assert line in academy.refused(1, "account", "add", address, "--name", name)


def test_a_csv_file_is_taken_whole(either: Command) -> None:
    file = either.folder / "accounts.csv"
    file.write_text(f"address;label;password\nfax@ent.example.org;Fax;\nbus@ent.example.org;Bus;{CHOSEN}\n")
    assert either.good("account", "import", file, "--dry-run").out == "2 accounts would be made.\n"
    looked = either.good("account", "import", file, "--dry-run", "--json").json
    assert looked == [
        {"address": "fax@ent.example.org", "label": "Fax", "password": None},
        {"address": "bus@ent.example.org", "label": "Bus", "password": None},
    ]
    either.refused(1, "account", "show", "fax@ent.example.org")
    out = either.good("account", "import", file).out
    made = APP_PASSWORD.search(out)
    assert made is not None
    assert CHOSEN not in out
    assert opens(either, "fax@ent.example.org", made[0])
    assert opens(either, "bus@ent.example.org", CHOSEN)


def test_a_csv_file_with_errors_names_each_line_and_makes_nothing(academy: Command) -> None:
    file = academy.folder / "accounts.csv"
    file.write_text(f"address,label\nfax@ent.example.org,Fax\nnobody,X\nbus@ent.example.org,\n{PERSON},Y\n")
    outcome = academy("account", "import", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "mailgate: line 3, column address: not an e-mail address of the form name@domain\n"
        "line 4, column label: A label has 1 to 100 characters.\n"
    )
    file.write_text(f"address,label\nfax@ent.example.org,Fax\n{PERSON},Y\n")
    for options in ([], ["--dry-run"]):
        told = academy.refused(1, "account", "import", file, *options)
        assert told.startswith(f"line 3, column address: {PERSON} is taken")
    academy.refused(1, "account", "show", "fax@ent.example.org")
    assert "No such file" in academy.refused(1, "account", "import", academy.folder / "absent.csv")


@pytest.mark.parametrize(
    "command",
    [
        ["show"], ["suspend"], ["resume"], ["password", "new"], ["password", "list"], ["password", "set"],
        ["password", "revoke"],
    ],
)  # fmt: skip
def test_an_unknown_address_is_one_line(academy: Command, command: list[str]) -> None:
    number = ["1"] if command[-1] == "revoke" else []
    line = academy.refused(1, "account", *command, "nobody@ent.example.org", *number, NEW_PASSWORD=CHOSEN)
    assert line == "there is no account nobody@ent.example.org"


def test_accounts_need_a_schema(empty: Command) -> None:
    (empty.folder / "mailgate.db").touch()
    for command in (["show", PERSON], ["password", "new", PERSON]):
        assert empty.refused(1, "account", *command) == "the database is empty: `mailgate directory import` fills it"
