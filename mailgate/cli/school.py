"""`mailgate school`: what a school sets for itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from directory import source
from directory.relations import forget_mails
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
from mailgate.letters.formats import Format
from mailgate.policy import schools
from mailgate.policy.audit import record
from mailgate.queue.wishes import follow_directory

app = typer.Typer(help="Settings of a school.", no_args_is_help=True)

School = Annotated[str, typer.Argument(metavar="SCHOOL", help="UAI of the school.")]


@app.command(epilog="Example: mailgate school show 0135678H")
def show(context: typer.Context, uai: School, *, json: Json = False) -> None:
    """Show the settings of a school."""

    def work(connection: Connection) -> dict[str, object]:
        found = schools.read(connection, schools.school_id_of(connection, uai))
        return {name: getattr(found, name) for name in schools.NAMES}

    shown = run(in_transaction(settings_of(context), work))
    if json:
        print_json(shown)
    else:
        rows = [(name, "default" if value is None else str(value)) for name, value in shown.items()]
        print_table("Setting", "Value", rows=rows)


@app.command("set", epilog="Example: mailgate school set 0135678H language en")
def set_(
    context: typer.Context,
    uai: School,
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(schools.NAMES)}.")],
    value: Annotated[str | None, typer.Argument(help="Without it: the default again.")] = None,
) -> None:
    """Change a setting of a school."""

    def work(connection: Connection) -> None:
        schools.change(connection, schools.school_id_of(connection, uai), name, value)
        if name == "outside_directory":
            forget_mails(connection, schools.that_want(connection, name))
            follow_directory(connection)
        record(connection, "school set", uai.upper(), f"{name}: {'default' if value is None else value}")

    apply(settings_of(context), work)


@app.command(epilog="Example: mailgate school setup 0135678H --directory /srv/aaf --letters /root/letters --yes")
def setup(  # noqa: PLR0913 - options
    context: typer.Context,
    uai: School,
    *,
    domain: Annotated[
        str | None, typer.Option(help="Its mail domain; default: the settings', or from its name.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Folder or archive of its directory; default: the sources of the settings.")
    ] = None,
    directory_format: Annotated[
        source.Format | None, typer.Option(help="How that is written, when the settings do not say; default: aaf.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="fr or en; default: the gateway's.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom letters tell people to ask.")] = None,
    administrator: Annotated[
        list[str] | None, typer.Option(help="Address of who manages the lists of the whole school; may be repeated.")
    ] = None,
    letters: Annotated[Path | None, typer.Option(help="Folder for the letters.")] = None,
    form: Annotated[Format, typer.Option("--format", help="What the letters are.")] = Format.PDF,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: the options and the defaults say it.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Set a new school up, step by step; run it again to go on. Each step is also a command of its own."""
    from mailgate.cli.setup import Plan, conduct  # noqa: PLC0415 - readers, keys, letters: for this command alone

    plan = Plan(
        settings_of(context),
        uai.strip().upper(),
        int(time.time()),
        domain=domain.strip().lower() if domain else None,
        source=directory,
        source_format=directory_format,
        language=language,
        contact=contact,
        administrators=[one.strip().lower() for one in administrator or []],
        letters=letters,
        form=form,
        dry_run=dry_run,
    )
    done = conduct(plan, asks=not (yes or json or dry_run), tell=_nothing if json else console.print)
    if json:
        steps = [{"step": one.step.name, "status": one.outcome.status, **one.outcome.facts} for one in done]
        print_json({"school": plan.uai, "dry_run": dry_run, "steps": steps})
    elif dry_run:
        console.print("\nThis was a rehearsal: nothing was changed.")


def _nothing(_: str) -> None:
    """What a script does not read."""
