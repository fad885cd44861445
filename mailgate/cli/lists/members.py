"""`mailgate list members LIST`, and `mailgate list members add|remove`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection, Row

from directory.exclusions import exclusions, left_out
from directory.list_adjustments import Adjustment, adjustments, day
from directory.list_definitions import find
from directory.queries import MEMBERS
from directory.why import ADDED, Why
from directory.why import why as reasons
from mailgate.cli.context import Json, console, in_transaction, print_json, print_table, run, settings_of
from mailgate.cli.groups import ShowFirst
from mailgate.cli.lists import adjusting
from mailgate.cli.lists.common import Address

app = typer.Typer(cls=ShowFirst, help="Members of a list: LIST [--why], add, remove.")
app.command(epilog="Example: mailgate list members add ape@clg-mistral.ent.example.org eva.roy@ent.example.org")(
    adjusting.add
)
app.command(epilog="Example: mailgate list members remove ape@clg-mistral.ent.example.org eva.roy@ent.example.org")(
    adjusting.remove
)


@app.command(epilog="Example: mailgate list members show 6eme-a.parents@clg-frederic-mistral.ent.example.org --why")
def show(
    context: typer.Context,
    address: Address,
    *,
    why: Annotated[
        bool, typer.Option("--why", help="Say where each membership comes from, and who is excluded.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the members of a list."""
    found, because, excluded = run(
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
    for one in excluded:
        console.print(f"Excluded: {one.person} <{one.address}>, {by(one)}")


def _members(
    connection: Connection, address: str, *, why: bool
) -> tuple[Sequence[Row[int, str, str, str]], list[Why], list[Adjustment]]:
    one = find(connection, address)
    found = connection.execute(MEMBERS, {"list_id": one.list_id}).all()
    if not why:
        return found, [], []
    by_school = {(each.reason, each.actor, each.at) for each in exclusions(connection)}
    decided = (each for each in adjustments(connection, one.list_id) if each.excluded)
    excluded = [each for each in decided if (each.reason, each.actor, each.at) not in by_school]
    excluded += left_out(connection, one)
    return found, reasons(connection, one.address), excluded


def by(one: Adjustment) -> str:
    """Who decided, when and why."""
    return f"by {one.actor} on {day(one.at)}" + (f": {one.reason}" if one.reason else "")


def in_words(why: Why) -> str:
    """One reason in a few words."""
    return _fact(why) + "".join(f", in {address}" for address in why.through)


def _fact(why: Why) -> str:
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
        case reason if reason == ADDED:
            return f"added {why.detail}"
        case reason:
            return f"{reason}{where}"
