"""`mailgate list`: the distribution lists that the directory gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection, Row

from directory.queries import LIST_BY_ADDRESS, LISTS, MEMBERS
from directory.why import Why
from directory.why import why as reasons
from mailgate.cli.context import CommandFailed, Json, in_transaction, print_json, print_table, run, settings_of

app = typer.Typer(help="Distribution lists.", no_args_is_help=True)


@app.command(epilog="Example: mailgate list show 6eme-a")
def show(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of the address; without it, every list.")] = "",
    *,
    json: Json = False,
) -> None:
    """Show the lists, and how many people each reaches."""
    rows = run(in_transaction(settings_of(context), lambda connection: connection.execute(LISTS).all()))
    found = [row for row in rows if search.lower() in row.address]
    if json:
        print_json([row._asdict() for row in found])
    else:
        print_table(
            "Address", "List", "Members", rows=[(row.address, f"{row.label}", str(row.members)) for row in found]
        )


@app.command(epilog="Example: mailgate list members 6eme-a.parents@clg-frederic-mistral.ent.example.org --why")
def members(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Address of the list.")],
    *,
    why: Annotated[bool, typer.Option("--why", help="Say where each membership comes from.")] = False,
    json: Json = False,
) -> None:
    """Show the members of a list."""
    found, because = run(
        in_transaction(settings_of(context), lambda connection: _members(connection, address, why=why))
    )
    words: dict[int, list[str]] = {}
    for reason in because:
        words.setdefault(reason.person_id, []).append(in_words(reason))
    if json:
        shown = [row._asdict() | ({"why": words.get(row.person_id, [])} if why else {}) for row in found]
        print_json(shown)
        return
    columns = ("Name", "Profile", "Address", *(["Why"] if why else []))
    print_table(
        *columns,
        rows=[
            (row.display, row.profile, row.address, *(["; ".join(words.get(row.person_id, []))] if why else []))
            for row in found
        ],
    )


def _members(connection: Connection, address: str, *, why: bool) -> tuple[Sequence[Row[int, str, str, str]], list[Why]]:
    folded = address.strip().lower()
    row = connection.execute(LIST_BY_ADDRESS, {"address": folded}).first()
    if row is None:
        raise CommandFailed(f"there is no list {address}; `mailgate list show` lists them")
    found = connection.execute(MEMBERS, {"list_id": row.list_id}).all()
    return found, reasons(connection, folded) if why else []


def in_words(why: Why) -> str:
    """One reason in a few words."""
    place = why.class_name or why.group_name
    where = f" in {place}" if place else ""
    match why.reason:
        case "guardian":
            return f"guardian of {why.pupil}{where}"
        case "service" | "group_service":
            return f"teaches {why.detail or 'here'}{where}"
        case "head_teacher":
            return f"head teacher{where}"
        case "function":
            return f"function {why.detail}" if why.detail else "function"
        case reason:
            return f"{reason}{where}"
