"""`mailgate directory`: read the school directory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from directory.source import Format
from directory.sources import NOW, held_sources
from directory.sql import lock
from mailgate.cli.context import (
    DryRun,
    Json,
    apply,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.cli.directory_facts import facts, show_differences
from mailgate.cli.directory_readings import origins, readings
from mailgate.cli.directory_sync import sync
from mailgate.cli.progress import bar
from mailgate.directory_import import Provisioning, import_settings, year_now
from mailgate.directory_sources import SourcesReport, forget_source, import_sources

app = typer.Typer(help="The school directory: pupils, relatives, staff, classes, groups.", no_args_is_help=True)
app.command(epilog="Example: mailgate directory facts eva.roy@ent.example.org")(facts)
app.command(
    "sync", epilog="Examples: mailgate directory sync --status; mailgate directory sync --source sdet --complete"
)(sync)
app.command("differences", epilog="Example: mailgate directory differences --school 0131001T")(show_differences)

Force = Annotated[bool, typer.Option("--force", help="Accept that many people are missing, or leave lists.")]


@app.command(
    "import",
    epilog="Examples: mailgate directory import; mailgate directory import /srv/aaf --dry-run; "
    "mailgate directory import /srv/siecle --format siecle --school 0131001T",
)
def import_(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="Folder or archive of one source; default: every source of the settings.")
    ] = None,
    *,
    source: Annotated[str | None, typer.Option("--source", help="Name of the one source to read.")] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How it is written, when the settings do not say; default: aaf.")
    ] = None,
    school: Annotated[str, typer.Option("--school", help="UAI, for a format of one school.")] = "",
    year: Annotated[
        int | None, typer.Option("--year", help="First calendar year of the school year: the next one is prepared.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Read sources, complete sets or deltas: all or, after an error, nothing. Who left reads on for a while.

    What each source said last is kept, and the directory follows from all of them together. A source that is read again
    without a change costs a moment. What is of the next school year is held beside, and changes nothing until
    `mailgate year switch`.
    """
    settings = settings_of(context)
    now = datetime.datetime.now().astimezone()
    found = origins(settings.directory, path, source, format_, school.upper())

    with bar() as progress:

        def work(connection: Connection) -> SourcesReport:
            lock(connection)
            current = year_now(connection, settings.directory, now.date())
            return import_sources(
                connection,
                readings(connection, settings.directory.academy, found, current, year),
                import_settings(settings.directory, now.date(), force=force, school_year=current),
                Provisioning.of(settings),
                now,
                dry_run=dry_run,
                progress=progress,
            )

        done = apply(settings, work, dry_run=dry_run, upgrade=True)
    _show(done, json=json)


@app.command(epilog="Example: mailgate directory sources")
def sources(
    context: typer.Context,
    *,
    year: Annotated[int, typer.Option("--year", help="Those that are prepared for a school year.")] = NOW,
    json: Json = False,
) -> None:
    """What was read of each source: how much is held, of what day, when it was read last, whether whole or a delta."""
    settings = settings_of(context)
    academy = settings.directory.academy
    held = {one.source.name: one for one in run(in_transaction(settings, lambda c: held_sources(c, academy, year)))}
    origins = {name: one.source for name, one in held.items()}
    origins |= {one.name: one.origin for one in settings.directory.sources}
    configured = {one.name for one in settings.directory.sources}
    found = []
    for name, origin in sorted(origins.items()):
        one = held.get(name)
        read_at = None if one is None else datetime.datetime.fromtimestamp(one.read_at).astimezone()
        found.append(
            {
                "name": name,
                "format": str(origin.format),
                "school": origin.school,
                "records": one.records if one else 0,
                "day": one.day if one else "",
                "last_read": read_at.isoformat() if read_at else None,
                "read": one.how if one else "",
                "in_settings": name in configured,
            }
        )
    if json:
        print_json(found)
        return
    columns = ("name", "format", "school", "records", "day", "last_read", "read", "in_settings")
    rows = [tuple(_cell(one[column]) for column in columns) for one in found]
    print_table(*(column.replace("_", " ").capitalize() for column in columns), rows=rows)


@app.command(epilog="Example: mailgate directory forget siecle-0131001T --dry-run")
def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a source, as `mailgate directory sources` shows it.")],
    *,
    year: Annotated[int, typer.Option("--year", help="The year it was prepared for; default: what is so today.")] = NOW,
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Hold nothing of a source any more: the directory is what the other sources say."""
    settings = settings_of(context)
    today = datetime.datetime.now().astimezone().date()

    def work(connection: Connection) -> SourcesReport:
        lock(connection)
        current = year_now(connection, settings.directory, today)
        directory = import_settings(settings.directory, today, force=force, school_year=current)
        return forget_source(connection, name, directory, Provisioning.of(settings), held_for=year, dry_run=dry_run)

    _show(apply(settings, work, dry_run=dry_run), json=json)


def _show(done: SourcesReport, *, json: bool) -> None:
    if json:
        print_json(done.to_json())
    else:
        console.print(done.to_text())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else "never" if value is None else str(value)
