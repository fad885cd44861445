"""`mailgate person outside`: an address that the directory has, and wishes of people who are merged and parted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, create_engine, insert, select, update

from directory.family_schema import relative_mail
from mailgate.queue.wishes import follow_directory, outside_failure, outside_wish
from tests.cli.command import Command
from tests.cli.test_person import UAI, parents
from tests.directory.academy import DEMO

T = TypeVar("T")


def query(academy: Command, work: Callable[[Connection], T]) -> T:
    engine = create_engine(f"sqlite:///{academy.folder / 'academy.db'}")
    with engine.begin() as connection:
        found = work(connection)
    engine.dispose()
    return found


def outside(command: Command, who: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = command.good("person", "outside", who, *words, "--json").json
    return found


def test_the_directory_s_address_is_kept_used_and_let_go_of_as_the_school_says(academy: Command) -> None:
    def kept() -> dict[str, str]:
        rows = query(academy, lambda connection: list(connection.execute(select(relative_mail))))
        return {row.source_id: row.mail for row in rows}

    def addresses() -> list[tuple[str, int]]:
        rows = select(outside_wish.c.address, outside_wish.c.suspended_at).order_by(outside_wish.c.person_id)
        return [tuple(row) for row in query(academy, lambda connection: list(connection.execute(rows)))]

    assert kept() == {}
    academy.good("school", "set", UAI, "outside_directory", "true")
    academy.good("directory", "import", DEMO)
    by_record = kept()
    one = next(each for each in parents() if str(each.number) in by_record)
    mail = by_record[str(one.number)]
    shown = academy.good("person", "outside", one.address, "--to", "directory", "--as", "copy")
    assert mail not in shown.out
    assert outside(academy, one.address) == {
        "person": one.address, "to": "directory", "mode": "copy", "suspended_at": 0, "known": True,
    }  # fmt: skip
    assert addresses() == [(mail, 0)]
    for words in (("account", "show", one.address), ("list", "members", f"parents@clg-frederic-mistral.{_DOMAIN}")):
        assert mail not in academy.good(*words).out

    def moves(connection: Connection) -> None:
        connection.execute(update(outside_wish).values(suspended_at=5))
        connection.execute(insert(outside_failure).values(person_id=1, queue_id=1, failed_at=1))
        connection.execute(update(relative_mail).values(mail="new@example.net"))
        follow_directory(connection)

    query(academy, moves)
    assert addresses() == [("new@example.net", 0)], "what came back came from another address"
    query(academy, lambda connection: connection.execute(update(relative_mail).values(mail="nobody")))
    query(academy, follow_directory)
    assert addresses() == [("", 0)], "what a source says need be no address"
    academy.good("directory", "import", DEMO, "--force")
    assert addresses() == [(mail, 0)]
    academy.good("school", "set", UAI, "outside_directory")
    assert kept() == {}
    assert addresses() == [("", 0)]
    assert not outside(academy, one.address)["known"]
    assert "has no address" in " ".join(academy.good("person", "outside", one.address).out.split())


@pytest.mark.parametrize("chosen", [(), ("--to", "mine@example.net")], ids=["none", "own"])
def test_what_a_merged_person_wished_goes_along_and_comes_back(either: Command, chosen: tuple[str, ...]) -> None:
    keep, drop, third = parents()[:3]
    outside(either, drop.address, "--to", "home@example.net", "--as", "copy")
    if chosen:
        outside(either, keep.address, *chosen)
    either.good("person", "merge", keep.address, drop.address)
    expected = ("mine@example.net", "notification") if chosen else ("home@example.net", "copy")
    assert _wish(either, keep.address) == _wish(either, drop.address) == expected
    either.good("person", "merge", third.address, keep.address)
    assert _wish(either, third.address) == expected
    either.good("person", "split", keep.address)
    assert _wish(either, third.address) == (None, "notification")
    assert _wish(either, keep.address) == expected
    either.good("person", "split", drop.address)
    assert _wish(either, drop.address) == ("home@example.net", "copy")
    assert _wish(either, keep.address) == (("mine@example.net" if chosen else None), "notification")


def test_the_wish_of_another_takes_the_place_of_one_that_went_back(academy: Command) -> None:
    keep, one, other = parents()[:3]
    outside(academy, one.address, "--to", "one@example.net")
    outside(academy, other.address, "--to", "other@example.net")
    academy.good("person", "merge", keep.address, one.address)
    academy.good("person", "merge", keep.address, other.address)
    assert _wish(academy, keep.address)[0] == "one@example.net"
    academy.good("person", "split", one.address)
    assert _wish(academy, keep.address)[0] == "other@example.net"
    academy.good("person", "split", other.address)
    assert _wish(academy, keep.address)[0] is None
    assert [_wish(academy, each.address)[0] for each in (one, other)] == ["one@example.net", "other@example.net"]


def _wish(command: Command, who: str) -> tuple[str | None, str]:
    found = outside(command, who)
    return found["to"], found["mode"]


_DOMAIN = "ent.example.org"
