"""What the commands share: settings, output for people and for scripts, exit codes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from certs import TlsUnusable
from directory.addresses import TakenAddressError
from directory.exclusions import FamilyError
from directory.list_expression import ExpressionError
from directory.list_graph import ListError
from directory.list_settings import ListSettingError
from directory.model import DirectoryError
from mailgate import migrations
from mailgate.accounts import Accounts, AccountsError
from mailgate.config import ConfigError, Settings, load
from mailgate.database import BadDatabaseUrl, Database, DatabaseError, open_database
from mailgate.database.batch import batch_engine
from mailgate.database.open import IMMEDIATE, sqlite_file
from mailgate.policy.schools import SchoolError
from mailgate.policy.stops import StopError
from mailgate.shared_mailboxes import SharedMailboxError
from mailgate.workers import WorkerFailedError

T = TypeVar("T")

DEFAULT_CONFIG = Path("/etc/mailgate/mailgate.toml")

# No line is folded at the width of the terminal, and no text is taken for markup or an emoji.
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
error_console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


class ExitCode(IntEnum):
    """Documented in docs/configuration.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    REFUSED = 4
    """An import was refused, and nothing was changed."""


class CommandFailed(Exception):
    """The command could not do its job, for a reason that the operator can read."""


_OPERATOR_ERRORS: tuple[tuple[type[Exception], ExitCode], ...] = (
    (ConfigError, ExitCode.CONFIGURATION),
    (DirectoryError, ExitCode.REFUSED),
    (TlsUnusable, ExitCode.CONFIGURATION),
    (BadDatabaseUrl, ExitCode.CONFIGURATION),
    (DatabaseError, ExitCode.FAILED),
    (AccountsError, ExitCode.FAILED),
    (SharedMailboxError, ExitCode.FAILED),
    (FamilyError, ExitCode.FAILED),
    (ListError, ExitCode.FAILED),
    (ExpressionError, ExitCode.FAILED),
    (ListSettingError, ExitCode.FAILED),
    (SchoolError, ExitCode.FAILED),
    (StopError, ExitCode.FAILED),
    (TakenAddressError, ExitCode.FAILED),
    (CommandFailed, ExitCode.FAILED),
    (WorkerFailedError, ExitCode.FAILED),
    (OSError, ExitCode.FAILED),
)


def operator_error(error: Exception) -> ExitCode | None:
    """The exit code of an error that is told in one line; None for a fault of the program."""
    return next((code for kind, code in _OPERATOR_ERRORS if isinstance(error, kind)), None)


def fail(text: str) -> None:
    """Say on standard error why the command was not done."""
    error_console.print(Text.assemble(("mailgate:", "bold red"), " ", text))


class Context:
    """The command line's own options, and the settings, read when a command asks for them."""

    def __init__(self, config_file: Path | None) -> None:
        self.config_file = config_file

    def settings(self) -> Settings:
        """Read the settings. Raises ConfigError."""
        path = self.config_file
        if path is None and DEFAULT_CONFIG.exists():
            path = DEFAULT_CONFIG
        return load(path)


def settings_of(context: typer.Context) -> Settings:
    """The settings of the running command."""
    found: Context = context.obj
    return found.settings()


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database, whose schema is checked first."""
    async with batch_engine(settings.database.url) as engine:
        await _require_schema(engine)
    opened = await open_database(settings.database.url, pool_size=2)
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The care of passwords, on a database whose schema is checked first."""
    async with database(settings) as opened:
        care = Accounts(opened)
        try:
            yield care
        finally:
            care.close()


async def in_transaction(
    settings: Settings, work: Callable[[Connection], T], *, upgrade: bool = False, writes: bool = False
) -> T:
    """Run batch work over one SQLAlchemy connection, all or nothing.

    `upgrade` makes the database's schema or brings it up to date first; without it one that is not there, or older,
    is an error. `writes` is for work that reads before it writes, beside a gateway that writes too.
    """
    async with batch_engine(settings.database.url, create=upgrade) as engine:
        if upgrade:
            await migrations.upgrade(engine)
        else:
            await _require_schema(engine)
        async with engine.execution_options(**{IMMEDIATE: writes}).begin() as connection:
            return await connection.run_sync(work)


async def rehearse(settings: Settings, work: Callable[[Connection], T]) -> T:
    """Run batch work, the schema it needs included, and take all of it back: for `--dry-run`.

    Where there is no SQLite file yet, the work is done on one that is thrown away.
    """
    with tempfile.TemporaryDirectory() as folder:
        url = settings.database.url
        file = sqlite_file(url)
        if file is not None and not file.exists():
            url = f"sqlite:///{folder}/rehearsal.db"
        async with batch_engine(url, create=True) as engine, engine.connect() as connection:
            await connection.run_sync(migrations.upgrade_within)
            done = await connection.run_sync(work)
            await connection.rollback()
            return done


async def _require_schema(engine: AsyncEngine) -> None:
    version = await migrations.version(engine)
    if version.current is None:
        raise CommandFailed("the database is empty: `mailgate directory import` fills it")
    if not version.ready:
        raise CommandFailed(
            f"the database has schema {version.current}, this program needs {version.newest}: "
            "`mailgate serve` and `mailgate directory import` bring it up to date"
        )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine."""
    return asyncio.run(work)


def apply(settings: Settings, work: Callable[[Connection], T], *, dry_run: bool = False, upgrade: bool = False) -> T:
    """Run batch work that changes the database, beside gateways that write too; `dry_run` takes all of it back."""
    return run(rehearse(settings, work) if dry_run else in_transaction(settings, work, upgrade=upgrade, writes=True))


def print_json(value: object) -> None:
    """One JSON document on standard output, whole: with PYTHONUNBUFFERED a pipe may take a part and lose the rest."""
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(msgspec.json.encode(value) + b"\n")


def print_table(*columns: str, rows: Sequence[tuple[str, ...]]) -> None:
    """A table for people; a password or an address is never cut, however narrow the terminal."""
    widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    for number, row in enumerate([columns, *rows]):
        cells = (set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        console.print(Text("  ".join(cells).rstrip(), style="" if number else "bold"))
