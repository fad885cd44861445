"""Tables of counts hide the small ones; the command shows them, and writes files for spreadsheets."""

from __future__ import annotations

import asyncio
import csv
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.database import open_database
from mailgate.statistics import counts, months
from mailgate.statistics.counts import ALL_SCHOOLS, Key
from mailgate.statistics.report import MEASURES, By, table
from tests.cli.command import Command, describe
from tests.statistics.conftest import FIRST, SECOND, ZONE

NOW = months.month_of(time.time(), ZONE)
THIS, LAST = months.shown(NOW), months.shown(months.shift(NOW, -1))
COUNTS = Counter(
    {
        Key(month, school, profile, measure, kind): number
        for month in (NOW, months.shift(NOW, -1))
        for school, profile, measure, kind, number in (
            (ALL_SCHOOLS, "pupil", counts.ACTIVE, "", 6),
            (FIRST, "pupil", counts.ACTIVE, "", 4),
            (SECOND, "pupil", counts.ACTIVE, "", 2),
            (ALL_SCHOOLS, "pupil", counts.READING, "", 1),
            (FIRST, "pupil", counts.READING, "", 4),
            (SECOND, "pupil", counts.READING, "", 1),
            (ALL_SCHOOLS, "pupil", counts.SIGN_INS, "thunderbird", 500),
            (ALL_SCHOOLS, "teacher", counts.SIGN_INS, "thunderbird", 4),
            (ALL_SCHOOLS, "teacher", counts.SIGN_INS, "outlook", 1),
            (FIRST, "pupil", counts.SIGN_INS, "thunderbird", 450),
            (ALL_SCHOOLS, "outside", counts.MESSAGES, "from-outside", 70),
            (ALL_SCHOOLS, "teacher", counts.MESSAGES, "parents", 5),
            (FIRST, "teacher", counts.MESSAGES, "parents", 5),
            (FIRST, "teacher", counts.MESSAGES, "eleves", 0),
        )
    }
)


@pytest.fixture
def mailgate(tmp_path: Path, database_url: str) -> Command:
    """The command on a database with these counts."""

    async def fill() -> None:
        database = await open_database(database_url)
        await database.write(lambda tx: counts.add(tx, COUNTS))
        await database.close()

    asyncio.run(fill())
    command = Command(tmp_path)
    command.use(describe({"database": {"url": database_url}}))
    return command


def test_lines_of_each_kind() -> None:
    def lines(by: By, school: str | None = None) -> list[tuple[str, tuple[int | str, ...]]]:
        return [(line.group, line.numbers) for line in table(COUNTS, by, school, 5) if line.month == THIS]

    assert lines(By.PROFILE) == [
        ("outside", (0, 0, 0, 0, 0, 70)), ("pupil", (0, 0, 6, 5, 500, 0)), ("teacher", (0, 0, 0, 0, 5, 5))
    ]  # fmt: skip
    assert lines(By.PROFILE, FIRST) == [("pupil", (0, 0, "<5", 0, 450, 0)), ("teacher", (0, 0, 0, 0, 0, 5))]
    assert lines(By.SCHOOL) == [(FIRST, (0, 0, "<5", 0, 450, 5)), (SECOND, (0, 0, "<5", "<5", 0, 0))]
    assert lines(By.SCHOOL, SECOND) == [(SECOND, (0, 0, "<5", "<5", 0, 0))]
    assert lines(By.CLIENT) == [("outlook", ("<5",)), ("thunderbird", (504,))]
    assert lines(By.AUDIENCE) == [("from-outside", (70,)), ("parents", (5,))]
    assert [line.month for line in table(COUNTS, By.AUDIENCE, FIRST, 5)] == [LAST, THIS]


@given(
    st.dictionaries(
        st.builds(
            Key,
            st.sampled_from([202610, 202611]),
            st.sampled_from([ALL_SCHOOLS, FIRST, SECOND]),
            st.sampled_from(["pupil", "teacher"]),
            st.sampled_from([*MEASURES[By.PROFILE][:3], counts.READING, counts.SIGN_INS, counts.MESSAGES]),
            st.sampled_from(["", "x", "y"]),
        ),
        st.integers(0, 12),
    ),
    st.sampled_from(By),
    st.none() | st.sampled_from([FIRST, SECOND]),
    st.integers(0, 8),
)
def test_no_small_count_is_shown(found: dict[Key, int], by: By, school: str | None, smallest: int) -> None:
    for line in table(Counter(found), by, school, smallest):
        assert all(one in {0, f"<{smallest}"} or (isinstance(one, int) and one >= smallest) for one in line.numbers)


def test_a_file_for_a_spreadsheet(mailgate: Command, tmp_path: Path) -> None:
    path = tmp_path / "statistics.csv"
    assert mailgate.good("statistics", "--month", LAST, "--csv", path).out == ""
    octets = path.read_bytes()
    assert octets.startswith(b"\xef\xbb\xbfmonth;profile;accounts;activated;active;sending_only;sign_ins;messages\r\n")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[1:] == [
        [LAST, "outside", "0", "0", "0", "0", "0", "70"],
        [LAST, "pupil", "0", "0", "6", "5", "500", "0"],
        [LAST, "teacher", "0", "0", "0", "0", "5", "5"],
    ]


def test_accounts_of_this_month_are_those_of_today(mailgate: Command) -> None:
    found = mailgate.good("statistics", "--from", LAST, "--to", THIS, "--by", "school", "--json").json
    assert [(one["month"], one["school"], one["accounts"], one["active"]) for one in found] == [
        (LAST, FIRST, 0, "<5"), (LAST, SECOND, 0, "<5"), (THIS, FIRST, "<5", "<5"), (THIS, SECOND, "<5", "<5")
    ]  # fmt: skip
    mailgate.use(mailgate.config.read_text() + describe({"statistics": {"smallest": 0}}))
    found = mailgate.good("statistics", "--school", FIRST.lower(), "--json").json
    assert [(one["profile"], one["accounts"], one["active"]) for one in found] == [
        ("pupil", 1, 4), ("relative", 1, 0), ("teacher", 1, 0)
    ]  # fmt: skip


def test_a_table_for_people(mailgate: Command) -> None:
    lines = mailgate.good("statistics", "--month", LAST, "--by", "client").out.splitlines()
    assert [line.split() for line in lines] == [
        ["Month", "Client", "Sign-ins"], [LAST, "outlook", "<5"], [LAST, "thunderbird", "504"]
    ]  # fmt: skip
    assert mailgate.good("statistics", "--month", "2020-01").out == "Nothing was counted.\n"


def test_what_cannot_be_asked(mailgate: Command) -> None:
    assert mailgate.refused(1, "statistics", "--school", "0139999Z") == "no school has the code 0139999Z"
    for wrong in (
        ("--month", "2026-13"), ("--month", "hier"), ("--to", LAST), ("--month", LAST, "--from", LAST),
        ("--from", THIS, "--to", LAST), ("--from", months.shown(months.shift(NOW, 1))), ("--by", "person"),
    ):  # fmt: skip
        assert mailgate("statistics", *wrong).code == 2
