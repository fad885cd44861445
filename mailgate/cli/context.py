"""What the commands share: settings, output for people and for scripts, exit codes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec
import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from mailgate import migrations
from mailgate.config import Settings, load
from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.database.open import IMMEDIATE, sqlite_file

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from mailgate.accounts import Accounts

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


OPERATOR_ERRORS: Final = {
    "mailgate.config.errors.ConfigError": ExitCode.CONFIGURATION,
    "directory.model.DirectoryError": ExitCode.REFUSED,
    "certs.context.TlsUnusable": ExitCode.CONFIGURATION,
    "mailgate.database.errors.BadDatabaseUrl": ExitCode.CONFIGURATION,
    "mailgate.database.errors.DatabaseError": ExitCode.FAILED,
    "mailgate.accounts.errors.AccountsError": ExitCode.FAILED,
    "mailgate.shared_mailboxes.SharedMailboxError": ExitCode.FAILED,
    "directory.exclusions.FamilyError": ExitCode.FAILED,
    "directory.list_graph.ListError": ExitCode.FAILED,
    "directory.list_expression.ExpressionError": ExitCode.FAILED,
    "directory.list_settings.ListSettingError": ExitCode.FAILED,
    "mailgate.policy.schools.SchoolError": ExitCode.FAILED,
    "mailgate.queue.listing.QueueError": ExitCode.FAILED,
    "mailgate.policy.stops.StopError": ExitCode.FAILED,
    "mailgate.letters.writing.NoPageError": ExitCode.FAILED,
    "mailgate.signing.keys.DkimKeyError": ExitCode.FAILED,
    "directory.addresses.TakenAddressError": ExitCode.FAILED,
    "mailgate.cli.context.CommandFailed": ExitCode.FAILED,
    "mailgate.workers.WorkerFailedError": ExitCode.FAILED,
    "builtins.OSError": ExitCode.FAILED,
}
"""By name: what raises an error has imported it, and what does not need not."""


def operator_error(error: Exception) -> ExitCode | None:
    """The exit code of an error that is told in one line; None for a fault of the program."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((OPERATOR_ERRORS[name] for name in names if name in OPERATOR_ERRORS), None)


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
    from mailgate.accounts import Accounts  # noqa: PLC0415 - passwords: most commands have nothing to do with them

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
    found = await migrations.version(engine)
    if found.current is None:
        raise CommandFailed("the database is empty: `mailgate directory import` fills it")
    if not found.ready:
        raise CommandFailed(
            f"the database has schema {found.current}, this program needs {found.newest}: "
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
