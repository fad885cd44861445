"""`mailgate list`: the distribution lists that the directory gives."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection

from directory.lists import why as reasons_of
from directory.queries import lists, members
from mailgate.cli.context import CommandFailed, Json, in_transaction, print_json, print_table, run, settings_of

app = typer.Typer(help="Distribution lists.", no_args_is_help=True)


@app.command(epilog="Example: mailgate list show 6eme-a")
def show(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of the address.")] = "",
    *,
    json: Json = False,
) -> None:
    """List the lists, with how many people each reaches."""
    found = run(in_transaction(settings_of(context), lambda connection: lists(connection, search)))
    if json:
        print_json([{"address": row.address, "label": row.label, "members": row.members} for row in found])
    else:
        print_table("Address", "List", "Members", rows=[(row.address, row.label, str(row.members)) for row in found])


@app.command("members", epilog="Example: mailgate list members 6eme-a.parents@clg-mistral.ent.example.org --why")
def show_members(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Address of the list.")],
    *,
    why: Annotated[bool, typer.Option("--why", help="Say why each person is a member.")] = False,
    json: Json = False,
) -> None:
    """List the members of a list."""
    ...
