"""The pages for administrators: the same commands in both languages, which exist; the sentences that people read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from mailgate.cli.commands import build
from mailgate.i18n import translator

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH, FRENCH = ((DOCS / name).read_text(encoding="utf-8") for name in ("administrators.md", "administrators.fr.md"))
SENTENCES = re.compile(r"^\| (?P<french>[^|]+) \| (?P<english>[^|]+[.}]) \|$", re.MULTILINE)
ROOT = typer.main.get_group(build())


def commands(page: str) -> list[str]:
    """The lines of its blocks of commands, without the comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [shlex.join(shlex.split(line, comments=True)) for block in blocks for line in block.splitlines() if line]


def refusals(page: str, title: str) -> dict[str, str]:
    """English to French, as the table below a title has them."""
    table = page.partition(title)[2].partition("\n## ")[0]
    return {found["english"]: found["french"] for found in SENTENCES.finditer(table)}


def test_both_languages_have_the_same_commands() -> None:
    assert commands(ENGLISH) == commands(FRENCH) != []


@pytest.mark.parametrize("line", dict.fromkeys(commands(ENGLISH)))
def test_every_command_is_there_with_its_options(line: str) -> None:
    _, *words = shlex.split(line)
    found: object = ROOT
    while words and words[0] in getattr(found, "commands", ()):
        found = found.commands[words.pop(0)]  # type: ignore[attr-defined]
    assert found is not ROOT
    either = [found, *getattr(found, "commands", {}).values()]  # a group may have a command that needs no word
    options = {name for one in either for each in one.params for name in each.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


def test_the_sentences_are_those_that_people_read() -> None:
    told = refusals(FRENCH, "### Ce que lit un expéditeur refusé")
    assert told == refusals(ENGLISH, "### What a refused writer reads")
    assert {english: translator("fr")(english) for english in told} == told
    assert len(told) > 20
