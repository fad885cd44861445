"""`mailgate export` and `mailgate import`: an account's mail to and from Maildir and mbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imap.errors import CommandRefused
from mailgate.cli.context import CommandFailed, Json, run, settings_of
from mailgate.cli.mail import intakes, octets_bar, show
from mailgate.transfer.archive import ArchiveError
from mailgate.transfer.exporting import Format, export_account, own_mailboxes
from mailgate.transfer.importing import import_archive, open_archive
from mailgate.transfer.report import Report

Address = Annotated[str, typer.Argument(help="Any address of the account.")]


def export(
    context: typer.Context,
    address: Address,
    destination: Annotated[Path, typer.Argument(help="Folder: new, empty, or an earlier export to be continued.")],
    form: Annotated[Format, typer.Option("--format", help="A file for each message, or for each mailbox.")],
    folder: Annotated[str | None, typer.Option(help="This mailbox alone, such as Classe/6eme.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Write an account's mail to files. Files are for their owner alone (mode 600).

    Example: mailgate export theo.david@ent.example.org /srv/export/theo --format maildir
    """
    settings = settings_of(context)

    async def work() -> Report:
        async with intakes(settings, [address]) as (_, (intake,)):
            account = intake.account
            total = sum(one.size for one in await own_mailboxes(account) if folder in {None, one.name})
            with octets_bar() as (advance, expect):
                expect(total)
                return await export_account(account, destination, form, folder=folder, dry_run=dry_run, advance=advance)

    try:
        done = run(work())
    except ArchiveError as error:
        raise CommandFailed(str(error)) from error
    except CommandRefused as error:
        raise CommandFailed(f"{folder or address}: {error}") from error
    show(done, json=json)


def import_(
    context: typer.Context,
    address: Address,
    source: Annotated[Path, typer.Argument(help="A folder of Maildirs or mbox files, or one mbox file.")],
    form: Annotated[Format | None, typer.Option("--format", help="Default: whichever is there.")] = None,
    folder: Annotated[str | None, typer.Option(help="This folder of the source alone.")] = None,
    into: Annotated[str | None, typer.Option(help="The mailbox for one folder; default: the same name.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is lacking, and add nothing.")] = False,
    json: Json = False,
) -> None:
    """Add to an account the mail of files that its mailboxes lack; run it again to finish one that was cut off.

    Example: mailgate import theo.david@ent.example.org /srv/export/theo --dry-run
    """
    settings = settings_of(context)

    async def work() -> Report:
        async with intakes(settings, [address]) as (_, (intake,)):
            sources = open_archive(source, form, only=folder, into=into)
            with octets_bar() as (advance, expect):
                expect(sum(one.folder.octets() for one in sources))
                return await import_archive(intake, sources, dry_run=dry_run, advance=advance)

    try:
        done = run(work())
    except ArchiveError as error:
        raise CommandFailed(str(error)) from error
    except CommandRefused as error:
        raise CommandFailed(str(error)) from error
    show(done, json=json)
