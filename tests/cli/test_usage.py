"""What holds for every command: help with an example, exit codes, output that nothing cuts."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mailgate.cli.commands import ENTRIES, build
from mailgate.cli.context import OPERATOR_ERRORS
from tests.cli.command import Command
from tests.directory.academy import DEMO

MAILGATE = [sys.executable, "-m", "mailgate"]


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by the words that lead to it."""
    below = getattr(group, "commands", None)
    if below is None:
        yield path
        return
    for name, command in below.items():
        yield from commands(command, (*path, name))


WHOLE = typer.main.get_group(build())
COMMANDS = sorted(commands(WHOLE))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example_of_the_very_command(mailgate: Command, command: tuple[str, ...]) -> None:
    text = " ".join(mailgate.good(*command, "--help").out.replace("│", " ").split())
    assert re.search(rf"Examples?: mailgate (--config \S+ )?{' '.join(command)}\b", text), text


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    by_name = typer.main.get_group(build([]))
    assert {name: one.help for name, one in by_name.commands.items()} == {
        name: (one.help or "").split("\n\n")[0].replace("\n", " ") for name, one in WHOLE.commands.items()
    }


def test_the_list_of_commands_is_the_same_whatever_is_called(mailgate: Command) -> None:
    assert len(ENTRIES) == len(WHOLE.commands)
    assert mailgate("stop", "--help").code == mailgate("--help").code == 0
    assert all(f" {name} " in mailgate("--help").out for name in ENTRIES)


@pytest.mark.parametrize("name", OPERATOR_ERRORS)
def test_errors_that_are_told_in_one_line_are_there(name: str) -> None:
    module, _, kind = name.rpartition(".")
    found = getattr(importlib.import_module(module), kind)
    assert issubclass(found, Exception)
    assert (found.__module__, found.__qualname__) == (module, kind)


QUICK = [["stop", "list"], ["school", "--help"], ["config", "example"], ["--help"]]
SLOW = {
    "alembic.command", "argon2", "asyncpg", "babel", "imap.server", "mailgate.store.mailstore", "structlog", "uvicorn",
}  # fmt: skip


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_quick_command_imports_little(tmp_path: Path, arguments: list[str]) -> None:
    settings = tmp_path / "mailgate.toml"
    settings.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/none.db"\n')
    command = [sys.executable, "-X", "importtime", "-m", "mailgate", "--config", str(settings), *arguments]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    imported = {line.rpartition("|")[2].strip() for line in listing.splitlines() if line.startswith("import time:")}
    assert "mailgate.cli.context" in imported
    assert not imported & SLOW


def test_no_command_shows_the_help(mailgate: Command) -> None:
    assert "Start a gateway with a demo academy" in mailgate.alone().out


@pytest.mark.parametrize(
    "command",
    [
        ["serv"], ["list"], ["list", "members"], ["list", "show", "--jsn"], ["account", "add", "a@b.org"],
        ["account", "password", "revoke", "a@b.org", "first"], ["demo", "--ports", "some"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_use_ends_with_code_2_and_says_so_on_standard_error(mailgate: Command, command: list[str]) -> None:
    outcome = mailgate(*command)
    assert outcome.code == 2
    assert "Usage: mailgate" in outcome.out + outcome.err
    if command != ["list"]:
        assert outcome.out == ""


def test_an_error_keeps_its_brackets(mailgate: Command) -> None:
    line = mailgate.refused(1, "directory", "import", "--format", "sdet")
    assert line == "the settings name no LDAP directory: fill in [directory.ldap]"


class Terminal:
    """A terminal of 30 columns. What it shows is read meanwhile: a program that nobody reads waits."""

    def __init__(self) -> None:
        self._shows, self.gets = pty.openpty()
        fcntl.ioctl(self.gets, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
        self._shown: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # Linux ends what a terminal shows by EIO, once nobody can write any more.
        with contextlib.suppress(OSError):
            while octets := os.read(self._shows, 65536):
                self._shown.append(octets)

    def shown(self) -> str:
        """All of it, once the programs have ended."""
        self.close()
        return b"".join(self._shown).decode()

    def close(self) -> None:
        if self.gets >= 0:
            os.close(self.gets)
            self.gets = -1
            self._reader.join()
            os.close(self._shows)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_the_progress_bar_is_for_terminals_and_never_on_standard_output(mailgate: Command, terminal: Terminal) -> None:
    command = [*MAILGATE, "--config", str(mailgate.config), "directory", "import", str(DEMO), "--json"]
    # TERM as people have it: on a dumb terminal nothing moves.
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=terminal.gets,
        check=True,
        env={**os.environ, "TERM": "xterm"},
        timeout=60,
    )
    assert json.loads(done.stdout)["added"]["pupil"] == 455
    assert re.search(r"lists: \d,\d{3}", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.shown()))
    done = subprocess.run([*command, "--dry-run"], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""


def test_a_narrow_terminal_cuts_and_folds_nothing(academy: Command, terminal: Terminal) -> None:
    file = academy.folder / "accounts.csv"
    address = "une.adresse.bien.plus.large.que.le.terminal@ent.example.org"
    file.write_text(f"address,label\n{address},Une étiquette qui est large elle aussi\n")
    command = [*MAILGATE, "--config", str(academy.config), "account", "import", str(file)]
    subprocess.run(command, stdout=terminal.gets, check=True, timeout=60)
    line = terminal.shown().splitlines()[1]
    assert re.fullmatch(rf"{re.escape(address)}  Une étiquette qui est large elle aussi +\S{{34}}", line), line
