"""`kill -9` amid an import with the accounts that follow from it: afterwards all or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.test_year import everything
from tests.directory.academy import NEXT_YEAR, ROOT

_KILLED = """
import importlib, os, signal, sys

def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

module, _, name = sys.argv.pop(1).rpartition(".")
setattr(importlib.import_module(module), name, stop)
from mailgate.cli import main
main()
"""


def killed(command: Command, at: str, *words: str | Path) -> None:
    """Run a command that dies where it calls a function."""
    arguments = [sys.executable, "-c", _KILLED, at, "--config", command.config, *words]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MAILGATE_DIRECTORY__SCHOOL_YEAR": "2026"}
    done = subprocess.run(list(map(str, arguments)), cwd=ROOT, env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("directory.importer.refresh_lists", id="before the lists"),
        pytest.param("mailgate.directory_import.create_accounts", id="before the accounts"),
        pytest.param("mailgate.queue.wishes.follow_directory", id="after everything"),
    ],
)
def test_an_import_leaves_all_or_nothing(either: Command, at: str) -> None:
    before = everything(either)
    killed(either, at, "directory", "import", NEXT_YEAR)
    assert everything(either) == before
    if at.startswith("mailgate.queue"):
        done = either.good("directory", "import", NEXT_YEAR, "--json", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026").json
        assert sum(done["added"].values()) > 100
