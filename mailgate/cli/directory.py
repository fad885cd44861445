"""`mailgate directory`: read the school directory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy import Connection

from directory.readers.aaf import read_aaf
from directory.report import ImportReport
from directory.source import Feed, Format, Source
from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    Json,
    apply,
    console,
    print_json,
    settings_of,
)
from mailgate.cli.progress import bar
from mailgate.config import Settings
from mailgate.directory_import import import_and_provision, import_settings

app = typer.Typer(help="The school directory: pupils, relatives, staff, classes, groups.", no_args_is_help=True)


@app.command(
    "import",
    epilog="Examples: mailgate directory import /var/lib/aaf --dry-run; mailgate directory import --ldap",
)
def import_(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="Folder, .zip or .tgz of an AAF complete delivery; default: the setting.")
    ] = None,
    *,
    ldap: Annotated[bool, typer.Option("--ldap", help="Read the live LDAP directory of the settings.")] = False,
    dry_run: DryRun = False,
    force: Annotated[
        bool, typer.Option("--force", help="Accept that many people are missing, or leave lists.")
    ] = False,
    json: Json = False,
) -> None:
    """Import a complete set: all of it or, after an error, nothing. Leavers are suspended, never deleted."""
    settings = settings_of(context)
    feed = source(settings, path, ldap=ldap)
    directory = import_settings(settings.directory, datetime.datetime.now().astimezone().date(), force=force)

    with bar() as progress:

        def work(connection: Connection) -> ImportReport:
            return import_and_provision(
                connection,
                [feed],
                directory,
                quota=settings.accounts.quota,
                shared=settings.shared,
                dry_run=dry_run,
                progress=progress,
            )

        done = apply(settings, work, dry_run=dry_run, upgrade=True)
    if json:
        print_json(done.to_json())
    else:
        console.print(done.to_text())


def source(settings: Settings, path: Path | None, *, ldap: bool) -> Feed:
    """The source that the command line or the settings name. Raises CommandFailed when they name none."""
    if ldap and path is not None:
        raise typer.BadParameter("give a path or --ldap, not both")
    if ldap:
        if settings.directory.ldap is None:
            raise CommandFailed("the settings name no LDAP directory: fill in [directory.ldap]")
        from directory.readers.sdet_ldap import SdetSettings, read_sdet  # noqa: PLC0415 - ldap3 costs 0.2 s

        ldap_settings = SdetSettings(**msgspec.structs.asdict(settings.directory.ldap))
        return Source("sdet", Format.SDET), read_sdet(ldap_settings)
    path = path or settings.directory.aaf
    if path is None:
        raise CommandFailed("name the folder of an AAF delivery, set directory.aaf, or use --ldap")
    return Source("aaf", Format.AAF), read_aaf(path)
