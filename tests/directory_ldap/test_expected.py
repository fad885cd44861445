"""A live SDET directory, in both dialects, gives the accounts and lists that AAF gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, select

from directory.readers.sdet_ldap import read_sdet
from directory.report import Kind
from directory.schema import address, metadata, person
from tests.directory.academy import expected, members, take
from tests.directory_ldap.conftest import PEOPLE, StartServer, settings_for


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


@pytest.mark.parametrize("name", list(PEOPLE))
def test_the_lists_have_the_members_of_the_ground_truth(start: StartServer, connection: Connection, name: str) -> None:
    server = start(name)
    report = take(connection, read_sdet(settings_for(server, name)))
    truth = expected()
    assert members(connection) == {one: set(found["members"]) for one, found in truth["lists"].items()}
    rows = connection.execute(
        select(person, address.c.address).join(address, address.c.person_id == person.c.person_id)
    )
    assert {int(row.source_id): (row.address, row.sdet) for row in rows} == {
        one["id"]: (one["address"], one["profile"]) for one in truth["accounts"]
    }
    assert [one for one in report.findings if one.kind == Kind.REJECTED_VALUE] == []
