"""Two schools with a few people, lists and accounts, on each engine in turn."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert

from directory.schema import address, attachment, list_, person, school
from mailgate import migrations
from mailgate.store.provisioning import create_accounts
from tests.support.templates import Fill, filled_by

ZONE = ZoneInfo("Europe/Paris")
FIRST, SECOND = "0130001A", "0130002B"
TEACHER, PUPIL, RELATIVE, HEAD, UNKNOWN = 1, 2, 3, 4, 5
"""Accounts; the teacher is of both schools, the head of the second, the others of the first; nobody knows UNKNOWN."""
PARENTS, PUPILS, CHOIR, OTHER_PARENTS = 101, 102, 103, 104
"""Lists; the choir was made by hand, and it and the other parents are of the second school."""

_PEOPLE = {TEACHER: "teacher", PUPIL: "pupil", RELATIVE: "relative", HEAD: "management"}
_SCHOOLS = [(TEACHER, 11), (TEACHER, 12), (PUPIL, 11), (RELATIVE, 11), (HEAD, 12)]
_LISTS = [(PARENTS, "parents", 11), (PUPILS, "eleves", 11), (CHOIR, "", 12), (OTHER_PARENTS, "parents", 12)]
NAMES = {number: f"{profile}@ent.example.org" for number, profile in _PEOPLE.items()}


def _fill(connection: Connection) -> None:
    migrations.upgrade_within(connection)
    of_school = {"source": "test", "academy": "", "siren": "", "kind": "COLLEGE", "school_year": 2026, "active": True}
    schools = [{"school_id": number, "uai": uai, "name": uai} for number, uai in ((11, FIRST), (12, SECOND))]
    connection.execute(insert(school), [one | of_school for one in schools])
    texts = dict.fromkeys(("academy", "sdet", "sn", "given", "title", "display"), "")
    people = [{"person_id": number, "source_id": str(number), "profile": one} for number, one in _PEOPLE.items()]
    connection.execute(insert(person), [one | texts | {"source": "test", "state": "active"} for one in people])
    of_address = {"is_primary": True, "given_at": datetime.date(2026, 9, 1), "number": 1}
    addresses = [{"person_id": number, "address": name, "base": name} for number, name in NAMES.items()]
    connection.execute(insert(address), [one | of_address for one in addresses])
    connection.execute(insert(attachment), [{"person_id": who, "school_id": where} for who, where in _SCHOOLS])
    lists = [
        {
            "list_id": number, "address": f"{number}@x", "kind": "school" if audience else "manual",
            "audience": audience, "target_id": number, "school_id": where, "ref": "", "label": "", "active": True,
        }
        for number, audience, where in _LISTS
    ]  # fmt: skip
    connection.execute(insert(list_), lists)
    create_accounts(connection, [*_PEOPLE, UNKNOWN])


SCHOOLS = filled_by(_fill)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the schools."""
    return SCHOOLS


def at(text: str) -> int:
    """A time as ``2026-10-31 23:59`` in France, in seconds since the epoch."""
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())
