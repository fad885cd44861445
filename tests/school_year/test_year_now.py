"""Which school year the directory is of: the settings turn it over forwards only, never past one in preparation."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import Connection, insert

from directory.holding_schema import source
from directory.sources import NOW
from mailgate.config import Directory
from mailgate.directory_import import year_now
from tests.directory.academy import SETTINGS, empty_directory, pupil, small, take

TODAY = datetime.date(2026, 11, 23)


def _held(connection: Connection, year: int) -> None:
    text = dict.fromkeys(("name", "format", "school", "day", "how", "fingerprint"), "")
    numbers = {"source_id": year + 1, "academic": False, "read_at": 0, "records": 0}
    connection.execute(insert(source).values(academy=SETTINGS.academy, year=year, **text, **numbers))


@pytest.mark.parametrize(
    ("in_settings", "prepared", "year"),
    [
        (None, NOW, 2025),
        (2024, NOW, 2025),
        (2025, NOW, 2025),
        (2026, NOW, 2026),
        (2026, 2026, 2025),
        (None, 2026, 2025),
    ],
)
def test_the_year_of_a_directory(in_settings: int | None, prepared: int, year: int) -> None:
    settings = Directory(academy=SETTINGS.academy, school_year=in_settings)
    with empty_directory() as connection:
        take(connection, small(pupil(1)))
        _held(connection, prepared)
        assert year_now(connection, settings, TODAY) == year


@pytest.mark.parametrize(("in_settings", "year"), [(None, 2026), (2025, 2025)])
def test_the_first_year_is_that_of_the_settings_or_of_today(in_settings: int | None, year: int) -> None:
    with empty_directory() as connection:
        assert year_now(connection, Directory(school_year=in_settings), TODAY) == year
