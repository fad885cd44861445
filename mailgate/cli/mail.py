"""What the commands that move mail share: the account, the way into its mailboxes, the report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from sqlalchemy import Connection, select

from directory.queries import PERSON_BY_ADDRESS
from mailgate.cli.context import CommandFailed, ExitCode, console, fail, in_transaction, print_json, print_table
from mailgate.config import Settings
from mailgate.database import Database, open_database
from mailgate.store import MailStore
from mailgate.store.schema import account
from mailgate.transfer.intake import Intake
from mailgate.transfer.report import Advance, Report


@asynccontextmanager
async def intakes(settings: Settings, addresses: Sequence[str]) -> AsyncIterator[tuple[Database, list[Intake]]]:
    """The database, and the way into the mailboxes of these accounts. Raises CommandFailed, DatabaseError."""
    ids = await in_transaction(settings, lambda connection: [account_id(connection, one) for one in addresses])
    database = await open_database(settings.database.url, pool_size=settings.database.pool_size)
    try:
        store = MailStore(database, append_limit=settings.imap.max_message_size)
        made = [Intake(database, store.account(number, one)) for number, one in zip(ids, addresses, strict=True)]
        yield database, made
    finally:
        await database.close()


def account_id(connection: Connection, address: str) -> int:
    """The account that has this address. Raises CommandFailed."""
    row = connection.execute(PERSON_BY_ADDRESS, {"address": address.strip().lower()}).first()
    if row is None or connection.scalar(select(account.c.account_id).where(account.c.account_id == row[0])) is None:
        raise CommandFailed(f"there is no account {address}")
    found: int = row[0]
    return found


@contextmanager
def octets_bar(first: str = "") -> Iterator[tuple[Advance, Callable[[int], None]]]:
    """Show octets while they pass, for people only; the second of the two is told what is still to come."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(binary_units=True))
    shown_on = Console(stderr=True)
    with Progress(
        *columns,
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=shown_on,
        transient=True,
        disable=not shown_on.is_terminal,
    ) as shown:
        task = shown.add_task(first, total=None)
        messages = total = 0

        def advance(folder: str, more: int, octets: int) -> None:
            nonlocal messages
            messages += more
            shown.update(task, advance=octets, description=f"{folder} ({messages:,})")

        def expect(octets: int) -> None:
            nonlocal total
            total += octets
            shown.update(task, total=total)

        yield advance, expect


def show(report: Report, *, json: bool) -> None:
    """Print a report; exit code 1 when something is not where it was to go."""
    if json:
        print_json(report)
    else:
        copied = "Would be copied" if report.dry_run else "Copied"
        print_table("Folder", "Messages", copied, "Already there", "Refused", "Size", rows=report.rows())
        for remark in report.remarks():
            console.print(remark)
    if report.error is not None:
        fail(report.error)
    if not report.complete:
        raise typer.Exit(ExitCode.FAILED)
