"""Who leaves the directory reads on for a while, and has everything again on return."""

from __future__ import annotations

import time

from sqlalchemy import select

from mailgate.config import load
from mailgate.database.batch import batch_transaction
from mailgate.retention.leavers import end_graces
from mailgate.retention.schema import leaver
from tests.cli.command import Command
from tests.directory.academy import DEMO, NEXT_YEAR, expected

KINDS = {"ELV": "pupil", "TUT": "relative", "ETA": "staff"}


def leavers() -> dict[str, str]:
    """An address of those who leave, by profile."""
    before = {one["address"]: one for one in expected()["accounts"]}
    after = {one["address"] for one in expected("expected-next.json")["accounts"]}
    return {KINDS[before[one]["profile"]]: one for one in sorted(before.keys() - after)}


def state(command: Command, address: str) -> str:
    found: str = command.good("account", "show", address, "--json").json["state"]
    return found


def leave(command: Command, **environment: str) -> None:
    command.good("directory", "import", NEXT_YEAR, "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026", **environment)


def test_leavers_read_on_and_get_new_mail_as_the_settings_say(either: Command) -> None:
    people = leavers()
    either.good("account", "suspend", people["pupil"])
    leave(either)
    assert state(either, people["pupil"]) == "suspended"
    assert state(either, people["relative"]) == "reading"
    assert state(either, people["staff"]) == "leaving"
    either.good("directory", "import", DEMO, "--force")
    assert [state(either, people[one]) for one in ("pupil", "relative", "staff")] == ["suspended", "active", "active"]


def test_without_a_grace_accounts_are_closed_at_once(academy: Command) -> None:
    address = leavers()["staff"]
    leave(academy, MAILGATE_RETENTION__STAFF__READING_DAYS="0")
    assert state(academy, address) == "suspended"
    academy.good("directory", "import", DEMO, "--force")
    assert state(academy, address) == "active"


def granted(command: Command) -> set[str]:
    return {one["who"] for one in command.good("shared", "show", "Projet", "--json").json["grants"]}


async def later(command: Command, days: int) -> None:
    """What a gateway does when so many days are over."""
    async with batch_transaction(load(command.config, {}).database.url) as connection:
        await connection.run_sync(end_graces, int(time.time()) + days * 86_400)


async def test_rights_end_with_the_grace_and_come_back(either: Command) -> None:
    people = leavers()
    employee, stays = people["staff"], next(one["address"] for one in expected("expected-next.json")["accounts"])
    either.good("shared", "create", "Projet", "--address", "projet@ent.example.org")
    for one in (employee, stays):
        either.good("shared", "grant", "Projet", one, "--rights", "read")
    leave(either)
    await later(either, 59)
    assert state(either, employee) == "leaving"
    assert granted(either) == {employee, stays}
    await later(either, 61)
    assert state(either, employee) == state(either, people["pupil"]) == "suspended"
    assert granted(either) == {stays}
    await later(either, 62)
    either.good("directory", "import", DEMO, "--force")
    assert state(either, employee) == "active"
    assert granted(either) == {employee, stays}


async def test_a_leaver_who_was_merged_and_parted_is_back(academy: Command) -> None:
    gone = leavers()["relative"]
    truth = expected("expected-next.json")["accounts"]
    stays = next(one["address"] for one in truth if one["profile"] == "TUT" and not one["address"].startswith(gone[:3]))
    leave(academy)
    academy.good("person", "merge", stays, gone)
    academy.good("directory", "import", DEMO, "--force")
    academy.good("person", "split", gone)
    assert state(academy, gone) == "active"
    number = academy.good("account", "show", gone, "--json").json["account"]
    async with batch_transaction(load(academy.config, {}).database.url) as connection:
        assert number not in await connection.scalars(select(leaver.c.account_id))
