"""Who is noted to get the welcome text of a list."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, select

from directory.list_definitions import find
from directory.list_schema import list_welcome
from directory.list_settings import set_settings
from directory.schema import list_, person
from tests.directory.academy import guardian_of, pupil, relative, small, take
from tests.directory.conftest import Transaction
from tests.directory.listing import adjust, create, nest, unnest, whole

ONE, TWO = "eleve.numero1@ent.example.org", "eleve.numero2@ent.example.org"


def school(connection: Connection) -> None:
    take(connection, small(pupil(1, links=(guardian_of(11),)), pupil(2), relative(11, "Eva Roy")))
    create(connection, "ape")


def settings(connection: Connection, name: str, **texts: str) -> None:
    set_settings(connection, find(connection, whole(name)).list_id, texts, actor="root", at=0)


def noted(connection: Connection) -> set[tuple[str, str]]:
    """Local part of the list and record number of each who is noted; the notes are taken away."""
    rows = connection.execute(
        select(list_.c.address, person.c.source_id)
        .join(list_welcome, list_welcome.c.list_id == list_.c.list_id)
        .join(person, person.c.person_id == list_welcome.c.person_id)
    ).all()
    connection.execute(delete(list_welcome))
    return {(text.partition("@")[0], number) for text, number in rows}


async def test_who_is_added_by_name_is_welcomed_and_nobody_who_was_there(transaction: Transaction) -> None:
    def work(connection: Connection) -> None:
        school(connection)
        adjust(connection, "add", "ape", ONE)
        assert noted(connection) == set()  # there is no text
        settings(connection, "ape", welcome="Bienvenue")
        adjust(connection, "add", "ape", ONE, TWO)
        assert noted(connection) == {("ape", "2")}
        adjust(connection, "remove", "ape", TWO)
        adjust(connection, "add", "ape", TWO)
        assert noted(connection) == {("ape", "2")}
        settings(connection, "ape", welcome="default")
        adjust(connection, "remove", "ape", TWO)
        adjust(connection, "add", "ape", TWO)
        assert noted(connection) == set()

    await transaction(work)


@pytest.mark.parametrize("everyone", [True, False])
async def test_who_comes_by_a_nested_list_or_an_import_is_welcomed_where_everyone_is(
    transaction: Transaction, *, everyone: bool
) -> None:
    def work(connection: Connection) -> None:
        school(connection)
        to = {"welcome_to": "everyone"} if everyone else {}
        for name in ("ape", "6a.eleves"):
            settings(connection, name, welcome="Bienvenue", **to)
        nest(connection, "ape", "6a.eleves")
        assert noted(connection) == ({("ape", "1"), ("ape", "2")} if everyone else set())
        take(connection, small(pupil(1, links=(guardian_of(11),)), pupil(2), pupil(3), relative(11, "Eva Roy")))
        assert noted(connection) == ({("ape", "3"), ("6a.eleves", "3")} if everyone else set())
        unnest(connection, "ape", "6a.eleves")
        adjust(connection, "add", "6a.eleves", "eva.roy@ent.example.org")
        assert noted(connection) == {("6a.eleves", "11")}

    await transaction(work)
