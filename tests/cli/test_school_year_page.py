"""A school's year as the pages for administrators tell it: every command of the chapter, one after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.test_year import assert_next_year
from tests.directory.academy import NEXT_YEAR, ROOT

CHAPTERS = {"administrators.md": "## A school's year", "administrators.fr.md": "## L’année d’un établissement"}


def commands(page: str) -> list[list[str]]:
    """The lines of the chapter's blocks of commands."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    chapter = text.partition(CHAPTERS[page])[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_command_of_the_year_runs_in_turn(academy: Command, tmp_path: Path, page: str) -> None:
    places = {"/srv/aaf-next": str(NEXT_YEAR), "/root/letters": str(tmp_path / "letters")}
    web = '[web]\nlisten = ["127.0.0.1:8443"]\n[gateway]\nhostname = "mail.example.org"\n'
    academy.use(academy.config.read_text() + web)
    lines = commands(page)
    assert len(lines) > 15
    for program, *words in lines:
        assert program == "mailgate"
        at = "2099-08-28T06:00"  # the year of the page is over one day
        given = [at if word.endswith("-08-28T06:00") else places.get(word, word) for word in words]
        if words == ["year", "run-due"]:
            assert_next_year(academy)
        academy.good(*given)
