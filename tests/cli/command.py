"""The command `mailgate` in a process of its own, forked from one that has done the imports: 30 ms instead of 1.5 s."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from mailgate.cli.commands import ENTRIES

_WITHIN = 120.0
_FORKS: ForkServerContext = multiprocessing.get_context("forkserver")
_LATE = (
    "aiosqlite",
    "mailgate.database.batch",
    "mailgate.migrations",
    "rich.markdown",
    "typer._adapters",
    "typer.rich_utils",
)
"""What most commands import when they run: pydantic for the first option, alembic for the version of the schema."""
_FORKS.set_forkserver_preload(
    ["pytest", *sorted({f"mailgate.cli.{entry.module}" for entry in ENTRIES.values()}), *_LATE, "tests.cli.command"]
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - what a command says
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass(slots=True)
class Command:
    """`mailgate` with a settings file that says which database; the environment is not inherited."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "mailgate.toml"

    def use(self, settings: str) -> None:
        """Write the settings file."""
        self.config.write_text(settings, encoding="utf-8")

    def __call__(self, *arguments: str | Path, stdin: str = "", **environment: str) -> Outcome:
        """Run to the end."""
        return self.alone("--config", self.config, *arguments, stdin=stdin, **environment)

    def alone(self, *arguments: str | Path, stdin: str = "", **environment: str) -> Outcome:
        """Run to the end, with the settings that `mailgate` finds by itself."""
        with tempfile.TemporaryDirectory() as folder:
            given, out, err = (Path(folder) / name for name in ("in", "out", "err"))
            given.write_text(stdin)
            process = _FORKS.Process(
                target=_run,
                args=(
                    ["mailgate", *map(str, arguments)],
                    {"PATH": os.environ["PATH"], **environment},
                    (given, out, err),
                ),
            )
            process.start()
            process.join(_WITHIN)
            assert process.exitcode is not None, arguments
            outcome = Outcome(process.exitcode, out.read_text(), err.read_text())
            process.close()
        return outcome

    def good(self, *arguments: str | Path, stdin: str = "", **environment: str) -> Outcome:
        """Run a command that must succeed and has nothing to complain about."""
        outcome = self(*arguments, stdin=stdin, **environment)
        assert (outcome.code, outcome.err) == (0, ""), outcome
        return outcome

    def refused(self, code: int, *arguments: str | Path, stdin: str = "", **environment: str) -> str:
        """Run a command that must end with this code and one line; give the line without its beginning."""
        outcome = self(*arguments, stdin=stdin, **environment)
        assert (outcome.code, outcome.out) == (code, ""), outcome
        lines = outcome.err.splitlines()
        assert len(lines) == 1, outcome
        assert lines[0].startswith("mailgate: "), outcome
        return lines[0].removeprefix("mailgate: ")


def _run(arguments: list[str], environment: Mapping[str, str], files: tuple[Path, Path, Path]) -> None:
    from mailgate.cli import main  # noqa: PLC0415 - in the forked process

    os.setsid()  # no terminal: a password is asked for on standard input
    for number, path in enumerate(files):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing closed it
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    main()


def describe(environment: Mapping[str, Any]) -> str:
    """Settings as TOML, for `Command.use`."""
    lines: list[str] = []
    for section, keys in environment.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"
