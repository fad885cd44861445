"""`mailgate school`: what a school sets for itself."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection

from directory.relations import forget_mails
from mailgate.cli.context import (
    Json,
    apply,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
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
