"""docs/standards.md says what the servers announce, no more and no less, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.conftest import School

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "standards.md").read_text()


def sections() -> dict[str, str]:
    """The text under each heading of the second level."""
    return dict(re.findall(r"^## (.+)\n([\s\S]+?)(?=^## |\Z)", PAGE, re.MULTILINE))


def rows(section: str) -> list[dict[str, str]]:
    """The rows of a section's table, by the names of its columns."""
    head, _, *body = [line for line in sections()[section].splitlines() if line.startswith("|")]
    names, *cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in (head, *body)]
    assert all(len(row) == len(names) for row in cells), section
    return [dict(zip(names, row, strict=True)) for row in cells]


def promised(*names: str) -> set[str]:
    return {word for name in names for row in rows(name) for word in re.findall(r"`([^`]+)`", row["Announced as"])}


async def test_imap_announces_what_the_page_says(gateway: School) -> None:
    announced: set[str] = set()
    for program in (await gateway.connect(secure=False), await gateway.connect()):
        found = re.search(rb"\[CAPABILITY (.+?)\]", await program.line())
        assert found is not None
        announced.update(found.group(1).decode().split())
    announced.update((await (await gateway.client()).ok("CAPABILITY"))[0].decode().split()[2:])
    assert {re.sub(r"^APPENDLIMIT=\d+$", "APPENDLIMIT", word) for word in announced} == promised(
        "IMAP", "TLS and sign-in"
    )


async def test_submission_announces_what_the_page_says(gateway: School) -> None:
    announced = set()
    mechanisms = set()
    for secure in (False, True):
        wire = await gateway.submission(secure=secure)
        await wire.reply()
        for line in (await wire.ask("EHLO pc")).split("\n")[1:]:
            word, *values = line[4:].split()
            announced.add(word)
            mechanisms |= {f"AUTH={value}" for value in values if word == "AUTH"}
    assert announced == promised("Submission")
    assert mechanisms == promised("TLS and sign-in")


@pytest.mark.parametrize("section", ["IMAP", "Submission", "Message format", "TLS and sign-in", "Directory"])
def test_every_rfc_has_a_status_and_what_is_partly_there_is_explained(section: str) -> None:
    explained = re.findall(r"^\* \*\*(.+?)\.\*\*", sections()[section], re.MULTILINE)
    numbers = {number for text in explained for number in re.findall(r"(?<![§.\d])\d{4}\b", text)}
    for row in rows(section):
        rfcs = set(re.findall(r"\d{4}", row["RFC"]))
        assert row["Status"] in {"complete", "partly"}, row
        assert row["Status"] == "complete" or rfcs & numbers, row
        assert re.search(r"`tests/\S+\.py`", row["Tests"]), row
    assert numbers <= {number for row in rows(section) for number in re.findall(r"\d{4}", row["RFC"])}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|docs)/[^`]+)`", PAGE))))
def test_the_page_names_files_that_exist(path: str) -> None:
    assert (ROOT / path).exists()
