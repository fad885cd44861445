"""A live SDET directory, in both dialects, gives the accounts and lists that AAF gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, select

from directory.readers.aaf import read_aaf
from directory.readers.sdet_ldap import read_sdet
from directory.report import Kind
from directory.schema import address, metadata, person
from tests.directory.academy import DEMO, expected, members, take
from tests.directory_ldap.conftest import PEOPLE, StartServer, settings_for


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


def addresses(connection: Connection) -> dict[int, tuple[str, str]]:
    """Address and profile by record number."""
    rows = select(person, address.c.address).join(address, address.c.person_id == person.c.person_id)
    return {int(row.source_id): (row.address, row.sdet) for row in connection.execute(rows)}


@pytest.mark.parametrize("name", list(PEOPLE))
def test_accounts_and_lists_are_those_of_the_ground_truth(
    start: StartServer, connection: Connection, name: str
) -> None:
    report = take(connection, read_sdet(settings_for(start(name), name)))
    truth = expected()
    assert members(connection) == {one: set(found["members"]) for one, found in truth["lists"].items()}
    assert addresses(connection) == {one["id"]: (one["address"], one["profile"]) for one in truth["accounts"]}
    assert report.suspicious[Kind.REJECTED_VALUE] == 0


def test_a_directory_read_from_aaf_keeps_every_account_and_list_when_read_from_ldap(
    start: StartServer, connection: Connection
) -> None:
    take(connection, read_aaf(DEMO))
    lists, accounts = members(connection), addresses(connection)
    report = take(connection, read_sdet(settings_for(start())))
    assert (report.added, report.left) == ({}, {})
    assert members(connection) == lists
    assert addresses(connection) == accounts
