"""`mailgate letters`: on paper, a code for each person and what to do with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from mailgate.accounts import activation_making as making
from mailgate.accounts.rolls import Roll, rolls
from mailgate.cli.activation import Again, InSchool, label, say_activated, say_replaced
from mailgate.cli.context import (
    CommandFailed,
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
from mailgate.config import Settings
from mailgate.letters import writing
from mailgate.letters.contents import Sender
from mailgate.letters.formats import Format

Out = Annotated[Path, typer.Option("--out", help="Folder for the files, which are for their owner alone (mode 600).")]
Form = Annotated[Format, typer.Option("--format", help="What the files are.")]


def letters(
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="WHO", help="A class by its name, or a school by its UAI.")],
    out: Out,
    form: Form = Format.PDF,
    school: InSchool = None,
    *,
    again: Again = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write a letter for each person without a password: a file for each class, and one for the staff of a school.

    Each letter has a new code: letters that the same people had before are over.
    """
    settings = settings_of(context)
    made = write(settings, who, school, out, form=form, again=again, dry_run=dry_run)
    if json:
        print_json(as_json(made, dry_run=dry_run))
        return
    say(made, dry_run=dry_run)


def write(
    settings: Settings, who: str, school: str | None, out: Path, *, form: Format, again: bool, dry_run: bool
) -> writing.Run:
    """Draw the letters and, unless it is for show, make their codes good and put them into files.

    Raises:
        UnknownPeople, NoPageError, OSError: nothing was changed.
    """
    now = int(time.time())

    def read(connection: Connection) -> tuple[list[Roll], Sender]:
        found = rolls(connection, who, school, now)
        if not found:
            raise CommandFailed(f"{who} has nobody to write to")
        return found, writing.sender_of(connection, settings, found[0])

    found, sender = run(in_transaction(settings, read))
    days = settings.accounts.activation_days
    made = writing.drawn(found, sender, out, form, now=now, days=days, again=again, for_show=dry_run)
    if not dry_run:
        with writing.placing(made, out) as fresh:
            apply(settings, lambda connection: making.keep(connection, fresh, "letters"))
    return made


def say(made: writing.Run, *, dry_run: bool) -> None:
    """Which files there are, and what became of earlier letters."""
    rows = [(label(one.roll), str(one.letters), str(one.path)) for one, _ in made.files]
    print_table("Class", "Letters", "File, not written" if dry_run else "File", rows=rows)
    say_replaced(made.fresh.replaced, dry_run=dry_run)
    say_activated(made.activated)
    if made.files and not dry_run:
        console.print("Print on one side of the paper only: each page is for somebody else. Then delete the files.")


def as_json(made: writing.Run, *, dry_run: bool) -> dict[str, object]:
    """The same for scripts; no codes."""
    files = [{"class": one.roll.name, "letters": one.letters, "file": str(one.path)} for one, _ in made.files]
    return {
        "files": files, "letters": sum(one.letters for one, _ in made.files), "replaced": made.fresh.replaced,
        "activated": made.activated, "expires_at": made.fresh.expires_at, "written": not dry_run,
    }  # fmt: skip
