"""Several sources are one directory: the same whoever says what, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from directory.importer import import_directory
from directory.report import ImportReport
from directory.source import Feed
from tests.directory.academy import SETTINGS
from tests.directory.conftest import Transaction
from tests.directory.truth import COLLEGE, LYCEE, directory, sides

NAMED = replace(
    SETTINGS,
    force=True,
    domains={COLLEGE: "clg.ent.example.org", LYCEE: "lyc.ent.example.org"},
)


def bring(connection: Connection, feeds: list[Feed]) -> ImportReport:
    return import_directory(connection, feeds, NAMED)


@pytest.mark.parametrize("formats", [("aaf", "siecle"), ("aaf", "sts"), ("aaf", "siecle", "sts")])
async def test_sources_beside_aaf_change_nothing_that_is_true(
    transaction: Transaction, formats: tuple[str, ...]
) -> None:
    await transaction(lambda connection: bring(connection, sides("aaf")))
    before = await transaction(directory)
    report = await transaction(lambda connection: bring(connection, sides(*formats)[::-1]))
    assert await transaction(directory) == before
    assert [*report.added, *report.changed, *report.left, *report.returned] == []
    assert (report.lists.members_added, report.lists.members_removed) == (0, 0)
